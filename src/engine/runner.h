#pragma once
// Runs one request to its end, on a connection of its own: 0.3 ms buy that no setting, role or current database of one
// request can reach the next.

#include <string>
#include <vector>

#include "engine/answer.h"
#include "engine/chdb.h"
#include "engine/gate.h"
#include "engine/request.h"
#include "engine/sql_text.h"

namespace millrace::engine {

struct RunnerOptions {
  std::vector<std::string> connection_arguments;
  Port port = Port::kPublic;
  std::int64_t execution_s_max = 0;  // 0: no limit of its own
};

class Runner {
 public:
  // `mark` is how others find the running query: KILL QUERY WHERE Settings['log_comment'] = mark.
  Runner(const ChdbAbi& abi, const RunnerOptions& options, std::string mark, http::Exchange& exchange, std::mutex& use);
  // Answers in every case but one: the client has gone.
  void run(const QueryRequest& request, Answer& answer);

 private:
  std::optional<Exception> prepare(const QueryRequest& request);
  std::optional<Exception> read_statement(const QueryRequest& request);
  Result<std::string_view> read_piece();

  void run_select(const QueryRequest& request, Answer& answer);
  void run_whole(const QueryRequest& request, Answer& answer);
  void run_insert(const QueryRequest& request, Answer& answer);
  bool pump(InsertPtr& insert);

  const ChdbAbi& abi_;
  const RunnerOptions& options_;
  std::string mark_;
  http::Exchange& exchange_;
  std::mutex& use_;
  std::unique_ptr<Connection> connection_;
  std::string text_;  // the statement, with what came of its data
  Statement statement_;
  bool body_ended_ = false;
  bool client_gone_ = false;
};

}  // namespace millrace::engine
