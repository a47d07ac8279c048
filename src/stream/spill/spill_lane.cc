#include "stream/spill/spill_lane.h"

#include <charconv>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/log.h"

namespace millrace {
namespace {

constexpr std::size_t kNameBytes = 16;
constexpr std::uint64_t kAsJson = 1ULL << 63;   // beside the number
constexpr std::uint64_t kReturnEvents = 5'000;  // so few are forwarded in a moment
constexpr std::size_t kOnTheirWayMax = 512;     // batches; the topic bounds their bytes
constexpr int kPauseTurns = 50;                 // of the forwarding thread: a second

std::string path_of(const std::string& folder, PartitionId partition) {
  return fmt::format("{}/{}.forwarded", folder, partition.value);
}

}  // namespace

class SpillLane::Direct final : public AppendListener {
 public:
  Direct(SpillLane& lane, const Named& named) : lane_(lane), named_(named) {}
  void appended(PartitionId, Result<SequenceRange> result) override {
    std::unique_ptr<Direct> self(this);
    lane_.direct_told(named_, std::move(result));
  }

 private:
  SpillLane& lane_;
  const Named named_;
};

class SpillLane::Spilled final : public AppendListener {
 public:
  Spilled(SpillLane& lane, const Named& named) : lane_(lane), batch_(named.batch) {
    payload_.reserve(kNameBytes + batch_.payload.size());
    append_le(payload_, named.name.producer);
    append_le(payload_, named.name.number | (named.name.format == MessageFormat::kJson ? kAsJson : 0));
    payload_ += batch_.payload;
  }
  Append in_log() { return {batch_.partition, batch_.events, batch_.received, payload_, this}; }
  void appended(PartitionId, Result<SequenceRange> result) override {
    std::unique_ptr<Spilled> self(this);
    lane_.spilled_told(batch_, std::move(result));
  }

 private:
  SpillLane& lane_;
  const Append batch_;
  std::string payload_;
};

class SpillLane::Forwarded final : public AppendListener {
 public:
  Forwarded(SpillLane& lane, std::uint64_t number, std::string_view payload)
      : lane_(lane), number_(number), payload_(payload) {}
  std::string_view payload() const { return payload_; }
  void appended(PartitionId, Result<SequenceRange> result) override {
    std::unique_ptr<Forwarded> self(this);
    lane_.forwarded_told(number_, result);
  }

 private:
  SpillLane& lane_;
  const std::uint64_t number_;
  const std::string payload_;
};

// ---- opening ----

Result<void> SpillLane::open() {
  forwarded_ = parts_.log.state(partition_).begin;
  Result<std::string> text = read_file(parts_.files, path_of(parts_.folder, partition_), 64);
  if (!text.ok() && text.error().code != Code::kNotFound) {
    return text.error();
  }
  if (text.ok()) {
    std::uint64_t until = 0;
    if (std::from_chars(text->data(), text->data() + text->size(), until).ec != std::errc()) {
      return corrupt(path_of(parts_.folder, partition_) + " is damaged; restore it from a backup of this folder");
    }
    if (SequenceNumber(until) > parts_.log.state(partition_).durable_end) {
      return corrupt(
          fmt::format("{} says that more was forwarded than {}/log has: they are not of one folder; if the log "
                      "is lost, remove {}",
                      path_of(parts_.folder, partition_), parts_.folder, parts_.folder));
    }
    forwarded_ = std::max(forwarded_, SequenceNumber(until));
  }
  saved_ = read_ = forwarded_;
  if (backlog() > 0) {
    mode_ = Mode::kSpilling;
    log_info("events that were spilled before are forwarded to Kafka",
             {{"partition", partition_.value}, {"events", backlog()}});
  }
  return {};
}

std::uint64_t SpillLane::backlog() {
  SequenceNumber end = parts_.log.state(partition_).durable_end;
  std::lock_guard lock(mutex_);
  return end.value - std::min(end.value, forwarded_.value);
}

void SpillLane::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
}

void SpillLane::finish() {
  Refused refused;
  {
    std::lock_guard lock(mutex_);
    spill_held(refused);
  }
  tell(refused);
}

// ---- writing ----

Result<void> SpillLane::append(const Append& batch) {
  Refused refused;
  std::lock_guard lock(mutex_);
  if (closed_) {
    return unavailable("the stream is stopped");
  }
  MR_TRY(parts_.topic.judge(batch));
  if (parts_.forward_only) {
    MR_TRY(parts_.topic.health());
  }
  Named named{batch, {parts_.producer, next_number_, parts_.topic.format()}};
  if (mode_ == Mode::kDirect && parts_.topic.health().ok()) {
    Result<void> sent = send(named);
    bool partly = !sent.ok() && sent.error().code == Code::kUnavailable;  // maybe: its numbers are used
    if (!partly || parts_.forward_only) {
      next_number_ += sent.ok() || partly ? numbers_of(batch) : 0;
      return sent;
    }
  }
  if (mode_ == Mode::kDirect) {
    turn(refused);
  }
  next_number_ += numbers_of(batch);
  if (mode_ == Mode::kSpilling) {
    spill(named, refused);
    return refused.empty() ? Result<void>() : Result<void>(refused.front().second);
  }
  if (held_bytes_ + batch.payload.size() > parts_.held_bytes_max) {
    return full("too many bytes wait for Kafka");
  }
  held_bytes_ += batch.payload.size();
  held_.push_back(named);
  return {};
}

