#pragma once
// Brings the rows of one batch into the store, each once, whatever the store answers: a refused batch is halved until
// the bad row is alone, an unknown outcome is settled and then asked for row by row. One call of the store a step.

#include <vector>

#include "base/metrics.h"
#include "model/batch.h"
#include "store/store.h"
#include "stream/failed_events.h"

namespace millrace {

struct InsertTally {
  std::uint64_t rows = 0;
  std::uint64_t hash = 0;              // of the rows
  std::vector<SequenceNumber> failed;  // refused for their data; kept as failed events, durably
};

class Inserter {
 public:
  Inserter(StoreWriter& store, FailedEvents& failed, Metrics& metrics)
      : store_(store), failed_events_(failed), metrics_(metrics) {}

  // The batch must stay as it is until step() has said true.
  void begin(const EventBatch& batch);
  bool active() const { return batch_ != nullptr; }
  // Nothing of the batch is stored, refused or in doubt.
  bool untouched() const;
  // The batch is another's business now.
  void give_up() { batch_ = nullptr; }
  // True when every row is stored or failed: then tally() is complete. kFull, kUnavailable: nothing has changed, call
  // again after a pause. Any other error: stop.
  Result<bool> step();
  const InsertTally& tally() const { return tally_; }

 private:
  struct Segment {
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  Result<void> insert();
  Result<void> ask();
  Result<void> finish();
  void refuse(std::size_t row, const std::string& reason);

  StoreWriter& store_;
  FailedEvents& failed_events_;
  Metrics& metrics_;
  const EventBatch* batch_ = nullptr;
  std::vector<Segment> open_;                                              // the next one last
  enum class Doubt { kNone, kUnsettled, kUnasked } doubt_ = Doubt::kNone;  // about the last of the open ones
  InsertTally tally_;
};

}  // namespace millrace
