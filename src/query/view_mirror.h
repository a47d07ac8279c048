#pragma once
// The views and the progress of processors on other servers, put together here: what is answered and pushed from here
// is as if all partitions were processed by this server. One connection to each processor; one that breaks is made
// again, and what was known stays meanwhile, with its age told.

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "io/clock.h"
#include "stream/progress.h"
#include "views/views.h"

namespace millrace {

// All of it must outlive the mirror.
struct ViewMirrorParts {
  Views& views;  // filled by the mirror alone
  Generation generation;
  Clock& clock;
};

struct ViewMirrorOptions {
  std::vector<std::string> processors;  // http(s)://host:port
  std::string key;                      // of theirs, with the scope feed
  std::int64_t silence_ms = 5'000;      // of a processor that counts as away after it
  std::int64_t retry_ms_max = 5'000;    // pauses between tries begin at a tenth of a second and double up to this
};

// Safe from any thread.
class ViewMirror final : public Progress {
 public:
  // kInvalid: an address is none.
  static Result<std::unique_ptr<ViewMirror>> start(const ViewMirrorParts& parts, const ViewMirrorOptions& options);
  ~ViewMirror() override;  // stop()

  std::vector<PartitionProgress> partitions() const override;
  bool wait_stored(PartitionId partition, SequenceNumber until, std::int64_t timeout_ms) override;

  // "processors":[{"address","up","heard_ms","partitions","reason"}…]: heard_ms is the age of what it told last.
  void describe(JsonWriter& json) const;
  // Why a view doesn't have all that it should; empty when it does.
  std::string trouble(const ViewSpec& view) const;
  void stop();

 private:
  class Lines;
  explicit ViewMirror(std::unique_ptr<Lines> lines);
  std::unique_ptr<Lines> lines_;
};

}  // namespace millrace