std::uint64_t SpillLane::numbers_of(const Append& batch) const {
  return parts_.topic.format() == MessageFormat::kJson ? batch.events : 1;
}

Result<void> SpillLane::send(const Named& named) {
  auto listener = std::make_unique<Direct>(*this, named);
  Append batch = named.batch;
  batch.listener = listener.get();
  MR_TRY(parts_.topic.append_as(batch, named.name));
  (void)listener.release();  // its own, until it is told
  ++in_flight_;
  return {};
}

// From now on nothing goes to the topic directly. What is on its way there is told soon, and spilled if it failed: in
// front of what comes meanwhile, so that the order within a partition stays.
void SpillLane::turn(Refused& refused) {
  if (mode_ != Mode::kTurning) {
    log_warning("Kafka is unavailable, events are kept in files of this machine", {{"partition", partition_.value}});
  }
  if (in_flight_ == 0) {
    spill_held(refused);
    mode_ = Mode::kSpilling;
  } else {
    mode_ = Mode::kTurning;
    parts_.topic.give_up();
  }
}

void SpillLane::direct_told(const Named& sent, Result<SequenceRange> result) {
  Refused refused;
  bool spilled = false;
  {
    std::lock_guard lock(mutex_);
    --in_flight_;
    spilled = !result.ok() && result.error().code == Code::kUnavailable && !parts_.forward_only;
    if (spilled) {
      spill(sent, refused);
    }
    bool turns = spilled && (mode_ == Mode::kDirect || mode_ == Mode::kReturning);
    if (turns || (mode_ == Mode::kTurning && in_flight_ == 0)) {
      turn(refused);
    }
  }
  if (!spilled) {
    sent.batch.listener->appended(partition_, std::move(result));
  }
  tell(refused);
}

void SpillLane::tell(const Refused& refused) {
  for (const auto& [named, error] : refused) {
    named.batch.listener->appended(partition_, error);
  }
}

void SpillLane::spill(const Named& named, Refused& refused) {
  auto listener = std::make_unique<Spilled>(*this, named);
  if (Result<void> taken = parts_.log.append(listener->in_log()); !taken.ok()) {
    refused.emplace_back(named, std::move(taken).error());
    return;
  }
  (void)listener.release();  // its own, until it is told
  ++spilling_;
}

void SpillLane::spill_held(Refused& refused) {
  for (const Named& named : held_) {
    spill(named, refused);
  }
  held_.clear();
  held_bytes_ = 0;
}

void SpillLane::spilled_told(const Append& batch, Result<SequenceRange> result) {
  {
    std::lock_guard lock(mutex_);
    --spilling_;
    if (result.ok() && !parts_.topic.tells_places()) {
      result = kUnknownPlace;
    } else if (result.ok()) {
      SequenceNumber end =
          parts_.topic.state(partition_).durable_end.plus(result->end.value - std::min(result->end, forwarded_).value);
      result = SequenceRange{SequenceNumber(end.value - batch.events), end};
    }
  }
  batch.listener->appended(partition_, std::move(result));
}

// ---- forwarding ----

void SpillLane::forward() {
  if (pause_ > 0) {
    --pause_;
  }
  for (std::size_t i = 0; i < kOnTheirWayMax && pause_ == 0; ++i) {  // then the others have their turn
    Result<bool> sent = forward_next();
    if (!sent.ok()) {
      log_warning("what was spilled can't be forwarded at the moment",
                  {{"partition", partition_.value}, {"reason", sent.error().message}});
      pause_ = kPauseTurns;
    }
    if (!sent.ok() || !*sent) {
      break;
    }
  }
  maybe_direct();
}

