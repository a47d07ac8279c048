#pragma once
// Writes one answer of the HTTP interface. It is held back until it is whole or has grown large, so that most errors
// still get a status of their own; past that it goes out in pieces, and an error becomes a block at its end that
// ClickHouse's clients know.

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "engine/exception.h"
#include "engine/request.h"
#include "http/encode.h"
#include "http/server.h"

namespace millrace::engine {

// For X-ClickHouse-Summary.
struct Counts {
  std::uint64_t read_rows = 0;
  std::uint64_t read_bytes = 0;
  std::uint64_t written_rows = 0;
  std::uint64_t written_bytes = 0;
  std::uint64_t result_rows = 0;
  std::uint64_t result_bytes = 0;
};
std::string summary_json(const Counts& counts, std::int64_t elapsed_ns);

class Answer {
 public:
  // The exchange must outlive it. `use` is held during every call on the exchange, which others may then look at
  // between them.
  Answer(http::Exchange& exchange, std::mutex& use, const QueryRequest& request, std::int64_t start_ns);

  void set_format(std::string_view format) { format_ = format; }
  Counts& counts() { return counts_; }
  // kUnavailable when the client has gone, kFull when it must be held back (wait_end) and is too large for it.
  Result<void> add(std::string_view bytes);
  void finish();
  void fail(const Exception& exception);

 private:
  std::vector<std::pair<std::string, std::string>> headers() const;
  Result<void> begin();
  std::string pack(std::string_view bytes, bool last);

  http::Exchange& exchange_;
  std::mutex& use_;
  const QueryRequest& request_;
  std::int64_t start_ns_;
  std::string format_;
  std::string held_;
  Counts counts_;
  std::string tag_;
  std::unique_ptr<http::GzipEncoder> gzip_;
  bool begun_ = false;
};

// An answer for a request that got no further.
http::Response error_response(const Exception& exception, std::string_view query_id);

}  // namespace millrace::engine
