#include "query/live_api.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <list>
#include <mutex>
#include <optional>

#include <fmt/format.h>

#include "base/log.h"
#include "base/time_format.h"
#include "model/project.h"
#include "query/calendar.h"
#include "query/live/compare.h"
#include "query/live/hub.h"
#include "query/problems.h"
#include "query/time_range.h"
#include "query/view_json.h"
#include "query/words.h"

namespace millrace {
namespace {

constexpr std::string_view kKind = "view";  // in the control log
constexpr std::size_t kTopicsMax = 32;      // of one connection
constexpr std::size_t kBodyBytesMax = 64 << 10;
constexpr std::int64_t kTickMsMin = 100;
constexpr std::int64_t kTickMsMax = 10'000;
constexpr std::string_view kPrefix = "/v1/views/";
constexpr std::int64_t kTlsWaitMs = 50;
constexpr std::string_view kVerified = "events_by_minute";

http::Response ok_json(std::string body) {
  http::Response response;
  response.body = std::move(body);
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

http::Response bad_request(std::string_view detail) {
  return http::problem(400, "invalid-request", "Not a request that can be answered", detail);
}

// A view's id in the control log.
std::string kept_as(const ViewSpec& view) {
  return view.project == kOwnProject ? view.name : view.project + "/" + view.name;
}

struct LiveRequest {
  std::vector<TopicName> topics;
  std::string last_event_id;
};

Result<LiveRequest> read_request(const http::Head& head, const std::string& project) {
  LiveRequest request;
  std::int64_t tick_ms = 250;
  if (const std::string* text = head.parameter("tick"); text != nullptr) {
    auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), tick_ms);
    if (error != std::errc() || end != text->data() + text->size() || tick_ms < kTickMsMin || tick_ms > kTickMsMax) {
      return invalid(fmt::format("tick is a number of milliseconds from {} to {}", kTickMsMin, kTickMsMax));
    }
    tick_ms = tick_ms / 50 * 50;  // so that few different ones have to be made
  }
  for (const auto& [name, value] : head.query) {
    if (name != "topic") {
      continue;
    }
    MR_ASSIGN(TopicName topic, parse_topic(value, project, tick_ms * kMillisecond));
    request.topics.push_back(std::move(topic));
  }
  if (request.topics.empty() || request.topics.size() > kTopicsMax) {
    return invalid(fmt::format("name 1 to {} topics: ?topic=view:events_by_second", kTopicsMax));
  }
  const std::string* parameter = head.parameter("last_event_id");
  request.last_event_id = head.header("last-event-id");
  if (request.last_event_id.empty() && parameter != nullptr) {
    request.last_event_id = *parameter;
  }
  return request;
}

// "INCARNATION.number.number": how far each of the topics had come. Zeros where that can't be told any longer.
std::vector<std::uint64_t> places_of(const std::string& id, const std::string& incarnation, std::size_t topics) {
  std::vector<std::uint64_t> places(topics, 0);
  std::string_view rest = id;
  if (!rest.starts_with(incarnation)) {
    return places;
  }
  rest.remove_prefix(incarnation.size());
  for (std::uint64_t& place : places) {
    auto [end, error] = std::from_chars(rest.data() + (rest.empty() ? 0 : 1), rest.data() + rest.size(), place);
    if (rest.empty() || rest[0] != '.' || error != std::errc()) {
      return std::vector<std::uint64_t>(topics, 0);
    }
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  }
  return rest.empty() ? places : std::vector<std::uint64_t>(topics, 0);
}

constexpr std::string_view kHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n"
    "Connection: close\r\n\r\n";
constexpr std::string_view kRetry = "retry: 1000\n\n";

http::Response refusal(const Error& error) {
  if (error.code == Code::kFull) {
    http::Response response = http::problem(429, "too-many", "Too much is watched at once", error.message);
    response.headers.emplace_back("Retry-After", "5");
    return response;
  }
  return error.code == Code::kUnavailable ? problem_of(error) : bad_request(error.message);
}

}  // namespace

