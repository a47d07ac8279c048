#pragma once
// What the tests of the log share.

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "io/fault.h"
#include "io/test_folder.h"
#include "stream/log/log_stream.h"
#include "stream/log/segment_format.h"
#include "stream/recording_listener.h"

namespace millrace {

inline std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

inline void spill(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc).write(content.data(), std::ssize(content));
}

// The payload that tests write for the event with this number: anybody can tell what must lie there.
inline std::string payload_of(std::uint64_t sequence, std::size_t bytes = 40) {
  std::string text = "event " + std::to_string(sequence) + " ";
  while (text.size() < bytes) {
    text += static_cast<char>('a' + (sequence + text.size()) % 26);
  }
  return text;
}

// A log in a folder of its own, on files that can be made to fail.
class LogFixture : public testing::Test {
 protected:
  LogFixture() {
    options_.folder = folder_.path() + "/log";
    options_.segment_bytes = 16 << 10;
    options_.free_bytes_min = 0;
    options_.check_interval_ms = 1;
  }

  void open() {
    faults_ = std::make_unique<FaultFileSystem>(posix_file_system());
    metrics_ = std::make_unique<Metrics>();
    Result<std::unique_ptr<Stream>> stream = open_log_stream(*faults_, clock_, *metrics_, options_);
    ASSERT_TRUE(stream.ok()) << stream.error().message;
    stream_ = std::move(*stream);
  }
  void close() { stream_.reset(); }
  // As kill -9 does: nothing is written from now on.
  void crash() {
    faults_->unplug();
    stream_.reset();
  }

  // Appends one event; true when it was acknowledged.
  bool append_one(std::size_t bytes = 40) {
    SequenceNumber next = stream_->state(PartitionId(0)).durable_end;
    Result<SequenceRange> range =
        append_and_wait(*stream_, PartitionId(0), 1, clock_.wall(), payload_of(next.value, bytes));
    last_error_ = range.ok() ? Error{} : range.error();
    EXPECT_TRUE(!range.ok() || range->begin == next);
    return range.ok();
  }
  void append_many(int count, std::size_t bytes = 40) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(append_one(bytes)) << last_error_.message;
    }
  }

  struct ReadBack {
    std::uint64_t events = 0;
    std::uint64_t damaged = 0;
    std::vector<SequenceRange> holes;
    SequenceNumber end;
  };
  // Reads from `from` to the durable end and checks that every event is what was written there, once and in order.
  ReadBack read_all(SequenceNumber from = SequenceNumber(0)) {
    ReadBack back;
    back.end = from;
    auto reader = stream_->reader(PartitionId(0), from);
    while (true) {
      Result<StreamEntry> entry = (*reader)->next();
      if (!entry.ok()) {
        EXPECT_EQ(entry.error().code, Code::kNotFound) << entry.error().message;
        break;
      }
      EXPECT_EQ(entry->range.begin, back.end);
      back.end = entry->range.end;
      if (entry->damaged) {
        back.damaged += entry->range.end.value - entry->range.begin.value;
        back.holes.push_back(entry->range);
        continue;
      }
      ++back.events;
      std::string expected = payload_of(entry->range.begin.value, entry->payload.size());
      EXPECT_EQ(entry->payload, expected);
    }
    EXPECT_EQ(back.end, stream_->state(PartitionId(0)).durable_end);
    return back;
  }

  std::string partition_folder() const { return options_.folder + "/g1/p0"; }
  // Segment files that hold a header, oldest first.
  std::vector<std::string> segments() const {
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator(partition_folder())) {
      if (entry.path().extension() == ".seg" && slurp(entry.path()).starts_with(kSegmentMagic)) {
        paths.push_back(entry.path());
      }
    }
    std::sort(paths.begin(), paths.end());
    return paths;
  }
  // Waits, without a limit of its own, for what another thread is about to do.
  template <typename Condition>
  void await(Condition condition) {
    while (!condition()) {
      std::this_thread::yield();
    }
  }

  TestFolder folder_;
  ManualClock clock_{1'700'000'000'000'000'000};
  LogOptions options_;
  std::unique_ptr<FaultFileSystem> faults_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<Stream> stream_;
  Error last_error_;
};

}  // namespace millrace
