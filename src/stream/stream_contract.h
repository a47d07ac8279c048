#pragma once
// The suite that every kind of stream must pass. A kind's test gives a harness:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, StreamContract, testing::Values([] { return make_memory_harness(); }));

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "stream/recording_listener.h"
#include "stream/stream.h"

namespace millrace {

class StreamHarness {
 public:
  virtual ~StreamHarness() = default;
  virtual Stream& stream() = 0;  // of generation 1, two partitions, waiting bytes at most 64 KiB
};
using StreamHarnessFactory = std::function<std::unique_ptr<StreamHarness>()>;

class StreamContract : public testing::TestWithParam<StreamHarnessFactory> {
 protected:
  void SetUp() override { harness_ = GetParam()(); }
  Stream& stream() { return harness_->stream(); }

  SequenceRange append(PartitionId partition, std::uint32_t events, TimeNs received, std::string_view payload) {
    Result<SequenceRange> result = append_and_wait(stream(), partition, events, received, payload);
    EXPECT_TRUE(result.ok()) << result.error().message;
    return result.ok() ? *result : SequenceRange{};
  }

  std::unique_ptr<StreamHarness> harness_;
  const PartitionId zero_{0};
  const PartitionId one_{1};
};

TEST_P(StreamContract, SequenceNumbersFollowEachOtherWithoutGaps) {
  EXPECT_EQ(append(zero_, 3, 100, "three"), (SequenceRange{SequenceNumber(0), SequenceNumber(3)}));
  EXPECT_EQ(append(zero_, 1, 100, "one"), (SequenceRange{SequenceNumber(3), SequenceNumber(4)}));
  EXPECT_EQ(append(zero_, 7, 100, "seven"), (SequenceRange{SequenceNumber(4), SequenceNumber(11)}));
  EXPECT_EQ(stream().state(zero_).durable_end, SequenceNumber(11));
}

TEST_P(StreamContract, PartitionsCountOnTheirOwn) {
  append(zero_, 5, 100, "zero");
  EXPECT_EQ(append(one_, 2, 100, "one"), (SequenceRange{SequenceNumber(0), SequenceNumber(2)}));
  EXPECT_EQ(stream().state(zero_).durable_end, SequenceNumber(5));
  EXPECT_EQ(stream().state(one_).durable_end, SequenceNumber(2));
}

TEST_P(StreamContract, AReaderSeesWhatWasAppendedInOrder) {
  append(zero_, 2, 100, "first");
  append(zero_, 1, 200, "");
  append(zero_, 4, 300, std::string(100'000, 'x'));
  auto reader = stream().reader(zero_, SequenceNumber(0));
  ASSERT_TRUE(reader.ok());
  Result<StreamEntry> entry = next_of(**reader);
  ASSERT_TRUE(entry.ok()) << entry.error().message;
  EXPECT_EQ(entry->range, (SequenceRange{SequenceNumber(0), SequenceNumber(2)}));
  EXPECT_EQ(entry->payload, "first");
  EXPECT_EQ(entry->received, 100);
  EXPECT_FALSE(entry->damaged);
  entry = next_of(**reader);
  ASSERT_TRUE(entry.ok());
  EXPECT_EQ(entry->payload, "");
  entry = next_of(**reader);
  ASSERT_TRUE(entry.ok());
  EXPECT_EQ(entry->range, (SequenceRange{SequenceNumber(3), SequenceNumber(7)}));
  EXPECT_EQ(entry->payload, std::string(100'000, 'x'));
  entry = next_of(**reader);
  ASSERT_FALSE(entry.ok());
  EXPECT_EQ(entry.error().code, Code::kNotFound);
}

TEST_P(StreamContract, AReaderGoesOnWhenMoreIsDurable) {
  auto reader = stream().reader(zero_, SequenceNumber(0));
  ASSERT_TRUE(reader.ok());
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(next_of(**reader).error().code, Code::kNotFound);
    append(zero_, 1, 100, std::to_string(i));
    Result<StreamEntry> entry = next_of(**reader);
    ASSERT_TRUE(entry.ok()) << entry.error().message;
    EXPECT_EQ(entry->payload, std::to_string(i));
  }
}

TEST_P(StreamContract, SeekFindsTheEntryThatHoldsThePlace) {
  for (int i = 0; i < 100; ++i) {
    append(zero_, 10, 100 + i, "record " + std::to_string(i));
  }
  auto reader = stream().reader(zero_, SequenceNumber(995));
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(next_of(**reader)->payload, "record 99");
  for (std::uint64_t place : {0u, 9u, 10u, 555u, 500u, 999u}) {
    ASSERT_TRUE((*reader)->seek(SequenceNumber(place)).ok());
    Result<StreamEntry> entry = next_of(**reader);
    ASSERT_TRUE(entry.ok()) << entry.error().message;
    EXPECT_EQ(entry->payload, "record " + std::to_string(place / 10)) << place;
    EXPECT_EQ(entry->range.begin, SequenceNumber(place / 10 * 10));
  }
  ASSERT_TRUE((*reader)->seek(SequenceNumber(1000)).ok());
  EXPECT_EQ(next_of(**reader).error().code, Code::kNotFound);
}

TEST_P(StreamContract, ReceivedTimesNeverGoBack) {
  append(zero_, 1, 500, "a");
  append(zero_, 1, 400, "b");
  append(zero_, 1, 600, "c");
  auto reader = stream().reader(zero_, SequenceNumber(0));
  EXPECT_EQ(next_of(**reader)->received, 500);
  EXPECT_EQ(next_of(**reader)->received, 500);
  EXPECT_EQ(next_of(**reader)->received, 600);
  EXPECT_EQ(stream().state(zero_).newest_received, 600);
}

TEST_P(StreamContract, APlaceIsFoundByReceivedTime) {
  for (int i = 0; i < 50; ++i) {
    append(zero_, 2, 1000 + 10 * i, "x");
  }
  EXPECT_EQ(stream().first_at(zero_, 0), SequenceNumber(0));
  EXPECT_EQ(stream().first_at(zero_, 1000), SequenceNumber(0));
  EXPECT_EQ(stream().first_at(zero_, 1001), SequenceNumber(2));
  EXPECT_EQ(stream().first_at(zero_, 1490), SequenceNumber(98));
  EXPECT_EQ(stream().first_at(zero_, 1491), SequenceNumber(100));
  EXPECT_EQ(stream().first_at(one_, 5), SequenceNumber(0));
}

TEST_P(StreamContract, WaitReturnsWhenTheDurableEndIsPast) {
  std::thread waiter([this] { stream().wait_for(zero_, SequenceNumber(0), 60'000); });
  append(zero_, 1, 100, "x");
  waiter.join();
  EXPECT_EQ(stream().state(zero_).durable_end, SequenceNumber(1));
  stream().wait_for(zero_, SequenceNumber(1), 1);  // returns though nothing comes
  EXPECT_EQ(stream().state(zero_).durable_end, SequenceNumber(1));
}

TEST_P(StreamContract, StopWritesWhatWasTakenAndRefusesMore) {
  std::vector<std::string> payloads;
  for (int i = 0; i < 100; ++i) {
    payloads.push_back("payload " + std::to_string(i));
  }
  RecordingListener listener;
  for (const std::string& payload : payloads) {
    ASSERT_TRUE(stream().append({zero_, 1, 100, payload, &listener}).ok());
  }
  stream().stop();
  EXPECT_EQ(listener.told(), payloads.size());
  Result<void> refused = stream().append({zero_, 1, 100, payloads[0], &listener});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_EQ(stream().state(zero_).durable_end, SequenceNumber(100));
  stream().wait_for(zero_, SequenceNumber(1000), 60'000);  // at once
}

TEST_P(StreamContract, ManyThreadsAppendAndEachIsToldItsOwnPlace) {
  constexpr int kThreads = 16;
  constexpr int kEach = 100;
  std::vector<std::vector<SequenceRange>> ranges(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t, &ranges] {
      PartitionId partition(static_cast<std::uint16_t>(t % 2));
      for (int i = 0; i < kEach; ++i) {
        std::string payload = std::to_string(t) + ":" + std::to_string(i);
        Result<SequenceRange> range = append_and_wait(stream(), partition, 1 + i % 3, 100, payload);
        ASSERT_TRUE(range.ok()) << range.error().message;
        ranges[t].push_back(*range);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (int t = 0; t < kThreads; ++t) {
    auto reader = stream().reader(PartitionId(static_cast<std::uint16_t>(t % 2)), SequenceNumber(0));
    for (int i = 0; i < kEach; ++i) {
      ASSERT_TRUE((*reader)->seek(ranges[t][i].begin).ok());
      Result<StreamEntry> entry = next_of(**reader);
      ASSERT_TRUE(entry.ok()) << entry.error().message;
      EXPECT_EQ(entry->range, ranges[t][i]);
      EXPECT_EQ(entry->payload, std::to_string(t) + ":" + std::to_string(i));
    }
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StreamContract);

}  // namespace millrace
