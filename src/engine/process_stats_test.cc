#include "engine/process_stats.h"

#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "io/test_folder.h"

namespace millrace::engine {
namespace {

TEST(ProcessStats, NumbersAreThoseOfTheKernelsFiles) {
  TestFolder folder;
  std::ofstream(folder.path() + "/statm") << "900 12 3 4 0 5 0\n";
  std::ofstream(folder.path() + "/io") << "rchar: 9\nwchar: 8\nsyscr: 7\nsyscw: 6\nread_bytes: 5\n"
                                          "write_bytes: 40960\ncancelled_write_bytes: 4096\n";
  ProcessStats stats = ProcessStatsReader(folder.path()).read();
  EXPECT_EQ(stats.resident_bytes, 12U * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)));
  EXPECT_EQ(stats.written_bytes, 36864U);
}

TEST(ProcessStats, ProcessThatIsGoneHasNone) {
  ProcessStats stats = ProcessStatsReader("/proc/none").read();
  EXPECT_EQ(stats.resident_bytes, 0U);
  EXPECT_EQ(stats.written_bytes, 0U);
}

}  // namespace
}  // namespace millrace::engine