Result<void> declare_views(Views& views, ControlLog& control, const std::vector<std::string>& of_configuration,
                           const std::string& project) {
  for (ViewSpec& spec : built_in_views(project)) {
    MR_TRY(views.declare(std::move(spec)));
  }
  for (const std::string& text : of_configuration) {
    MR_ASSIGN(Json json, Json::parse(text));
    Result<ViewSpec> spec = parse_view(json, project, ViewOrigin::kConfig);
    Result<Views::Declared> declared =
        spec.ok() ? views.declare(std::move(*spec)) : Result<Views::Declared>(spec.error());
    if (!declared.ok()) {
      return invalid(fmt::format("[[views]] {}: {}", text, declared.error().message));
    }
  }
  for (const auto& [name, text] : control.all(std::string(kKind))) {
    std::size_t slash = name.find('/');
    std::string owner = slash == std::string::npos ? kOwnProject : name.substr(0, slash);
    Result<Json> json = Json::parse(text);
    Result<ViewSpec> spec = json.ok() ? parse_view(*json, owner, ViewOrigin::kApi) : Result<ViewSpec>(json.error());
    Result<Views::Declared> declared =
        spec.ok() ? views.declare(std::move(*spec)) : Result<Views::Declared>(spec.error());
    if (!declared.ok()) {  // another of the configuration has its name by now
      log_warning("a view that was made over HTTP is left out", {{"view", name}, {"reason", declared.error().message}});
    }
  }
  return {};
}

