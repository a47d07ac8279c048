#include "process/inserter.h"

#include <algorithm>

#include "base/check.h"
#include "base/json.h"
#include "base/sabotage.h"
#include "model/row_hash.h"

namespace millrace {
namespace {

constexpr std::size_t kRawBytesMax = 16 << 10;

// The event as a client would have sent it: for whoever mends and sends it again.
std::string as_json(const EventView& event) {
  JsonWriter json;
  json.begin_object().key("event").string(event.event);
  const std::pair<const char*, std::string_view> texts[] = {{"user_id", event.user_id},
                                                            {"anonymous_id", event.anonymous_id},
                                                            {"session_id", event.session_id},
                                                            {"message_id", event.id}};
  for (const auto& [key, text] : texts) {
    if (!text.empty()) {
      json.key(key).string(text);
    }
  }
  json.key("timestamp").integer(event.time / 1'000'000);
  json.key("properties").raw(event.properties).key("context").raw(event.context).end_object();
  return json.take();
}

}  // namespace

void Inserter::begin(const EventBatch& batch) {
  MR_CHECK(!active() && batch.rows() > 0);
  batch_ = &batch;
  open_ = {{0, batch.rows()}};
  doubt_ = Doubt::kNone;
  tally_ = {};
}

bool Inserter::untouched() const {
  bool whole = open_.size() == 1 && open_[0].begin == 0 && open_[0].end == batch_->rows();
  return whole && doubt_ == Doubt::kNone && tally_.failed.empty();
}

Result<bool> Inserter::step() {
  if (doubt_ == Doubt::kUnsettled) {
    if (!sabotaged(Sabotage::kAskTooEarly)) {
      MR_TRY(store_.settle(batch_->partition));
    }
    doubt_ = Doubt::kUnasked;
  } else if (doubt_ == Doubt::kUnasked) {
    MR_TRY(ask());
    doubt_ = Doubt::kNone;
  } else if (!open_.empty()) {
    MR_TRY(insert());
  } else {
    MR_TRY(finish());
    return true;
  }
  return false;
}

Result<void> Inserter::insert() {
  Segment segment = open_.back();
  Result<void> inserted = store_.insert(*batch_, segment.begin, segment.end);
  if (inserted.ok()) {
    open_.pop_back();
    return {};
  }
  if (inserted.error().code == Code::kUnknown) {
    doubt_ = Doubt::kUnsettled;
    return {};
  }
  if (inserted.error().code != Code::kInvalid) {
    return inserted;
  }
  open_.pop_back();
  if (segment.end - segment.begin == 1 || sabotaged(Sabotage::kHalfFailedPassed)) {
    refuse(segment.begin, inserted.error().message);
    return {};
  }
  std::size_t middle = segment.begin + (segment.end - segment.begin) / 2;
  open_.push_back({middle, segment.end});
  open_.push_back({segment.begin, middle});
  return {};
}

void Inserter::refuse(std::size_t row, const std::string& reason) {
  EventView event = batch_->row(row);
  FailedEvent failed;
  failed.at = event.received;
  failed.project = event.project;
  failed.stage = "store";
  failed.reason = reason;
  failed.raw = as_json(event);
  failed.truncated = failed.raw.size() > kRawBytesMax;
  failed.raw.resize(std::min(failed.raw.size(), kRawBytesMax));
  failed.generation = batch_->generation;
  failed.partition = batch_->partition;
  failed.sequence = SequenceNumber(batch_->sequence[row]);
  failed_events_.add(failed);
  tally_.failed.push_back(failed.sequence);
}

Result<void> Inserter::ask() {
  Segment segment = open_.back();
  SequenceRange range{SequenceNumber(batch_->sequence[segment.begin]),
                      SequenceNumber(batch_->sequence[segment.end - 1] + 1)};
  std::vector<SequenceNumber> present;
  if (!sabotaged(Sabotage::kWriteTwice)) {
    MR_ASSIGN(present, store_.present(batch_->partition, range));
  }
  // What isn't there is inserted again, run by run, in the order of the places.
  open_.pop_back();
  auto there = [&](std::size_t row) {
    return std::binary_search(present.begin(), present.end(), SequenceNumber(batch_->sequence[row]));
  };
  for (std::size_t end = segment.end; end > segment.begin;) {
    if (there(end - 1)) {
      --end;
      continue;
    }
    std::size_t begin = end - 1;
    while (begin > segment.begin && !there(begin - 1)) {
      --begin;
    }
    open_.push_back({begin, end});
    end = begin;
  }
  return {};
}

Result<void> Inserter::finish() {
  if (!tally_.failed.empty()) {
    MR_TRY(failed_events_.sync());  // before any checkpoint can pass them
  }
  std::sort(tally_.failed.begin(), tally_.failed.end());
  for (std::size_t row = 0; row < batch_->rows(); ++row) {
    SequenceNumber place(batch_->sequence[row]);
    if (!tally_.failed.empty() && std::binary_search(tally_.failed.begin(), tally_.failed.end(), place)) {
      continue;
    }
    ++tally_.rows;
    tally_.hash += row_hash(batch_->row(row), {batch_->generation, batch_->partition, place});
  }
  metrics_.add(Metric::kProcessStoredRows, static_cast<std::int64_t>(tally_.rows));
  metrics_.add(Metric::kProcessFailed, static_cast<std::int64_t>(tally_.failed.size()));
  batch_ = nullptr;
  return {};
}

}  // namespace millrace
