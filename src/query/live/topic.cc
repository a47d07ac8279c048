#include "query/live/topic.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/json.h"
#include "base/time_format.h"
#include "query/calendar.h"
#include "query/filter_json.h"
#include "query/problems.h"
#include "query/view_json.h"
#include "query/words.h"

namespace millrace {
namespace {

constexpr TimeNs kRefreshMin = 1'000 * kMillisecond;
constexpr TimeNs kRefreshMax = 3'600'000 * kMillisecond;
constexpr std::string_view kHelp = "use view:NAME, query:{…};refresh=5s, tail, tail:{…}, or health";

// The length of time behind `;word=` at the end of `text`, which is cut off.
Result<TimeNs> take_option(std::string& text, std::string_view word, TimeNs otherwise) {
  std::string begin = fmt::format(";{}=", word);
  std::size_t at = text.rfind(begin);
  if (at == std::string::npos || text.find_first_of("}\"", at) != std::string::npos) {
    return otherwise;
  }
  MR_ASSIGN(TimeNs length, parse_duration(std::string_view(text).substr(at + begin.size())));
  text.resize(at);
  return length;
}

Result<void> read_topic(TopicName& name) {
  std::size_t colon = std::min(name.text.find(':'), name.text.size());
  std::string_view word = std::string_view(name.text).substr(0, colon);
  std::string rest = colon < name.text.size() ? name.text.substr(colon + 1) : std::string();
  if (word == "view" && !rest.empty()) {
    name.kind = TopicName::Kind::kView;
    MR_ASSIGN(name.window, take_option(rest, "window", 0));
    name.view = std::move(rest);
    return {};
  }
  if (word == "query" && !rest.empty()) {
    name.kind = TopicName::Kind::kQuery;
    MR_ASSIGN(name.refresh, take_option(rest, "refresh", 5'000 * kMillisecond));
    if (name.refresh < kRefreshMin || name.refresh > kRefreshMax) {
      return invalid("a query is refreshed every 1s to 1h");
    }
    name.query = std::move(rest);
    return {};
  }
  if (word == "tail") {
    name.kind = TopicName::Kind::kTail;
    if (rest.empty()) {
      return {};
    }
    MR_ASSIGN(Json json, Json::parse(rest));
    MR_ASSIGN(name.where, parse_filter(json, "where", Calendar(nullptr, "UTC"), 0));
    return {};
  }
  if (name.text == "health") {
    name.kind = TopicName::Kind::kHealth;
    return {};
  }
  return invalid("there is no such topic; " + std::string(kHelp));
}

}  // namespace

std::string TopicName::key() const { return fmt::format("{}\n{}\n{}", project, tick, text); }

Result<TopicName> parse_topic(const std::string& text, const std::string& project, TimeNs tick) {
  TopicName name;
  name.text = text;
  name.project = project;
  name.tick = tick;
  Result<void> read = read_topic(name);
  return read.ok() ? Result<TopicName>(std::move(name)) : at("topic " + in_quotes(text), read.error());
}

Topic::Topic(TopicName name, std::uint64_t first_number)
    : name_(std::move(name)), channel_(std::make_shared<http::Channel>()), number_(first_number) {}

http::FramePtr Topic::frame(std::string_view event, TimeNs now, std::string_view members) const {
  JsonWriter topic;
  topic.string(name_.text);
  http::Frame made{number_, fmt::format("event: {}\ndata: {{\"topic\":{},\"seq\":{},\"as_of\":{},{}}}\n\n", event,
                                        topic.text(), number_, now / kMillisecond, members)};
  // Within a frame a line ends it; JSON has line ends between its tokens only.
  std::size_t data = made.bytes.find("\ndata: ") + 1;
  std::replace_if(
      made.bytes.begin() + static_cast<std::ptrdiff_t>(data), made.bytes.end() - 2,
      [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return std::make_shared<const http::Frame>(std::move(made));
}

void Topic::publish(std::string_view event, TimeNs now, std::string_view members) {
  if (!channel_->has_base()) {
    return publish_base(event, now, members, true);
  }
  ++number_;
  channel_->publish(frame(event, now, members));
}

void Topic::publish_base(std::string_view event, TimeNs now, std::string_view members, bool next_number) {
  number_ += next_number ? 1 : 0;
  channel_->publish_base(frame(event, now, members));
}

TimeNs ViewTopic::from(TimeNs now) const {
  TimeNs by_window = INT64_MIN;
  if (name_.window > 0) {
    TimeNs grain = grain_ns(table_.spec().grain);
    by_window = (now - name_.window) / grain * grain;
  }
  return std::max(by_window, table_.kept_from());
}

void ViewTopic::base(TimeNs now, TimeNs from, bool next_number) {
  JsonWriter json;
  json.begin_object();
  table_.write(json, from, INT64_MAX, 0);
  json.key("removed_before").integer(from == INT64_MIN ? 0 : from / kMillisecond);
  json.key("other").unsigned_integer(table_.stats().other);
  json.key("state").string(table_.live() ? "live" : "building").end_object();
  publish_base("snapshot", now, std::string_view(json.text()).substr(1, json.text().size() - 2), next_number);
  version_ = table_.version();
  told_from_ = from;
  told_ = table_.live();
}

bool ViewTopic::tick(TimeNs now) {
  TimeNs from = this->from(now);
  bool anew = table_.reset_version() > version_ || told_ != table_.live();
  if (!channel_->has_base() || anew) {
    base(now, from, true);
    return true;
  }
  bool gone = from > told_from_ && from != INT64_MIN && told_from_ != INT64_MIN;
  bool changed = table_.version() > version_;
  if (!changed && !gone) {
    return false;
  }
  JsonWriter json;
  json.begin_object();
  table_.write(json, from, INT64_MAX, version_);
  json.key("removed_before").integer(from == INT64_MIN ? 0 : from / kMillisecond);
  json.key("other").unsigned_integer(table_.stats().other).end_object();
  publish("delta", now, std::string_view(json.text()).substr(1, json.text().size() - 2));
  version_ = table_.version();
  told_from_ = from;
  if (channel_->wants_base()) {
    base(now, from, false);
  }
  return true;
}

QueryTopic::QueryTopic(TopicName name, std::uint64_t first_number, Submit submit, Ask ask)
    : Topic(std::move(name), first_number), submit_(std::move(submit)), ask_(std::move(ask)) {}

TimeNs QueryTopic::period() const {
  return flight_ != nullptr ? 20 * kMillisecond : std::min(name_.refresh, name_.tick);
}

bool QueryTopic::tick(TimeNs now) {
  if (flight_ == nullptr) {
    if (began_ != INT64_MIN && now >= began_ && now - began_ < name_.refresh) {
      return false;
    }
    began_ = now;
    auto flight = std::make_shared<Flight>();
    bool taken = submit_([flight, ask = ask_, project = name_.project, query = name_.query] {
      Result<Answer> answer = ask(project, query);
      std::lock_guard lock(flight->mutex);
      flight->answer.emplace(std::move(answer));
      flight->done = true;
    });
    if (!taken) {
      began_ = INT64_MIN;  // at the next tick
      return false;
    }
    flight_ = std::move(flight);
    return false;
  }
  {
    std::lock_guard lock(flight_->mutex);
    if (!flight_->done) {
      return false;
    }
  }
  Result<Answer> answer = *std::exchange(flight_, nullptr)->answer;
  if (!answer.ok()) {
    http::Response problem = problem_of(answer.error());
    std::string members = problem.body.substr(1, problem.body.size() - 2);
    if (std::exchange(last_, "error" + members) == "error" + members) {
      return false;
    }
    publish_base("error", now, members, true);
    return true;
  }
  if (channel_->has_base() && last_ == answer->head) {
    return false;  // nothing is new; who comes gets what there is
  }
  last_ = answer->head;
  publish_base("snapshot", now, answer->head + "," + answer->tail, true);
  return true;
}

bool TailTopic::tick(TimeNs now) {
  Tail::Sample sample = tail_.take(watch_);
  if (sample.events.empty() && channel_->has_base()) {
    return false;
  }
  JsonWriter json;
  json.begin_object().key("events").begin_array();
  for (const std::string& event : sample.events) {
    json.raw(event);
  }
  json.end_array().key("left_out").unsigned_integer(sample.left_out).end_object();
  std::string_view members = std::string_view(json.text()).substr(1, json.text().size() - 2);
  publish("tail", now, members);
  if (channel_->wants_base()) {
    publish_base("tail", now, "\"events\":[],\"left_out\":0", false);  // for who comes now
  }
  return true;
}

bool AbsentTopic::tick(TimeNs now) {
  if (channel_->has_base()) {
    return false;
  }
  http::Response problem = http::problem(404, "not-found", "Not on this server",
                                         "Events come by where they are processed. GET /v1/events has the newest "
                                         "ones that are stored.");
  publish_base("error", now, std::string_view(problem.body).substr(1, problem.body.size() - 2), true);
  return true;
}

bool HealthTopic::tick(TimeNs now) {
  std::string health = health_();
  publish_base("health", now, "\"health\":" + health, true);
  return true;
}

}  // namespace millrace