class LiveApi::Desk {
 public:
  Desk(const LiveParts& parts, const LiveLimits& limits)
      : parts_(parts),
        limits_(limits),
        fan_out_(http::FanOut::make({.readers = limits.viewers}, parts.metrics)),
        hub_(parts, limits, *fan_out_) {}
  ~Desk() { stop(); }

  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    ended_.notify_all();
    fan_out_->stop();
    hub_.stop();
    tls_.clear();  // joins
  }

  void get_live(const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
    Result<LiveRequest> request = read_request(exchange->head(), principal.project);
    if (!request.ok()) {
      return exchange->reply(refusal(request.error()));
    }
    if (!fan_out_->room()) {
      return exchange->reply(refusal(full("there are as many viewers as are taken")));
    }
    Result<std::vector<http::ChannelPtr>> channels = hub_.open(request->topics);
    if (!channels.ok()) {
      return exchange->reply(refusal(channels.error()));
    }
    if (exchange->head().method == "HEAD") {
      http::Response head;
      head.content_type = "text/event-stream";
      return exchange->reply(std::move(head));
    }
    http::Reader reader;
    reader.id = hub_.incarnation();
    reader.pass = hub_.passes().of(exchange->head());
    std::vector<std::uint64_t> places = places_of(request->last_event_id, reader.id, channels->size());
    for (std::size_t i = 0; i < channels->size(); ++i) {
      bool reached = places[i] <= (*channels)[i]->newest();
      reader.places.push_back({(*channels)[i], reached ? places[i] : 0});
    }
    if (!exchange->can_detach()) {
      return stream_on_a_thread(std::move(exchange), std::move(reader));
    }
    reader.first = std::string(kHead) + std::string(kRetry);
    http::Exchange::detach(std::move(exchange), [this, reader = std::move(reader)](int socket) mutable {
      (void)fan_out_->add(socket, std::move(reader)).ok();  // one for whom there is no room is closed, and comes again
    });
  }

  Result<std::string> verify_views(const std::function<bool()>& wait) {
    ViewSpecPtr view = parts_.views.find(std::string(kVerified));
    if (view == nullptr) {
      return not_found("there is no view to compare");
    }
    MR_ASSIGN(std::string before, hub_.view_json(view, INT64_MIN, INT64_MAX));
    MR_ASSIGN(std::string question, question_about(before, parts_.clock.wall() / kMillisecond));
    if (!wait()) {
      return unavailable("the store is too far behind to be compared with the views");
    }
    ViewsComparison found;
    if (!question.empty()) {
      MR_ASSIGN(std::string store, hub_.ask(view->project, question));
      MR_ASSIGN(std::string after, hub_.view_json(view, INT64_MIN, INT64_MAX));
      MR_ASSIGN(found, compare_views(before, store, after));
    }
    JsonWriter json;
    json.begin_object().key("minutes").unsigned_integer(found.minutes).key("events").unsigned_integer(found.events);
    json.key("moving").unsigned_integer(found.moving).key("differ").unsigned_integer(found.differ);
    json.key("equal").boolean(found.differ == 0).key("remark").string(found.first).end_object();
    return json.take();
  }

  void list_views(const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
    JsonWriter json;
    json.begin_object().key("views").begin_array();
    for (const ViewSpecPtr& spec : parts_.views.list()) {
      if (spec->project == principal.project) {
        hub_.describe_view(json, spec);
      }
    }
    exchange->reply(ok_json(json.end_array().end_object().take()));
  }

  void get_view(const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
    const http::Head& head = exchange->head();
    std::string name = head.path.substr(kPrefix.size());
    ViewSpecPtr spec = parts_.views.find(name);
    if (spec == nullptr || spec->project != principal.project) {
      return exchange->reply(
          http::problem(404, "not-found", "No such view", "GET /v1/views lists the views that there are."));
    }
    TimeNs from = INT64_MIN;
    TimeNs to = INT64_MAX;
    for (auto [word, time] : {std::pair("from", &from), std::pair("to", &to)}) {
      const std::string* text = head.parameter(word);
      if (text == nullptr) {
        continue;
      }
      Result<TimeNs> read = read_time(*text);
      if (!read.ok()) {
        return exchange->reply(bad_request(std::string(word) + ": " + read.error().message));
      }
      *time = *read;
    }
    Result<std::string> json = hub_.view_json(spec, from, to);
    exchange->reply(json.ok() ? ok_json(std::move(*json)) : refusal(json.error()));
  }

  void create_view(const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
    http::Exchange::read_body(std::move(exchange), kBodyBytesMax,
                              [this, principal](std::unique_ptr<http::Exchange> whole, std::string_view body) {
                                whole->reply(create(principal, body));
                              });
  }

  void delete_view(const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
    std::string name = exchange->head().path.substr(kPrefix.size());
    ViewSpecPtr spec = parts_.views.find(name);
    if (spec == nullptr || spec->project != principal.project) {
      return exchange->reply(
          http::problem(404, "not-found", "No such view", "GET /v1/views lists the views that there are."));
    }
    if (spec->origin != ViewOrigin::kApi) {
      return exchange->reply(http::problem(409, "conflict", "This view can't be removed",
                                           "It is built in, or declared in the configuration file."));
    }
    if (Result<void> kept = parts_.control.remove(std::string(kKind), kept_as(*spec)); !kept.ok()) {
      return exchange->reply(http::problem(503, "unavailable", "The view could not be removed", kept.error().message));
    }
    (void)parts_.views.remove(name).ok();
    http::Response response;
    response.status = 204;
    response.content_type.clear();
    exchange->reply(std::move(response));
  }

 private:
  Result<TimeNs> read_time(const std::string& text) const {
    MR_ASSIGN(Json json, Json::parse(text.find_first_not_of("0123456789") == std::string::npos && !text.empty()
                                         ? text
                                         : json_string(text)));
    return parse_time(json, Calendar(nullptr, "UTC"), parts_.clock.wall());
  }
  static std::string json_string(std::string_view text) {
    std::string quoted;
    append_json_string(quoted, text);
    return quoted;
  }

  http::Response create(const Principal& principal, std::string_view body) {
    Result<Json> json = Json::parse(body);
    Result<ViewSpec> spec =
        json.ok() ? parse_view(*json, principal.project, ViewOrigin::kApi) : Result<ViewSpec>(json.error());
    if (!spec.ok()) {
      return bad_request(spec.error().message);
    }
    std::string name = spec->name;
    std::string declaration = spec->json;
    std::string id = kept_as(*spec);
    std::lock_guard lock(changes_);
    Result<Views::Declared> declared = parts_.views.declare(std::move(*spec));
    if (!declared.ok()) {
      bool taken = declared.error().code == Code::kNotFound;
      return taken ? http::problem(409, "conflict", "Another view has this name",
                                   "Remove it first, or choose another name.")
                   : refusal(declared.error());
    }
    if (*declared == Views::Declared::kNew) {
      if (Result<void> kept = parts_.control.put(std::string(kKind), id, declaration); !kept.ok()) {
        (void)parts_.views.remove(name).ok();
        return http::problem(503, "unavailable", "The view could not be kept", kept.error().message);
      }
    }
    JsonWriter made;
    if (ViewSpecPtr view = parts_.views.find(name)) {
      hub_.describe_view(made, view);
    }
    http::Response response = ok_json(made.take());
    response.status = *declared == Views::Declared::kNew ? 201 : 200;
    return response;
  }

  // With TLS, whose bytes are each viewer's own, a thread writes them.
  void stream_on_a_thread(std::unique_ptr<http::Exchange> exchange, http::Reader reader) {
    std::lock_guard lock(mutex_);
    tls_.remove_if([](const TlsViewer& viewer) { return viewer.ended.load(); });
    if (stopping_ || tls_.size() >= limits_.viewers_tls) {
      return exchange->reply(refusal(
          full(fmt::format("over TLS {} viewers are taken; put a proxy in front for more", limits_.viewers_tls))));
    }
    TlsViewer& viewer = tls_.emplace_back();
    viewer.exchange = std::move(exchange);
    viewer.reader = std::move(reader);
    viewer.thread.emplace("live-tls", [this, &viewer] {
      parts_.metrics.add(Metric::kLiveViewers);
      stream(viewer);
      viewer.exchange.reset();
      parts_.metrics.add(Metric::kLiveViewers, -1);
      viewer.ended = true;
    });
  }

  struct TlsViewer {
    std::unique_ptr<http::Exchange> exchange;
    http::Reader reader;
    std::atomic<bool> ended = false;
    std::optional<Thread> thread;
  };

  void stream(TlsViewer& viewer) {
    http::Exchange& exchange = *viewer.exchange;
    if (!exchange.begin(200, {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}}).ok() ||
        !exchange.write(kRetry).ok()) {
      return;
    }
    TimeNs told = parts_.clock.monotonic();
    while (!exchange.abandoned() && !viewer.reader.pass->ended) {
      {
        std::unique_lock lock(mutex_);
        if (stopping_) {
          return;
        }
      }
      bool any = false;
      for (http::Reader::Place& place : viewer.reader.places) {
        http::FramePtr frame = place.channel->next(place.after);
        if (frame == nullptr) {
          continue;
        }
        place.after = frame->number;
        std::string id = "id: " + viewer.reader.id;
        for (const http::Reader::Place& each : viewer.reader.places) {
          id += "." + std::to_string(each.after);
        }
        if (!exchange.write(id + "\n" + frame->bytes).ok()) {
          return;
        }
        parts_.metrics.add(Metric::kLiveFrames);
        any = true;
      }
      TimeNs now = parts_.clock.monotonic();
      if (!any && now - told > 14'000 * kMillisecond && !exchange.write(":\n\n").ok()) {
        return;
      }
      told = any || now - told > 14'000 * kMillisecond ? now : told;
      std::unique_lock lock(mutex_);
      ended_.wait_for(lock, std::chrono::milliseconds(kTlsWaitMs), [this] { return stopping_; });
    }
  }

  const LiveParts parts_;
  const LiveLimits limits_;
  std::unique_ptr<http::FanOut> fan_out_;
  LiveHub hub_;
  std::mutex changes_;  // one view is made at a time
  std::mutex mutex_;
  std::condition_variable ended_;
  bool stopping_ = false;
  std::list<TlsViewer> tls_;
};

LiveApi::LiveApi(const LiveParts& parts, const LiveLimits& limits) : desk_(std::make_unique<Desk>(parts, limits)) {}
LiveApi::~LiveApi() = default;
void LiveApi::get_live(const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
  desk_->get_live(principal, std::move(exchange));
}
void LiveApi::list_views(const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
  desk_->list_views(principal, std::move(exchange));
}
void LiveApi::get_view(const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
  desk_->get_view(principal, std::move(exchange));
}
void LiveApi::create_view(const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
  desk_->create_view(principal, std::move(exchange));
}
void LiveApi::delete_view(const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
  desk_->delete_view(principal, std::move(exchange));
}
Result<std::string> LiveApi::verify_views(const std::function<bool()>& wait) { return desk_->verify_views(wait); }
void LiveApi::stop() { desk_->stop(); }

}  // namespace millrace
