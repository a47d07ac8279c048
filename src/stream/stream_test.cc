#include "stream/stream.h"

#include "io/test_folder.h"
#include "stream/kafka/topic_for_test.h"
#include "stream/log/log_stream.h"
#include "stream/memory/memory_stream.h"
#include "stream/stream_contract.h"

namespace millrace {
namespace {

class MemoryHarness final : public StreamHarness {
 public:
  Stream& stream() override { return stream_; }

 private:
  MemoryStream stream_{{Generation(1), 2, 64 << 10, true}};
};

class LogHarness final : public StreamHarness {
 public:
  explicit LogHarness(std::uint64_t segment_bytes) {
    LogOptions options;
    options.folder = folder_.path() + "/log";
    options.partitions = 2;
    options.segment_bytes = segment_bytes;
    options.free_bytes_min = 0;
    options.waiting_bytes_max = 64 << 10;
    stream_ = open_log_stream(posix_file_system(), system_clock(), metrics_, options).value();
  }
  Stream& stream() override { return *stream_; }

 private:
  TestFolder folder_;
  Metrics metrics_;
  std::unique_ptr<Stream> stream_;
};

class KafkaHarness final : public StreamHarness {
 public:
  KafkaHarness() : stream_(topic_.open().value()) {}
  Stream& stream() override { return *stream_; }

 private:
  TopicForTest topic_;
  std::unique_ptr<Stream> stream_;
};

// None where there are no brokers: KafkaStreamTest says so.
std::vector<StreamHarnessFactory> with_brokers() {
  if (brokers_for_test().empty()) {
    return {};
  }
  return {[] { return std::make_unique<KafkaHarness>(); }};
}

INSTANTIATE_TEST_SUITE_P(Memory, StreamContract, testing::Values([] { return std::make_unique<MemoryHarness>(); }));
INSTANTIATE_TEST_SUITE_P(Log, StreamContract, testing::Values([] { return std::make_unique<LogHarness>(1 << 20); }));
// Many segments in every test.
INSTANTIATE_TEST_SUITE_P(LogOfSmallSegments, StreamContract,
                         testing::Values([] { return std::make_unique<LogHarness>(16 << 10); }));

INSTANTIATE_TEST_SUITE_P(Kafka, StreamContract, testing::ValuesIn(with_brokers()));

}  // namespace
}  // namespace millrace
