#include "engine/runner.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/settings.h"

namespace millrace::engine {
namespace {

constexpr std::size_t kStatementBytesMax = 1 << 20;     // of a statement without its data
constexpr std::size_t kPackedBodyBytesMax = 256 << 20;  // a packed body is unpacked as a whole
constexpr std::size_t kBodyBytesMax = 512 << 20;

Exception client_gone() { return make_exception(kNetworkError, "NETWORK_ERROR", "The client has gone"); }

Counts counts_of(const ChdbAbi& abi, ChdbResultHandle* result) {
  return {abi.result_storage_rows_read(result), abi.result_storage_bytes_read(result), abi.result_rows_written(result),
          abi.result_bytes_written(result),     abi.result_rows_read(result),          abi.result_bytes_read(result)};
}

void add(Counts& sum, const Counts& more) {
  sum.read_rows += more.read_rows, sum.read_bytes += more.read_bytes;
  sum.written_rows += more.written_rows, sum.written_bytes += more.written_bytes;
  sum.result_rows += more.result_rows, sum.result_bytes += more.result_bytes;
}

std::string_view output_format(const Statement& statement, const QueryRequest& request) {
  if (!statement.format.empty()) return statement.format;
  return request.default_format.empty() ? std::string_view("TabSeparated") : std::string_view(request.default_format);
}

}  // namespace

Runner::Runner(const ChdbAbi& abi, const RunnerOptions& options, std::string mark, http::Exchange& exchange,
               std::mutex& use)
    : abi_(abi), options_(options), mark_(std::move(mark)), exchange_(exchange), use_(use) {}

void Runner::run(const QueryRequest& request, Answer& answer) {
  std::optional<Exception> refused = read_statement(request);
  if (!refused) refused = prepare(request);
  if (client_gone_) return;
  if (refused) return answer.fail(*refused);
  answer.set_format(output_format(statement_, request));
  switch (statement_.shape) {
    case Shape::kSelect:
      return run_select(request, answer);
    case Shape::kInsertData:
      return run_insert(request, answer);
    case Shape::kOther:
      return run_whole(request, answer);
    case Shape::kInsertUnclear:
      break;
  }
  answer.fail(
      make_exception(kNotImplemented, "NOT_IMPLEMENTED",
                     "An INSERT needs VALUES, a FORMAT clause with data behind it, or a SELECT without input()"));
}

// The next bytes of the body; empty at its end.
Result<std::string_view> Runner::read_piece() {
  if (body_ended_) return std::string_view();
  std::lock_guard lock(use_);
  Result<std::string_view> piece = exchange_.read();
  client_gone_ = !piece.ok();
  if (piece.ok() && piece.value().empty()) body_ended_ = true;
  return piece;
}

// A packed body is taken whole; of another only as much as shows where the statement ends.
std::optional<Exception> Runner::read_statement(const QueryRequest& request) {
  text_ = request.sql;
  if (!text_.empty()) text_ += '\n';
  statement_ = look_at(text_);
  if (request.encoding != http::Encoding::kIdentity) {
    std::string packed, body;
    while (!body_ended_) {
      Result<std::string_view> piece = read_piece();
      if (!piece) return client_gone();
      packed += *piece;
      if (packed.size() > kPackedBodyBytesMax)
        return make_exception(307, "TOO_MANY_BYTES", "The packed body is larger than 256 MB");
    }
    http::DecodeLimits limits;
    limits.bytes_max = kBodyBytesMax;
    Result<void> decoded = http::decode(request.encoding, packed, limits, body);
    if (!decoded) return make_exception(kIncorrectData, "INCORRECT_DATA", decoded.error().message);
    text_ += body;
  }
  while (!body_ended_ && statement_.shape != Shape::kInsertData && text_.size() <= kStatementBytesMax) {
    Result<std::string_view> piece = read_piece();
    if (!piece) return client_gone();
    text_ += *piece;
  }
  statement_ = look_at(std::string_view(text_).substr(0, kStatementBytesMax));
  if (statement_.shape == Shape::kInsertData) return {};
  if (text_.size() > kStatementBytesMax)
    return make_exception(kSyntaxError, "SYNTAX_ERROR", "The statement is larger than 1 MB");
  return {};
}

// Opens the connection and gives it the request's database, settings and rights.
std::optional<Exception> Runner::prepare(const QueryRequest& request) {
  std::vector<std::string> arguments = options_.connection_arguments;
  arguments.push_back("--log_comment=" + mark_);
  Result<std::unique_ptr<Connection>> opened = Connection::open(abi_, arguments);
  if (!opened) return make_exception(kUnknownException, "UNKNOWN_EXCEPTION", opened.error().message);
  connection_ = std::move(*opened);
  if (!request.database.empty()) {
    if (auto refused = connection_->execute("USE " + quote_name(request.database))) return refused;
  }
  std::string_view text = text_;
  std::string sql(statement_.shape == Shape::kInsertData ? text.substr(0, statement_.head_size) : text);
  if (statement_.shape == Shape::kInsertData) sql += " FORMAT " + statement_.format;
  std::string database = request.database.empty() ? "default" : request.database;
  if (auto refused = refuse(*connection_, {options_.port, request.may_write, sql, database})) return refused;

  std::string set;
  if (options_.execution_s_max > 0) set = fmt::format("SET max_execution_time = {}", options_.execution_s_max);
  for (const auto& [name, value] : request.settings) {
    set += fmt::format("{} {} = {}", set.empty() ? "SET" : ",", name, quote_string(value));
  }
  if (!set.empty()) {
    if (auto refused = connection_->execute(set)) return refused;
  }
  if (options_.port == Port::kPublic) return connection_->execute("SET ROLE public");
  return {};
}

void Runner::run_select(const QueryRequest& request, Answer& answer) {
  ResultPtr stream = connection_->start_select(text_, output_format(statement_, request), request.parameters);
  if (auto error = connection_->error_of(stream.get())) return answer.fail(*error);
  while (true) {
    ResultPtr piece = connection_->fetch(stream.get());
    if (auto error = connection_->error_of(piece.get())) return answer.fail(*error);
    std::string_view bytes = bytes_of(abi_, piece.get());
    add(answer.counts(), counts_of(abi_, piece.get()));
    if (bytes.empty()) return answer.finish();
    Result<void> added = answer.add(bytes);
    if (added) continue;
    connection_->cancel(stream.get());
    if (added.error().code == Code::kFull)
      answer.fail(make_exception(396, "TOO_MANY_ROWS_OR_BYTES", added.error().message));
    return;
  }
}

void Runner::run_whole(const QueryRequest& request, Answer& answer) {
  ResultPtr result = connection_->query(text_, output_format(statement_, request), request.parameters);
  if (auto error = connection_->error_of(result.get())) return answer.fail(*error);
  answer.counts() = counts_of(abi_, result.get());
  Result<void> added = answer.add(bytes_of(abi_, result.get()));
  if (added) return answer.finish();
  if (added.error().code == Code::kFull)
    answer.fail(make_exception(396, "TOO_MANY_ROWS_OR_BYTES", added.error().message));
}

void Runner::run_insert(const QueryRequest& request, Answer& answer) {
  std::string_view head = std::string_view(text_).substr(0, statement_.head_size);
  InsertPtr insert = connection_->start_insert(head, statement_.format, request.parameters);
  if (const char* error = abi_.stream_insert_error(insert.get())) return answer.fail(parse_exception(error));
  if (!pump(insert)) {  // the client has gone: nobody is there to be answered
    abi_.stream_cancel_insert(insert.get());
    return;
  }
  ResultPtr result(abi_.stream_done(insert.get()), {&abi_});
  if (auto error = connection_->error_of(result.get())) {
    if (const char* first = abi_.stream_insert_error(insert.get())) error = parse_exception(first);
    return answer.fail(*error);
  }
  answer.counts() = counts_of(abi_, result.get());
  answer.finish();
}

// Moves the data from the client to the engine. False when the client has gone before its end.
bool Runner::pump(InsertPtr& insert) {
  std::string_view data = std::string_view(text_).substr(statement_.data_begin);
  while (true) {
    if (!data.empty() && abi_.stream_append(insert.get(), data.data(), data.size()) != kChdbSuccess) return true;
    Result<std::string_view> piece = read_piece();
    if (!piece) return false;
    if (piece->empty()) return true;
    data = *piece;
  }
}

}  // namespace millrace::engine
