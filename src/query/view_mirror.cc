#include "query/view_mirror.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>

#include <fmt/format.h>

#include "base/json.h"
#include "base/log.h"
#include "base/time_format.h"
#include "http/client.h"
#include "io/thread.h"
#include "query/feed/merge.h"

namespace millrace {
namespace {

constexpr std::int64_t kCallMs = 365LL * 86'400'000;  // a stream ends when it breaks, or says nothing
constexpr std::int64_t kRetryMs = 100;

}  // namespace

class ViewMirror::Lines {
 public:
  Lines(const ViewMirrorParts& parts, const ViewMirrorOptions& options)
      : parts_(parts), options_(options), merge_(parts.views, parts.generation, options.processors) {}
  ~Lines() { stop(); }

  Result<void> start() {
    for (std::size_t i = 0; i < options_.processors.size(); ++i) {
      Line& line = *lines_.emplace_back(std::make_unique<Line>());
      line.source = i;
      MR_ASSIGN(line.client, http::Client::create(options_.processors[i]));
    }
    for (auto& line : lines_) {
      line->thread.emplace("view-mirror", [this, one = line.get()] { follow(*one); });
    }
    watch_.emplace("mirror-watch", [this] { watch(); });
    return {};
  }

  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    woken_.notify_all();
    watch_.reset();
    for (auto& line : lines_) {
      line->thread.reset();
    }
  }

  FeedMerge& merge() { return merge_; }
  TimeNs now() const { return parts_.clock.monotonic(); }

 private:
  struct Line {
    std::size_t source = 0;
    std::unique_ptr<http::Client> client;
    std::optional<Thread> thread;
    TimeNs heard = 0;  // under mutex_; 0: it isn't connected
  };

  void follow(Line& line) {
    std::int64_t pause_ms = kRetryMs;
    std::string told;
    while (true) {
      bool heard = false;
      std::string reason = follow_once(line, heard);
      if (stopping()) {
        return;
      }
      merge_.end(line.source, reason);
      if (reason != told) {
        told = reason;
        log_warning("the views of a processor are not told on; it is tried again",
                    {{"processor", options_.processors[line.source]}, {"reason", reason}});
      }
      pause_ms = heard ? kRetryMs : std::min(pause_ms * 2, options_.retry_ms_max);
      std::unique_lock lock(mutex_);
      if (woken_.wait_for(lock, std::chrono::milliseconds(pause_ms), [this] { return stopping_; })) {
        return;
      }
      told = heard ? std::string() : told;
    }
  }

  // Until the connection ends; gives why.
  std::string follow_once(Line& line, bool& heard) {
    merge_.begin(line.source);
    http::ClientRequest request;
    request.target = "/v1/view-feed";
    request.headers = {{"Authorization", "Bearer " + options_.key}};
    FeedCutter cutter;
    Result<void> taken;
    if (!hear(line)) {
      return unheard(line), "";
    }
    auto piece = [&](std::string_view bytes) {
      cutter.add(bytes);
      taken = take_frames(line, cutter, heard);
      return hear(line) && taken.ok();
    };
    Result<http::ClientResponse> answer = line.client->stream(request, kCallMs, piece);
    unheard(line);
    if (!taken.ok()) {
      return taken.error().message;
    }
    if (!answer.ok()) {
      return answer.error().message;
    }
    if (answer->status == 401 || answer->status == 403) {
      Result<Json> problem = Json::parse(answer->body);
      const Json* detail = problem.ok() ? problem->find("detail") : nullptr;
      return fmt::format(
          "it answers {} to query.processors_key: {} Several processors take one key if each is started with it as "
          "MILLRACE_FEED_KEY.",
          answer->status, detail != nullptr && detail->is_string() ? detail->text() : std::string());
    }
    if (answer->status == 404) {
      return "it has no feed of views: it must have the role process, and this version";
    }
    return answer->status / 100 == 2 ? "it has ended the connection"
                                     : fmt::format("it answers {}: {}", answer->status, answer->body.substr(0, 300));
  }

  Result<void> take_frames(Line& line, FeedCutter& cutter, bool& heard) {
    for (;;) {
      MR_ASSIGN(std::string_view body, cutter.next());
      if (body.empty()) {
        return {};
      }
      MR_TRY(merge_.take(line.source, body, now()));
      heard = true;
    }
  }

  // False when it is time to end.
  bool hear(Line& line) {
    std::lock_guard lock(mutex_);
    line.heard = now();
    return !stopping_;
  }
  void unheard(Line& line) {
    std::lock_guard lock(mutex_);
    line.heard = 0;
  }
  bool stopping() {
    std::lock_guard lock(mutex_);
    return stopping_;
  }

  // Ends the connections of processors that say nothing, and at the end all.
  void watch() {
    std::unique_lock lock(mutex_);
    do {
      for (auto& line : lines_) {
        if (line->heard != 0 && (stopping_ || now() - line->heard > options_.silence_ms * kMillisecond)) {
          line->client->cancel();
        }
      }
      if (stopping_ && std::none_of(lines_.begin(), lines_.end(), [](const auto& line) { return line->heard != 0; })) {
        return;
      }
      woken_.wait_for(lock, std::chrono::milliseconds(stopping_ ? 10 : 250));
    } while (true);
  }

  const ViewMirrorParts parts_;
  const ViewMirrorOptions options_;
  FeedMerge merge_;
  std::mutex mutex_;
  std::condition_variable woken_;
  bool stopping_ = false;
  std::vector<std::unique_ptr<Line>> lines_;
  std::optional<Thread> watch_;
};

Result<std::unique_ptr<ViewMirror>> ViewMirror::start(const ViewMirrorParts& parts, const ViewMirrorOptions& options) {
  auto lines = std::make_unique<Lines>(parts, options);
  MR_TRY(lines->start());
  return std::unique_ptr<ViewMirror>(new ViewMirror(std::move(lines)));
}

ViewMirror::ViewMirror(std::unique_ptr<Lines> lines) : lines_(std::move(lines)) {}
ViewMirror::~ViewMirror() = default;

std::vector<PartitionProgress> ViewMirror::partitions() const { return lines_->merge().progress(lines_->now()); }
bool ViewMirror::wait_stored(PartitionId partition, SequenceNumber until, std::int64_t timeout_ms) {
  return lines_->merge().wait_stored(partition, until, timeout_ms);
}
std::string ViewMirror::trouble(const ViewSpec& view) const { return lines_->merge().trouble(view); }
void ViewMirror::stop() { lines_->stop(); }

void ViewMirror::describe(JsonWriter& json) const {
  TimeNs now = lines_->now();
  json.key("processors").begin_array();
  for (const FeedMerge::Status& one : lines_->merge().status()) {
    json.begin_object().key("address").string(one.address).key("up").boolean(one.up).key("heard_ms");
    one.heard == kNoTime ? json.null() : json.integer((now - one.heard) / kMillisecond);
    json.key("partitions").begin_array();
    for (PartitionId partition : one.partitions) {
      json.unsigned_integer(partition.value);
    }
    json.end_array().key("reason");
    one.reason.empty() ? json.null() : json.string(one.reason);
    json.end_object();
  }
  json.end_array();
}

}  // namespace millrace
