#include "stream/kafka/json_batch.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"
#include "model/event_json.h"
#include "model/record.h"

namespace millrace::kafka {
namespace {

Error too_long(std::size_t bytes, std::size_t bytes_max) {
  return invalid(
      fmt::format("an event of {} bytes is too long for a message of the topic, which takes {}", bytes, bytes_max));
}

Error no_record() { return invalid("the bytes are no record of so many events"); }

}  // namespace

Result<std::unique_ptr<JsonBatch>> JsonBatch::make(const Append& batch, std::size_t event_bytes_max) {
  std::unique_ptr<JsonBatch> made(new JsonBatch(batch));
  MR_TRY(made->read(event_bytes_max));
  return made;
}

Result<void> JsonBatch::read(std::size_t event_bytes_max) {
  std::vector<std::size_t> ends;
  ends.reserve(batch_.events);
  parts_.reserve(batch_.events);
  values_.reserve(batch_.payload.size() * 3 / 2);
  RecordCursor events(batch_.payload, batch_.received);
  while (events.next()) {
    std::size_t begin = values_.size();
    const EventView& event = events.event();
    append_event_json(values_, event);
    if (std::size_t bytes = values_.size() - begin; bytes > event_bytes_max) {
      return too_long(bytes, event_bytes_max);
    }
    ends.push_back(values_.size());
    parts_.push_back(
        {{}, event.routing_key(), event.project, event.id_kind == IdKind::kBatch ? event.id : std::string_view()});
  }
  if (!events.status().ok() || parts_.size() != batch_.events) {
    return no_record();
  }
  messages_.reserve(parts_.size());
  std::size_t begin = 0;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    parts_[i].value = std::string_view(values_).substr(begin, ends[i] - begin);
    messages_.push_back({batch_.partition, 1, batch_.received, parts_[i].value, this});
    begin = ends[i];
  }
  untold_ = messages_.size();
  return {};
}

std::size_t JsonBatch::waiting_bytes(std::size_t first) const {
  std::size_t bytes = 0;
  for (std::size_t i = first; i < messages_.size(); ++i) {
    bytes += waiting_bytes_of(MessageFormat::kJson, messages_[i].payload.size());
  }
  return bytes;
}

void JsonBatch::abandon(std::unique_ptr<JsonBatch> batch, std::size_t sent) {
  std::lock_guard lock(batch->mutex_);
  batch->abandoned_ = true;
  batch->untold_ -= batch->messages_.size() - sent;
  if (batch->untold_ > 0) {
    (void)batch.release();  // its own, until it is told of the last
  }
}

void JsonBatch::appended(PartitionId, Result<SequenceRange> result) {
  std::unique_lock lock(mutex_);
  if (!result.ok()) {
    error_ = result.error();  // all are of one trouble
  } else if (!range_ || range_->begin == range_->end) {
    range_ = *result;  // an empty one: it was there before
  } else if (result->begin != result->end) {
    range_->begin = std::min(range_->begin, result->begin);
    range_->end = std::max(range_->end, result->end);
  }
  MR_CHECK(untold_ > 0);
  if (--untold_ > 0) {
    return;
  }
  lock.unlock();
  std::unique_ptr<JsonBatch> self(this);
  if (!abandoned_) {
    batch_.listener->appended(batch_.partition, error_ ? Result<SequenceRange>(*error_) : *range_);
  }
}

Result<void> judge_json(const Append& batch, std::size_t event_bytes_max) {
  if (event_json_bytes_max(batch.payload.size()) <= event_bytes_max) {
    return {};
  }
  std::string json;
  RecordCursor events(batch.payload, batch.received);
  while (events.next()) {
    json.clear();
    append_event_json(json, events.event());
    if (json.size() > event_bytes_max) {
      return too_long(json.size(), event_bytes_max);
    }
  }
  return events.status().ok() ? Result<void>() : no_record();
}

}  // namespace millrace::kafka