// False when there is nothing to send, or nothing more may be on its way.
Result<bool> SpillLane::forward_next() {
  {
    std::lock_guard lock(mutex_);
    if (again_ && untold_ > 0) {
      return false;  // first it must be known what became of the others
    }
    if (again_ && !refused_.empty()) {
      // Acknowledged, so it is never dropped: whoever runs Kafka must let it in.
      return unavailable(std::exchange(refused_, std::string()));
    }
    if (std::exchange(again_, false)) {
      first_on_its_way_ += on_their_way_.size();
      on_their_way_.clear();
      read_ = forwarded_;
      reader_.reset();
    }
    if (on_their_way_.size() >= kOnTheirWayMax) {
      return false;
    }
  }
  if (read_ >= parts_.log.state(partition_).durable_end || !parts_.topic.health().ok()) {
    return false;
  }
  if (reader_ == nullptr) {
    MR_ASSIGN(reader_, parts_.log.reader(partition_, read_));
  }
  Result<StreamEntry> entry = reader_->next();
  if (!entry.ok()) {
    reader_.reset();
    return entry.error();
  }
  if (entry->range.end <= read_) {
    return true;  // forwarded before
  }
  if (entry->damaged || entry->payload.size() < kNameBytes) {
    log_error("spilled events are damaged, they are lost",
              {{"partition", partition_.value}, {"events", entry->range.end.value - entry->range.begin.value}});
    std::lock_guard lock(mutex_);
    on_their_way_.push_back({entry->range.end, true});
    read_ = entry->range.end;
    return true;
  }
  auto number = load_le<std::uint64_t>(entry->payload.data() + 8);
  MessageName name{load_le<std::uint64_t>(entry->payload.data()), number & ~kAsJson,
                   (number & kAsJson) != 0 ? MessageFormat::kJson : MessageFormat::kPacked};
  std::uint64_t place = 0;
  {
    std::lock_guard lock(mutex_);
    place = first_on_its_way_ + on_their_way_.size();
    on_their_way_.push_back({entry->range.end, false});
    ++untold_;
  }
  auto listener = std::make_unique<Forwarded>(*this, place, entry->payload.substr(kNameBytes));
  auto events = static_cast<std::uint32_t>(entry->range.end.value - entry->range.begin.value);
  Result<void> taken =
      parts_.topic.append_as({partition_, events, entry->received, listener->payload(), listener.get()}, name);
  if (!taken.ok()) {
    std::lock_guard lock(mutex_);
    --untold_;
    again_ = true;
    return taken.error().code == Code::kFull ? Result<bool>(false) : Result<bool>(taken.error());
  }
  (void)listener.release();  // its own, until it is told
  read_ = entry->range.end;
  return true;
}

void SpillLane::forwarded_told(std::uint64_t number, const Result<SequenceRange>& result) {
  std::lock_guard lock(mutex_);
  --untold_;
  if (!result.ok()) {
    again_ = true;
    if (result.error().code == Code::kInvalid) {
      refused_ = result.error().message;
    }
    return;
  }
  on_their_way_[number - first_on_its_way_].there = true;
  pass_those_there();
}

void SpillLane::pass_those_there() {
  while (!on_their_way_.empty() && on_their_way_.front().there) {
    forwarded_ = on_their_way_.front().end;
    on_their_way_.pop_front();
    ++first_on_its_way_;
  }
}

void SpillLane::maybe_direct() {
  Refused refused;
  {
    std::lock_guard lock(mutex_);
    std::uint64_t left = parts_.log.state(partition_).durable_end.value - forwarded_.value;
    bool well = parts_.topic.health().ok();
    if (mode_ == Mode::kSpilling && well && left <= kReturnEvents) {
      mode_ = Mode::kReturning;
    }
    // What is on its way needn't wait until Kafka's time is up.
    bool waits_in_vain = mode_ == Mode::kDirect && in_flight_ > 0 && !parts_.forward_only;
    if (!well && (mode_ == Mode::kReturning || waits_in_vain)) {
      turn(refused);
    } else if (mode_ == Mode::kReturning && well && spilling_ == 0 && left == 0) {
      send_held(refused);
    }
  }
  tell(refused);
}

// Everything before them is in the topic.
void SpillLane::send_held(Refused& refused) {
  while (!held_.empty()) {
    Result<void> sent = send(held_.front());
    if (!sent.ok() && (sent.error().code == Code::kFull || sent.error().code == Code::kUnavailable)) {
      return;  // the next turn goes on, or spills them
    }
    if (!sent.ok()) {
      refused.emplace_back(held_.front(), std::move(sent).error());
    }
    held_bytes_ -= held_.front().batch.payload.size();
    held_.pop_front();
  }
  mode_ = Mode::kDirect;
  log_info("what was spilled has been forwarded to Kafka", {{"partition", partition_.value}});
}

void SpillLane::save() {
  SequenceNumber until;
  {
    std::lock_guard lock(mutex_);
    pass_those_there();
    until = forwarded_;
  }
  if (until == saved_) {
    return;
  }
  Result<void> saved =
      replace_file(parts_.files, path_of(parts_.folder, partition_), std::to_string(until.value) + "\n");
  if (!saved.ok()) {
    log_warning("how far spilled events were forwarded could not be saved", {{"reason", saved.error().message}});
    return;
  }
  saved_ = until;
  parts_.log.release(partition_, until);
}

}  // namespace millrace
