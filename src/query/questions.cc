#include "query/questions.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/time_format.h"
#include "query/answer.h"
#include "query/query_flags.h"
#include "query/words.h"

namespace millrace {
namespace {

void write_elapsed(JsonWriter& json, TimeNs elapsed) {
  json.key("elapsed_ms").number(static_cast<double>(elapsed / 1000) / 1000);
}

// Members of an object without its braces.
std::string members(JsonWriter& json) {
  std::string text = json.end_object().take();
  return text.substr(1, text.size() - 2);
}

// Puts in the buckets that have no events, and lays the previous period beside.
Result<void> make_drawable(const QueryRequest& request, const Calendar& calendar, QueryAnswer& answer,
                           QueryAnswer& previous) {
  const MetricQuery& query = request.query;
  std::vector<TimeNs> buckets, previous_buckets;
  bool timed = query.every != Every::kNone;
  if (timed && (request.fill || request.previous)) {
    MR_ASSIGN(buckets, calendar.buckets(query.every, query.from, query.to));
  }
  if (request.fill) {
    answer = fill_buckets(answer, query, buckets);
  }
  if (!request.previous) {
    return {};
  }
  if (timed) {
    MR_ASSIGN(previous_buckets, calendar.buckets(query.every, request.previous->from, request.previous->to));
  }
  previous = align(previous, answer, query, buckets, previous_buckets);
  return {};
}

Result<Answer> run_metrics(const QueryRequest& request, StoreReader& store, Clock& clock) {
  TimeNs begin = clock.monotonic();
  MR_ASSIGN(QueryAnswer answer, store.query(request.query, request.budget));
  QueryAnswer previous;
  if (request.previous) {
    QueryBudget rest = request.budget;
    rest.time_ms = std::max<std::int64_t>(1, rest.time_ms - (clock.monotonic() - begin) / 1'000'000);
    MR_ASSIGN(previous, store.query(*request.previous, rest));
  }
  MR_TRY(make_drawable(request, Calendar(&store, request.query.time_zone), answer, previous));
  JsonWriter head, tail;
  head.begin_object();
  write_rows(head, answer);
  tail.begin_object();
  write_elapsed(tail, clock.monotonic() - begin);
  tail.key("rows_read").unsigned_integer(answer.rows_read + previous.rows_read);
  write_cut(tail, answer.cut);
  if (request.previous) {
    tail.key("previous").begin_object();
    write_rows(tail, previous);
    tail.key("rows_read").unsigned_integer(previous.rows_read);
    write_cut(tail, previous.cut);
    tail.end_object();
  }
  return Answer{members(head), members(tail), answer.cut.empty() && previous.cut.empty()};
}

Result<Answer> run_events(const EventsRequest& request, const QueryBudget& budget, StoreReader& store, Clock& clock) {
  TimeNs begin = clock.monotonic();
  MR_ASSIGN(std::vector<std::string> rows, store.events(request.query, budget));
  JsonWriter head, tail;
  head.begin_object().key("events").begin_array();
  for (const std::string& row : rows) {
    head.raw(row);
  }
  head.end_array().key("rows").unsigned_integer(rows.size());
  tail.begin_object();
  write_elapsed(tail, clock.monotonic() - begin);
  return Answer{members(head), members(tail), true};
}

void write_field(JsonWriter& json, const FieldSummary& field) {
  json.begin_object().key("name").string(field.name).key("type").string(field.type);
  json.key("events").unsigned_integer(field.events).key("cardinality").unsigned_integer(field.cardinality);
  json.key("examples").begin_array();
  for (const std::string& example : field.examples) {
    json.raw(example);
  }
  json.end_array().key("declared").boolean(field.declared).end_object();
}

Result<Answer> run_schema(const std::string& project, const QueryBudget& budget, StoreReader& store, Clock& clock) {
  TimeNs begin = clock.monotonic();
  MR_ASSIGN(SchemaAnswer schema, store.schema(project, budget));
  JsonWriter head, tail;
  head.begin_object().key("events").begin_array();
  for (const EventSummary& event : schema.events) {
    head.begin_object().key("event").string(event.event).key("count").unsigned_integer(event.count);
    head.key("first").string(format_rfc3339(event.first)).key("last").string(format_rfc3339(event.last)).end_object();
  }
  head.end_array().key("fields").begin_array();
  for (const FieldSummary& field : schema.fields) {
    write_field(head, field);
  }
  head.end_array().key("sampled_events").unsigned_integer(schema.sampled_events);
  tail.begin_object();
  write_elapsed(tail, clock.monotonic() - begin);
  return Answer{members(head), members(tail), true};
}

std::string events_key(const EventsRequest& request, const std::string& json) {
  return fmt::format("events\n{}\n{}\n{}\n{}", request.query.project, request.query.from, request.query.to, json);
}

}  // namespace

Result<Question> read_question(QuestionKind kind, const std::string& json, const QueryContext& context, Clock& clock) {
  StoreReader& store = *context.store;
  QueryBudget budget = context.budget_max;
  switch (kind) {
    case QuestionKind::kMetrics: {
      MR_ASSIGN(QueryRequest request, parse_metric_query(json, context));
      Question question{request.key, request.min_position, {}};
      question.run = [request = std::move(request), &store, &clock] { return run_metrics(request, store, clock); };
      return question;
    }
    case QuestionKind::kEvents: {
      MR_ASSIGN(EventsRequest request, parse_events_query(json, context));
      Question question{events_key(request, json), request.min_position, {}};
      question.run = [request = std::move(request), budget, &store, &clock] {
        return run_events(request, budget, store, clock);
      };
      return question;
    }
    case QuestionKind::kSchema:
      break;
  }
  Question question{"schema\n" + context.project, std::nullopt, {}};
  question.run = [project = context.project, budget, &store, &clock] {
    return run_schema(project, budget, store, clock);
  };
  return question;
}

Result<std::string> question_json(QuestionKind kind, const http::Head& head) {
  if (kind == QuestionKind::kMetrics) {
    return query_from_url(head.query);
  }
  if (kind == QuestionKind::kEvents) {
    return events_query_from_url(head.query);
  }
  if (!head.query.empty()) {
    return invalid("unknown parameter " + in_quotes(head.query[0].first) + "; GET /v1/schema takes none");
  }
  return std::string();
}

}  // namespace millrace
