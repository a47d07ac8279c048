#pragma once
// Events that other programs write into a topic of Kafka, as JSON, one message like one body of POST /v1/events, put
// into the stream once each. An event without an id of its own has its message's place as its id, so that a message
// that is read again is a repeat; how far all of it is in the stream is kept in <file>, which may lag behind and never
// runs ahead. docs/formats/source-offsets.md

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/metrics.h"
#include "ingest/ingest_request.h"
#include "ingest/native/event_parser.h"
#include "io/clock.h"
#include "io/file.h"
#include "io/thread.h"
#include "stream/failed_events.h"
#include "stream/stream.h"
#include "stream/topic_source.h"

namespace millrace {

// Must outlive what uses them.
struct TopicIngestParts {
  TopicSource& source;
  Stream& stream;
  FailedEvents& failed;
  FileSystem& files;
  Clock& clock;
  Metrics& metrics;
};

struct TopicIngestOptions {
  std::string topic;
  std::string project;
  std::string folder;  // of the file
  ParseLimits limits;
  std::size_t under_way_max = 512;  // messages given to the stream and not told
  std::int64_t pause_ms = 1'000;    // after something failed
};

class TopicIngest {
 public:
  // Reads how far it had come. kInvalid: no name of a topic; kCorrupt: the file is damaged, or of another topic.
  static Result<std::unique_ptr<TopicIngest>> open(const TopicIngestParts& parts, const TopicIngestOptions& options);
  ~TopicIngest() { stop(); }

  void start();  // a thread that reads until quit()
  void quit();   // reads no more
  // Waits until the stream has told what became of everything, and writes down how far it is.
  void stop();

 private:
  struct Message {
    std::int64_t offset = 0;
    bool done = false;
  };
  struct Partition {
    std::int64_t next = 0;  // everything before it is in the stream, or a failed event
    std::deque<Message> under_way;
  };

  TopicIngest(const TopicIngestParts& parts, const TopicIngestOptions& options);
  Result<void> load();
  void run();
  void step();
  void begin();
  void take(const SourceMessage& message);
  void told(std::int32_t partition, std::int64_t offset, IngestRequest& request, const std::optional<Error>& error);
  void keep_failed(std::int32_t partition, std::int64_t offset, std::string_view reason, std::string_view raw);
  void trouble(const Error& why);
  void pause(std::int64_t ms);
  void save();

  const TopicIngestParts parts_;
  const TopicIngestOptions options_;
  EventParser parser_;
  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  std::map<std::int32_t, Partition> partitions_;
  std::size_t under_way_ = 0;
  std::optional<Error> trouble_;  // all is read again from where everything is in the stream
  bool begun_ = false;
  bool quit_ = false;

  std::string saved_;
  TimeNs saved_at_ = 0;
  std::unique_ptr<Thread> thread_;
};

}  // namespace millrace
