#pragma once
// GET /v1/verify: the log against the store, by count and contents, and the views against the store, while the
// server runs. One at a time.

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "app/backend.h"
#include "process/verify.h"
#include "query/live_api.h"
#include "stream/progress.h"

namespace millrace {

// {"equal":…,"partitions":[{"partition","from","until","missing","equal","remarks","ranges":[…]}],"views":…}; `views`
// as LiveApi::verify_views() gives it, empty where no server runs.
std::string verify_report_json(const std::vector<VerifyReport>& reports, const std::string& views);

class VerifyApi {
 public:
  // `shared`: what the processors know of the partitions lies in the store.
  VerifyApi(Backend& backend, Stream& stream, FileSystem& files, Progress& progress, LiveApi* live,
            VerifyOptions options, bool shared)
      : backend_(backend),
        stream_(stream),
        files_(files),
        progress_(progress),
        live_(live),
        options_(std::move(options)),
        shared_(shared) {}

  void get_verify(const Principal& principal, std::unique_ptr<http::Exchange> exchange);

 private:
  http::Response verify();
  Result<VerifyReport> verify_one(ClickHouseStore& store, const VerifyOptions& options);
  bool wait_until_stored();

  Backend& backend_;
  Stream& stream_;
  FileSystem& files_;
  Progress& progress_;
  LiveApi* const live_;  // null where no views are answered
  const VerifyOptions options_;
  const bool shared_;
  std::mutex mutex_;  // of thread_
  std::atomic<bool> busy_ = false;
  std::unique_ptr<Thread> thread_;  // of the newest verification; joined before the next and at the end
};

}  // namespace millrace
