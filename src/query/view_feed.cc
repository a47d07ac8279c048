#include "query/view_feed.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <optional>

#include <fmt/format.h>

#include "base/time_format.h"
#include "io/random.h"
#include "io/thread.h"
#include "query/feed/writer.h"

namespace millrace {
namespace {

constexpr TimeNs kAnewNs = 1'000 * kMillisecond;  // everything is told again at most so often
constexpr TimeNs kPassNs = 1'000 * kMillisecond;  // a reader's key is looked at again

}  // namespace

class ViewFeed::Desk {
 public:
  Desk(const ViewFeedParts& parts, const ViewFeedLimits& limits)
      : parts_(parts), limits_(limits), writer_(parts.views, random_number(), parts.generation) {
    hello_ = writer_.hello();
    thread_.emplace("view-feed", [this] { run(); });
  }
  ~Desk() { stop(); }

  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    readers_.clear();  // joins
    thread_.reset();
  }

  void get_feed(std::unique_ptr<http::Exchange> exchange) {
    std::lock_guard lock(mutex_);
    readers_.remove_if([](const Reader& reader) { return reader.ended.load(); });
    if (stopping_ || readers_.size() >= limits_.readers) {
      http::Response response = http::problem(429, "too-many", "The feed of views has too many readers",
                                              fmt::format("{} servers are taken.", limits_.readers));
      response.headers.emplace_back("Retry-After", "5");
      return exchange->reply(std::move(response));
    }
    if (exchange->head().method == "HEAD") {
      return exchange->reply({});
    }
    Reader& reader = readers_.emplace_back();
    reader.arrival = arrivals_++;
    reader.exchange = std::move(exchange);
    reader.thread.emplace("feed-reader", [this, &reader] {
      tell(reader);
      reader.exchange.reset();
      std::lock_guard end(mutex_);
      --reading_;
      std::erase(coming_, &reader);
      reader.ended = true;
      changed_.notify_all();
    });
    ++reading_;
    coming_.push_back(&reader);
    changed_.notify_all();
  }

 private:
  struct Reader {
    std::unique_ptr<http::Exchange> exchange;
    std::uint64_t arrival = 0;
    std::optional<std::uint64_t> next;  // the frame that it needs next; none until it has been let begin
    std::atomic<bool> ended = false;
    std::optional<Thread> thread;
  };
  // shared_ptr: a frame is held by the queue, and by each reader that writes it at the moment.
  using Frame = std::shared_ptr<const std::string>;

  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (reading_ == 0) {
        forget(lock);
        changed_.wait(lock, [this] { return stopping_ || reading_ > 0; });
        continue;
      }
      TimeNs began = parts_.clock.monotonic();
      tick(lock, began);
      TimeNs left = began + limits_.tick_ms * kMillisecond - parts_.clock.monotonic();
      changed_.wait_for(lock, std::chrono::nanoseconds(std::max<TimeNs>(left, 0)), [this] { return stopping_; });
    }
  }

  void forget(std::unique_lock<std::mutex>& lock) {
    first_ += frames_.size();
    frames_.clear();
    bytes_ = 0;
    lock.unlock();
    writer_.rest();
    lock.lock();
  }

  void tick(std::unique_lock<std::mutex>& lock, TimeNs now) {
    bool anew = !coming_.empty() && (now >= anew_ || coming_.size() == reading_);
    std::uint64_t came = arrivals_;  // who comes while this is made begins later
    anew_ = anew ? now + kAnewNs : anew_;
    bool always = now - told_ >= limits_.silence_ms * kMillisecond;
    lock.unlock();
    if (anew) {
      writer_.begin_anew();
    }
    std::vector<std::string> made = writer_.tick(parts_.progress.partitions(), always);
    lock.lock();
    std::erase_if(coming_, [&](Reader* reader) {
      bool begins = anew && reader->arrival < came;
      reader->next = begins ? std::optional(first_ + frames_.size()) : std::nullopt;
      return begins;
    });
    for (std::string& frame : made) {
      bytes_ += frame.size();
      frames_.push_back(std::make_shared<const std::string>(std::move(frame)));
    }
    // What was told last stays, however much it is: else nobody could begin.
    while (bytes_ > limits_.waiting_bytes && frames_.size() > made.size()) {
      bytes_ -= frames_.front()->size();
      frames_.pop_front();
      ++first_;
    }
    told_ = made.empty() ? told_ : now;
    changed_.notify_all();
  }

  // The next frame of a reader; null when it is to end.
  Frame next(Reader& reader) {
    std::unique_lock lock(mutex_);
    auto there = [&] { return stopping_ || (reader.next && *reader.next < first_ + frames_.size()); };
    while (!changed_.wait_for(lock, std::chrono::nanoseconds(kPassNs), there)) {
      if (reader.exchange->abandoned()) {
        return nullptr;
      }
    }
    if (stopping_ || *reader.next < first_) {  // too slow: it comes again, and is told everything anew
      return nullptr;
    }
    return frames_[(*reader.next)++ - first_];
  }

  void tell(Reader& reader) {
    http::Exchange& exchange = *reader.exchange;
    if (!exchange.begin(200, {{"Content-Type", "application/octet-stream"}, {"Cache-Control", "no-store"}}).ok() ||
        !exchange.write(hello_).ok()) {
      return;
    }
    TimeNs looked = parts_.clock.monotonic();
    while (Frame frame = next(reader)) {
      TimeNs now = parts_.clock.monotonic();
      if (now - looked >= kPassNs) {
        looked = now;
        if (!parts_.admits(exchange.head())) {
          return;
        }
      }
      if (!exchange.write(*frame).ok()) {
        return;
      }
    }
  }

  const ViewFeedParts parts_;
  const ViewFeedLimits limits_;
  FeedWriter writer_;  // of the feed's thread
  std::string hello_;
  TimeNs anew_ = INT64_MIN;
  TimeNs told_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::deque<Frame> frames_;
  std::uint64_t first_ = 0;  // the number of the first of them
  std::size_t bytes_ = 0;
  std::uint64_t arrivals_ = 0;
  std::size_t reading_ = 0;      // readers whose threads have not ended
  std::vector<Reader*> coming_;  // readers that have not begun
  std::list<Reader> readers_;
  std::optional<Thread> thread_;
};

ViewFeed::ViewFeed(const ViewFeedParts& parts, const ViewFeedLimits& limits)
    : desk_(std::make_unique<Desk>(parts, limits)) {}
ViewFeed::~ViewFeed() = default;
void ViewFeed::get_feed(const Principal&, std::unique_ptr<http::Exchange> exchange) {
  desk_->get_feed(std::move(exchange));
}
void ViewFeed::stop() { desk_->stop(); }

}  // namespace millrace
