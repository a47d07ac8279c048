#include "store/clickhouse/row_order.h"

#include <algorithm>
#include <random>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::clickhouse {
namespace {

EventBatch random_batch(std::mt19937_64& random, std::size_t rows, std::size_t names) {
  EventBatch batch;
  for (std::size_t row = 0; row < rows; ++row) {
    std::string project = "p" + std::to_string(random() % 3);
    std::string name = random() % 9 == 0 ? "" : "\xc3\xbc" + std::to_string(random() % names);
    EventView event;
    event.project = project;
    event.event = name;
    event.time = static_cast<TimeNs>(random() % 50) - 25;
    batch.append(event, SequenceNumber(row));
  }
  return batch;
}

TEST(RowOrder, IsThatOfAStableSortByProjectEventAndTime) {
  std::uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  RowOrder order;
  for (std::size_t names : {1u, 5u, 500u}) {
    EventBatch batch = random_batch(random, 2000, names);
    for (auto [begin, end] : {std::pair<std::size_t, std::size_t>{0, 2000}, {700, 1300}, {5, 6}, {9, 9}}) {
      std::vector<std::uint32_t> expected;
      for (std::size_t row = begin; row < end; ++row) expected.push_back(static_cast<std::uint32_t>(row));
      std::stable_sort(expected.begin(), expected.end(), [&](std::uint32_t a, std::uint32_t b) {
        auto key = [&](std::uint32_t row) {
          return std::make_tuple(batch.project.at(row), batch.event.at(row), batch.time[row]);
        };
        return key(a) < key(b);
      });
      EXPECT_THAT(order.sort(batch, begin, end), testing::ElementsAreArray(expected));
    }
  }
}

}  // namespace
}  // namespace millrace::clickhouse
