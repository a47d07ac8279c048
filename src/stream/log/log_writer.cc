#include "stream/log/log_writer.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/sabotage.h"

namespace millrace {
namespace {

// A longer group goes out in several writes: its first records need not wait for its last.
constexpr std::uint64_t kGroupBytesMax = 8 << 20;

}  // namespace

LogWriter::LogWriter(WriterContext context, SequenceNumber next, TimeNs newest_received)
    : context_(std::move(context)), next_(next), durable_(next), received_(newest_received) {}

LogWriter::~LogWriter() {
  stop();
  Error reason = unavailable("the log has gone");
  refuse(rest(), reason);
  take_group();
  refuse(rest(), reason);
}

void LogWriter::start() {
  thread_.emplace("log-writer", [this] { run(); });
}

Result<void> LogWriter::append(const Append& batch) {
  MR_CHECK(batch.events > 0 && batch.listener != nullptr);
  if (batch.payload.size() > kPayloadBytesMax) {
    return invalid("a record of more than 256 MB");
  }
  MR_TRY(context_.status.check());
  if (!context_.status.take_bytes(batch.payload.size())) {
    return full("too many bytes wait for the log's disk");
  }
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    if (stopping_) {
      context_.status.give_bytes(batch.payload.size());
      return unavailable("the log is being closed");
    }
    waiting_.push_back(batch);
    untold_bytes_.fetch_add(batch.payload.size(), std::memory_order_relaxed);
    wake = std::exchange(asleep_, false);
  }
  if (wake) {
    work_.notify_one();
  }
  return {};
}

std::int64_t LogWriter::waiting_ms() const {
  return static_cast<std::int64_t>(static_cast<double>(untold_bytes_.load(std::memory_order_relaxed)) *
                                   ns_per_byte_.load(std::memory_order_relaxed) / 1e6);
}

void LogWriter::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_one();
  if (thread_) {
    thread_->join();
  }
}

void LogWriter::run() {
  while (true) {
    switch (step()) {
      case WriterStep::kAgain:
        break;
      case WriterStep::kIdle:
        wait_for_work();
        break;
      case WriterStep::kNoSpare:
        context_.spares.wait();
        break;
      case WriterStep::kClosed:
        return;
    }
  }
}

void LogWriter::wait_for_work() {
  std::unique_lock lock(mutex_);
  while (waiting_.empty() && !stopping_) {
    asleep_ = true;
    work_.wait(lock);
  }
  asleep_ = false;
}

WriterStep LogWriter::step() {
  if (rest().empty()) {
    bool more_may_come = take_group();
    if (rest().empty() && more_may_come) {
      return WriterStep::kIdle;
    }
    if (rest().empty()) {
      close_segment();
      return WriterStep::kClosed;
    }
  }
  if (!active_ && !context_.status.failed()) {
    Result<bool> begun = begin_segment();
    if (begun.ok() && !*begun) {
      return WriterStep::kNoSpare;
    }
    if (!begun.ok()) {
      if (begun.error().code != Code::kFull) {
        context_.status.fail(begun.error());  // a disk that can't make a file is no place to acknowledge from
      } else {
        context_.status.set_disk_full(begun.error());  // from now on the next ones are refused before they are read
      }
      refuse(rest(), begun.error());
      return WriterStep::kAgain;
    }
  }
  if (Result<void> written = write_some(rest()); !written.ok()) {
    refuse(rest(), written.error());
  }
  return WriterStep::kAgain;
}

bool LogWriter::take_group() {
  group_.clear();
  told_ = 0;
  std::lock_guard lock(mutex_);
  group_.swap(waiting_);
  return !stopping_;
}

Result<void> LogWriter::write_some(std::span<const Append> batches) {
  if (context_.status.failed()) {
    return context_.status.check().error();
  }
  SequenceNumber first = next_;
  std::size_t encoded = encode(batches);
  if (sabotaged(Sabotage::kAcknowledgeEarly)) {
    tell(batches.first(encoded), first);
  }
  MR_TRY(flush());
  publish();
  if (!sabotaged(Sabotage::kAcknowledgeEarly)) {
    tell(batches.first(encoded), first);
  }
  if (segment_full_) {
    active_.reset();
    context_.wake_housekeeping();
  }
  return {};
}

