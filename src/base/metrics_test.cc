#include "base/metrics.h"

#include <set>
#include <sstream>

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(Metrics, ShowsEachMetricOnceWithHelpAndType) {
  Metrics metrics;
  metrics.add(Metric::kIngestAcceptedEvents, 3);
  metrics.set(Metric::kProcessLag, 1'500'000);
  std::istringstream lines(metrics.exposition());
  std::set<std::string> names;
  std::string line;
  int samples = 0;
  while (std::getline(lines, line)) {
    if (line[0] != '#') {
      ++samples;
      EXPECT_TRUE(names.insert(line.substr(0, line.find(' '))).second) << line;
    }
  }
  EXPECT_EQ(samples, static_cast<int>(Metric::kCount));
  EXPECT_NE(metrics.exposition().find("\nmillrace_ingest_accepted_events_total 3\n"), std::string::npos);
  EXPECT_NE(metrics.exposition().find("\nmillrace_process_lag_seconds 1.500000\n"), std::string::npos);
}

}  // namespace
}  // namespace millrace
