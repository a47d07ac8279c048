#pragma once
// The one spare segment of a partition, written with zeros ahead of its use: housekeeping puts it there, the writer
// takes it. It is also the reserve: while there is one, the segment in use can't run out of disk.

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "base/result.h"
#include "io/file.h"

namespace millrace {

struct Spare {
  std::uint64_t id = 0;  // the segment that it will be
  std::unique_ptr<File> file;
  std::uint64_t bytes = 0;
};

class SpareSlot {
 public:
  // Nothing when there is none yet. kFull when there is no space for one, else what close() was told.
  Result<std::optional<Spare>> take();
  // Returns when take() has something to say.
  void wait();
  void put(Spare spare);
  bool empty() const;
  // There can be none at the moment: whoever waits is told, until put().
  void refuse(Error reason);
  // There will be none ever again.
  void close(Error reason);

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Spare> spare_;
  std::optional<Error> refusal_;
  bool closed_ = false;
};

}  // namespace millrace