Result<bool> LogWriter::begin_segment() {
  MR_ASSIGN(std::optional<Spare> spare, context_.spares.take());
  if (!spare) {
    return false;
  }
  context_.wake_housekeeping();
  active_.emplace();
  active_->spare = *std::move(spare);
  segment_full_ = false;
  return true;
}

std::size_t LogWriter::encode(std::span<const Append> batches) {
  buffer_.begin(active_->offset);
  if (active_->offset == 0) {
    buffer_.add_bytes(encode_segment_header({identity(), next_, received_}));
  }
  std::size_t encoded = 0;
  for (const Append& batch : batches) {
    std::uint64_t end = buffer_.end() + frame_bytes(batch.payload.size()) + kFrameHeaderBytes;  // with a footer
    bool has_records = buffer_.end() > kSegmentHeaderBytes;
    // A record larger than a segment has one of its own, which grows.
    if (end > active_->spare.bytes && has_records) {
      segment_full_ = true;
      break;
    }
    if (encoded > 0 && buffer_.bytes() + batch.payload.size() > kGroupBytesMax) {
      break;
    }
    encode_record(batch);
    ++encoded;
  }
  if (segment_full_) {
    encode_footer();
  }
  return encoded;
}

void LogWriter::encode_record(const Append& batch) {
  received_ = std::max(received_, batch.received);
  if (active_->last_entry == 0 || buffer_.end() >= active_->last_entry + kIndexSpacingBytes) {
    active_->last_entry = buffer_.end();
    active_->unpublished.push_back({next_, received_, buffer_.end()});
  }
  buffer_.add_frame(identity(), {next_, batch.events, FrameKind::kRecord, received_, durable_}, batch.payload);
  next_ = next_.plus(batch.events);
}

void LogWriter::encode_footer() {
  buffer_.add_frame(identity(), {next_, 0, FrameKind::kFooter, received_, durable_}, {});
}

Result<void> LogWriter::flush() {
  TimeNs begin = context_.clock.monotonic();
  Result<void> written = active_->spare.file->write_at(buffer_.offset(), buffer_.pieces());
  if (written.ok()) {
    context_.metrics.add(Metric::kStreamWrittenBytes, static_cast<std::int64_t>(buffer_.bytes()));
    context_.metrics.add(Metric::kStreamSyncs);
    written = sabotaged(Sabotage::kSkipFsync) ? Result<void>() : active_->spare.file->sync();
  }
  if (!written.ok()) {
    context_.status.fail(written.error());
    return context_.status.check().error();
  }
  rate_.worked(buffer_.bytes(), context_.clock.monotonic() - begin);
  ns_per_byte_.store(rate_.ns_per_byte(), std::memory_order_relaxed);
  return {};
}

void LogWriter::publish() {
  if (active_->offset == 0) {
    TimeNs before = context_.list.state().newest_received;
    context_.list.add({active_->spare.id, durable_, before, active_->spare.bytes, kSegmentHeaderBytes, {}});
  }
  active_->offset = buffer_.end();
  durable_ = next_;
  context_.list.publish(durable_, active_->offset, received_, active_->unpublished);
  active_->unpublished.clear();
}

void LogWriter::tell(std::span<const Append> batches, SequenceNumber first) {
  for (const Append& batch : batches) {
    SequenceRange range{first, first.plus(batch.events)};
    first = range.end;
    give_bytes(batch.payload.size());
    ++told_;
    batch.listener->appended(context_.partition, range);
  }
}

void LogWriter::refuse(std::span<const Append> batches, const Error& reason) {
  for (const Append& batch : batches) {
    give_bytes(batch.payload.size());
    ++told_;
    batch.listener->appended(context_.partition, reason);
  }
}

void LogWriter::give_bytes(std::size_t bytes) {
  context_.status.give_bytes(bytes);
  untold_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

void LogWriter::close_segment() {
  if (!active_ || active_->offset == 0 || context_.status.failed()) {
    return;
  }
  buffer_.begin(active_->offset);
  encode_footer();
  if (!flush().ok()) {
    return;
  }
  publish();
  // Gives back the zeros that were written ahead. Nothing depends on it, except that the next start finds the footer at
  // once.
  if (active_->spare.file->truncate(active_->offset).ok()) {
    context_.list.resize(active_->spare.id, active_->offset);
  }
  active_.reset();
}

}  // namespace millrace
