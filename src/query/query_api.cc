#include "query/query_api.h"

#include <optional>
#include <string>
#include <utility>

#include "query/as_of.h"
#include "query/position_waiter.h"
#include "query/problems.h"
#include "query/questions.h"
#include "query/shared_answers.h"
#include "query/worker_pool.h"

namespace millrace {
namespace {

// A question on its way.
struct Job {
  QuestionKind kind = QuestionKind::kMetrics;
  std::string project;
  std::unique_ptr<http::Exchange> exchange;
  std::string json;
  TimeNs asked = 0;                  // monotonic
  TimeNs queued = 0;                 // monotonic
  std::optional<Question> question;  // once it has been read
};

http::Response response_of(const Answer& answer, const AsOf& as_of) {
  JsonWriter middle;
  middle.begin_object();
  write_as_of(middle, as_of);
  middle.end_object();
  http::Response response;
  response.body.reserve(answer.head.size() + answer.tail.size() + middle.text().size() + 2);
  response.body += "{" + answer.head + ",";
  response.body.append(middle.text(), 1, middle.text().size() - 2);
  response.body += "," + answer.tail + "}";
  return response;
}

}  // namespace

class QueryApi::Desk {
 public:
  Desk(StoreReader& store, Progress& progress, Stream& stream, Clock& clock, Metrics& metrics,
       const QueryLimits& limits)
      : store_(store),
        progress_(progress),
        stream_(stream),
        clock_(clock),
        metrics_(metrics),
        limits_(limits),
        shared_(limits.joined, limits.kept_bytes),
        pool_(limits.threads, limits.queue, [this](Job job) { work(std::move(job)); }),
        waiter_(progress, stream, clock, limits.position_waiters, limits.position_ms_max,
                [this](Job job, bool reached) { after_wait(std::move(job), reached); }) {}

  void post(const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
    metrics_.add(Metric::kQueryRequests);
    std::string_view encoding = exchange->head().header("content-encoding");
    if (!encoding.empty() && encoding != "identity") {
      return refuse(*exchange, unsupported_encoding());
    }
    http::Exchange::read_body(
        std::move(exchange), limits_.body_bytes,
        [this, project = principal.project](std::unique_ptr<http::Exchange> whole, std::string_view body) {
          take(QuestionKind::kMetrics, project, std::move(whole), std::string(body));
        });
  }

  void get(QuestionKind kind, const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
    metrics_.add(Metric::kQueryRequests);
    Result<std::string> json = question_json(kind, exchange->head());
    if (!json.ok()) {
      return refuse(*exchange, problem_of(json.error()));
    }
    take(kind, principal.project, std::move(exchange), std::move(*json));
  }

  void stop() {
    for (Job& job : waiter_.stop()) {
      refuse(*job.exchange, stopping());
    }
    for (Job& job : pool_.stop()) {
      refuse(*job.exchange, stopping());
    }
  }

 private:
  void take(QuestionKind kind, const std::string& project, std::unique_ptr<http::Exchange> exchange, std::string json) {
    enqueue({kind, project, std::move(exchange), std::move(json), clock_.monotonic(), 0, {}});
  }

  void enqueue(Job job) {
    job.queued = clock_.monotonic();
    if (!pool_.submit(job)) {
      refuse(*job.exchange, too_many());
    }
  }

  void refuse(http::Exchange& exchange, http::Response response) {
    metrics_.add(Metric::kQueryFailures);
    exchange.reply(std::move(response));
  }

  // On a thread of the pool.
  void work(Job job) {
    if (job.exchange->abandoned()) {
      return;
    }
    if (clock_.monotonic() - job.queued > limits_.queue_ms_max * 1'000'000) {
      return refuse(*job.exchange, too_many());
    }
    if (!job.question) {
      Result<Question> question = read(job);
      if (!question.ok()) {
        return refuse(*job.exchange, problem_of(question.error()));
      }
      job.question = std::move(*question);
    }
    const std::optional<Position>& needed = job.question->min_position;
    AsOf as_of = take_as_of(progress_, stream_);
    if (needed && !covers(as_of, *needed)) {
      return wait(std::move(job));
    }
    answer(std::move(job), as_of);
  }

  Result<Question> read(const Job& job) {
    QueryContext context{job.project, clock_.wall(), &store_, limits_.budget};
    MR_ASSIGN(Question question, read_question(job.kind, job.json, context, clock_));
    if (question.min_position) {
      MR_TRY(check_position(*question.min_position, stream_));
    }
    return question;
  }

  void wait(Job job) {
    Position needed = *job.question->min_position;
    if (!waiter_.add(job, needed)) {
      refuse(*job.exchange, too_many());
    }
  }

  // On the waiter's thread.
  void after_wait(Job job, bool reached) {
    if (!reached) {
      return refuse(*job.exchange, position_not_reached(*job.question->min_position, limits_.position_ms_max));
    }
    enqueue(std::move(job));
  }

  void answer(Job job, const AsOf& as_of) {
    const Question& question = *job.question;
    Answer kept;
    switch (shared_.claim(question.key, as_of, question.min_position, clock_.monotonic(), job.exchange, kept)) {
      case SharedAnswers::Claim::kJoined:
        return;
      case SharedAnswers::Claim::kFull:
        return refuse(*job.exchange, too_many());
      case SharedAnswers::Claim::kKept:
        return send(*job.exchange, kept, as_of, job.asked);
      case SharedAnswers::Claim::kAlone:
        return send(*job.exchange, question.run(), as_of, job.asked);
      case SharedAnswers::Claim::kRun:
        break;
    }
    Result<Answer> result = question.run();
    auto joined = shared_.finish(question.key, result.ok() ? &*result : nullptr, clock_.monotonic());
    send(*job.exchange, result, as_of, job.asked);
    for (std::unique_ptr<http::Exchange>& exchange : joined) {
      send(*exchange, result, as_of, clock_.monotonic());
    }
  }

  void send(http::Exchange& exchange, const Result<Answer>& result, const AsOf& as_of, TimeNs asked) {
    metrics_.add(Metric::kQueryTime, (clock_.monotonic() - asked) / 1000);
    if (!result.ok()) {
      return refuse(exchange, problem_of(result.error()));
    }
    metrics_.add(Metric::kQueryFailures, result->whole ? 0 : 1);
    exchange.reply(response_of(*result, as_of));
  }

  StoreReader& store_;
  Progress& progress_;
  Stream& stream_;
  Clock& clock_;
  Metrics& metrics_;
  const QueryLimits limits_;
  SharedAnswers shared_;
  WorkerPool<Job> pool_;
  PositionWaiter<Job> waiter_;
};

QueryApi::QueryApi(StoreReader& store, Progress& progress, Stream& stream, Clock& clock, Metrics& metrics,
                   const QueryLimits& limits)
    : desk_(std::make_unique<Desk>(store, progress, stream, clock, metrics, limits)) {}

QueryApi::~QueryApi() { stop(); }

void QueryApi::post_query(const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
  desk_->post(principal, std::move(exchange));
}
void QueryApi::get_query(const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
  desk_->get(QuestionKind::kMetrics, principal, std::move(exchange));
}
void QueryApi::get_schema(const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
  desk_->get(QuestionKind::kSchema, principal, std::move(exchange));
}
void QueryApi::get_events(const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
  desk_->get(QuestionKind::kEvents, principal, std::move(exchange));
}
void QueryApi::stop() { desk_->stop(); }

}  // namespace millrace
