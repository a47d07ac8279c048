#pragma once
// One file of a simulated disk.

#include <cstdint>
#include <string>
#include <vector>

#include "io/sim.h"

namespace millrace {

struct SimDisk::Inode {
  static constexpr std::uint64_t kSectorBytes = 512;
  enum class Sector : std::uint8_t {
    kClean,
    kDirty,    // the next sync writes it, or the kernel when it likes
    kGivenUp,  // a sync failed on it: it looks clean, and nobody will write it
  };

  std::string now;      // what readers see
  std::string durable;  // what is on the disk; may be longer than the file
  std::uint64_t durable_bytes = 0;
  std::vector<Sector> sectors;  // of `now`

  void resize(std::uint64_t bytes);
  void mark(std::uint64_t begin, std::uint64_t end);
  void write_back(std::size_t sector, std::uint64_t bytes = kSectorBytes);
};

}  // namespace millrace
