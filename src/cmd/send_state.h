#pragma once
// How far a file has been sent, so that an interrupted `millrace send` goes on where it stopped. One small file a sent
// file in $XDG_STATE_HOME/millrace/send (~/.local/state/…), removed when all of it has been sent.

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "base/result.h"

namespace millrace::cmd {

class SendState {
 public:
  // `path` of the file and `url` of the server name the state; a file whose size or time has changed begins anew.
  SendState(const std::string& path, const std::string& url);

  std::uint64_t resume_at() const { return acknowledged_; }  // in unpacked bytes
  const std::string& run() const { return run_; }            // random; part of the batches' idempotency keys
  const std::string& file() const { return state_path_; }
  void begin_anew();

  // The batch [begin, end) was acknowledged; batches may come in any order. Safe from any thread.
  void acknowledged(std::uint64_t begin, std::uint64_t end);
  void save();  // atomically; only what is acknowledged without a gap counts
  void remove();

 private:
  void load(const std::string& identity);

  std::mutex mutex_;
  std::string state_path_;  // empty for standard input
  std::string identity_;
  std::string run_;
  std::uint64_t acknowledged_ = 0;
  std::map<std::uint64_t, std::uint64_t> ahead_;  // acknowledged behind a gap
};

}  // namespace millrace::cmd
