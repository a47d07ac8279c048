#pragma once
// A topic of a test's own at the brokers that MILLRACE_TEST_KAFKA names.

#include <cstdlib>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "io/random.h"
#include "io/test_folder.h"
#include "stream/kafka/kafka_stream.h"

namespace millrace {

inline std::string brokers_for_test() {
  const char* address = std::getenv("MILLRACE_TEST_KAFKA");
  return address != nullptr ? address : "";
}

// The topic, which goes with it, and a folder for the indexes.
class TopicForTest {
 public:
  TopicForTest() {
    options_.client.brokers = brokers_for_test();
    options_.client.topic = fmt::format("test-{:016x}", random_number());
    options_.folder = folder_.path() + "/kafka";
    options_.partitions = 2;
    options_.waiting_bytes_max = 64 << 10;
    options_.check_interval_ms = 50;
  }
  ~TopicForTest() {
    if (opened_) {
      (void)delete_kafka_topic(options_.client);
    }
  }

  Result<std::unique_ptr<TopicStream>> open() {
    MR_ASSIGN(std::unique_ptr<TopicStream> stream,
              open_kafka_stream(posix_file_system(), system_clock(), metrics_, options_));
    opened_ = true;
    return stream;
  }
  KafkaOptions& options() { return options_; }
  Metrics& metrics() { return metrics_; }

 private:
  TestFolder folder_;
  KafkaOptions options_;
  Metrics metrics_;
  bool opened_ = false;
};

}  // namespace millrace
