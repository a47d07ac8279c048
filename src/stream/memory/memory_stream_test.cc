#include "stream/memory/memory_stream.h"

#include <gtest/gtest.h>

#include "stream/recording_listener.h"

namespace millrace {
namespace {

class MemoryStreamTest : public testing::Test {
 protected:
  void append(std::uint32_t events, std::string_view payload) {
    ASSERT_TRUE(stream_.append({zero_, events, 100, payload, &listener_}).ok());
  }

  const PartitionId zero_{0};
  RecordingListener listener_;
  MemoryStream stream_{{Generation(1), 1, 1 << 20, false}};
};

TEST_F(MemoryStreamTest, ACrashLosesWhatIsNotDurableAndTellsNobody) {
  append(2, "kept");
  stream_.flush();
  append(3, "lost");
  stream_.crash();
  stream_.flush();
  EXPECT_EQ(listener_.told(), 1u);
  EXPECT_EQ(stream_.state(zero_).durable_end, SequenceNumber(2));
}

TEST_F(MemoryStreamTest, DamageComesAsAnEntryAndReadingGoesOn) {
  append(2, "a");
  append(2, "b");
  append(2, "c");
  stream_.flush();
  stream_.damage(zero_, {SequenceNumber(3), SequenceNumber(4)});
  auto reader = stream_.reader(zero_, SequenceNumber(0)).value();
  EXPECT_EQ(reader->next()->payload, "a");
  StreamEntry hole = reader->next().value();
  EXPECT_TRUE(hole.damaged);
  EXPECT_EQ(hole.range, (SequenceRange{SequenceNumber(2), SequenceNumber(4)}));
  EXPECT_TRUE(hole.payload.empty());
  EXPECT_EQ(reader->next()->payload, "c");
}

TEST_F(MemoryStreamTest, AfterAFailureNothingIsTakenOrAcknowledged) {
  append(1, "waits");
  stream_.fail(unavailable("the disk is gone"));
  stream_.flush();
  EXPECT_EQ(listener_.wait(1).front().error().code, Code::kUnavailable);
  EXPECT_EQ(stream_.append({zero_, 1, 0, "x", &listener_}).error().code, Code::kUnavailable);
  EXPECT_EQ(stream_.health().error().code, Code::kUnavailable);
  EXPECT_EQ(stream_.state(zero_).durable_end, SequenceNumber(0));
}

TEST_F(MemoryStreamTest, RetentionNeverPassesWhatWasReleased) {
  append(5, "a");
  append(5, "b");
  stream_.flush();
  stream_.retain_from(zero_, SequenceNumber(10));
  EXPECT_EQ(stream_.state(zero_).begin, SequenceNumber(0));
  stream_.release(zero_, SequenceNumber(7));
  stream_.retain_from(zero_, SequenceNumber(10));
  EXPECT_EQ(stream_.state(zero_).begin, SequenceNumber(5));
  auto reader = stream_.reader(zero_, SequenceNumber(0)).value();
  EXPECT_EQ(reader->next().error().code, Code::kUnavailable);
}

TEST_F(MemoryStreamTest, TooManyWaitingBytesAreRefused) {
  std::string large(1 << 20, 'x');
  append(1, large);
  EXPECT_EQ(stream_.append({zero_, 1, 0, "x", &listener_}).error().code, Code::kFull);
  stream_.flush();
  append(1, "x");
  stream_.flush();
  EXPECT_EQ(stream_.state(zero_).durable_end, SequenceNumber(2));
}

}  // namespace
}  // namespace millrace
