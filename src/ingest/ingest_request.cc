#include "ingest/ingest_request.h"

namespace millrace {

void IngestRequest::start(Stream& stream, TimeNs received) {
  results_.assign(batch.partitions.size(), std::nullopt);
  std::uint32_t touched = 0;
  for (const ParsedBatch::Partition& partition : batch.partitions) {
    touched += partition.events > 0;
  }
  waiting_.store(touched + 1);  // and one for append() itself, which still needs this object
  bool refused = false;
  for (std::size_t i = 0; i < batch.partitions.size(); ++i) {
    const ParsedBatch::Partition& partition = batch.partitions[i];
    if (partition.events == 0) {
      continue;
    }
    if (!refused) {
      PartitionId id(static_cast<std::uint16_t>(i));
      Result<void> taken = stream.append({id, partition.events, received, partition.record, this});
      if (taken.ok()) {
        continue;
      }
      results_[i] = taken.error();
      refused = true;
    }
    waiting_.fetch_sub(1);  // nobody will tell of this one
  }
}

void IngestRequest::appended(PartitionId partition, Result<SequenceRange> result) {
  results_[partition.value] = std::move(result);
  count_down();
}

void IngestRequest::count_down() {
  if (waiting_.fetch_sub(1, std::memory_order_acq_rel) != 1) {
    return;
  }
  for (const std::optional<Result<SequenceRange>>& result : results_) {
    if (result && !result->ok()) {
      error_ = result->error();
      break;
    }
  }
  done_(std::unique_ptr<IngestRequest>(this));
}

Position IngestRequest::position(Generation generation) const {
  Position position;
  position.generation = generation;
  for (std::size_t i = 0; i < results_.size(); ++i) {
    if (results_[i] && results_[i]->value() == kUnknownPlace) {
      return {generation, {}};
    }
    if (results_[i]) {
      position.ends.push_back({PartitionId(static_cast<std::uint16_t>(i)), results_[i]->value().end});
    }
  }
  return position;
}

void IngestRequest::clear() {
  exchange.reset();
  reservation = Reservation();
  results_.clear();
  error_.reset();
}

}  // namespace millrace
