#pragma once
// libchdb in C++ clothes: loading it, and owners for its handles. Nothing here throws; the library is loaded once in a
// process and never unloaded.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/chdb_abi.h"
#include "engine/exception.h"

namespace millrace::engine {

// kUnavailable when the file can't be loaded or lacks a function.
Result<ChdbAbi> load_chdb(const std::string& path);

struct ResultCloser {
  const ChdbAbi* abi;
  void operator()(ChdbResultHandle* handle) const { abi->destroy_query_result(handle); }
};
using ResultPtr = std::unique_ptr<ChdbResultHandle, ResultCloser>;

struct InsertCloser {
  const ChdbAbi* abi;
  void operator()(ChdbInsertHandle* handle) const { abi->destroy_insert_stream(handle); }
};
using InsertPtr = std::unique_ptr<ChdbInsertHandle, InsertCloser>;

using Parameters = std::vector<std::pair<std::string, std::string>>;

// One connection: a session of its own, with its own settings and current database. One thread at a time.
class Connection {
 public:
  // The first connection of a process starts the engine with `arguments` ("--path=…", "--config-file=…").
  static Result<std::unique_ptr<Connection>> open(const ChdbAbi& abi, const std::vector<std::string>& arguments);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  ResultPtr query(std::string_view sql, std::string_view format, const Parameters& parameters = {});
  // Runs a statement that has no answer, or whose answer is not wanted.
  std::optional<Exception> execute(std::string_view sql);
  ResultPtr start_select(std::string_view sql, std::string_view format, const Parameters& parameters);
  // The next piece of the answer; an empty one at its end.
  ResultPtr fetch(ChdbResultHandle* stream) { return {abi_.stream_fetch_result(handle(), stream), {&abi_}}; }
  void cancel(ChdbResultHandle* stream) { abi_.stream_cancel_query(handle(), stream); }
  InsertPtr start_insert(std::string_view head, std::string_view format, const Parameters& parameters);
  // kUnknown for whatever can't be told.
  QueryAnalysis classify(std::string_view sql, std::string_view target_database);
  std::optional<Exception> error_of(ChdbResultHandle* result) const;
  const ChdbAbi& abi() const { return abi_; }

 private:
  Connection(const ChdbAbi& abi, ChdbConnectionRef* connection) : abi_(abi), connection_(connection) {}
  ChdbConnectionRef handle() const { return *connection_; }
  const ChdbAbi& abi_;
  ChdbConnectionRef* connection_;
};

// The answer's bytes; valid while the result lives.
std::string_view bytes_of(const ChdbAbi& abi, ChdbResultHandle* result);

}  // namespace millrace::engine
