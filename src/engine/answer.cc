#include "engine/answer.h"

#include <fmt/format.h>

#include "io/clock.h"
#include "io/random.h"

namespace millrace::engine {
namespace {

constexpr std::size_t kHeldBytes = 256 << 10;
constexpr std::size_t kHeldBytesMax = 256 << 20;  // when the client waits for the end

std::vector<std::pair<std::string, std::string>> common_headers(std::string_view query_id) {
  return {{"X-ClickHouse-Server-Display-Name", "millrace"},
          {"X-ClickHouse-Timezone", "UTC"},
          {"X-ClickHouse-Query-Id", std::string(query_id)}};
}

}  // namespace

std::string summary_json(const Counts& counts, std::int64_t elapsed_ns) {
  return fmt::format(
      R"({{"read_rows":"{}","read_bytes":"{}","written_rows":"{}","written_bytes":"{}","total_rows_to_read":"0","result_rows":"{}","result_bytes":"{}","elapsed_ns":"{}"}})",
      counts.read_rows, counts.read_bytes, counts.written_rows, counts.written_bytes, counts.result_rows,
      counts.result_bytes, elapsed_ns);
}

Answer::Answer(http::Exchange& exchange, std::mutex& use, const QueryRequest& request, std::int64_t start_ns)
    : exchange_(exchange),
      use_(use),
      request_(request),
      start_ns_(start_ns),
      tag_(fmt::format("{:016x}", random_number())) {
  if (request.gzip) gzip_ = http::GzipEncoder::create();
}

std::vector<std::pair<std::string, std::string>> Answer::headers() const {
  auto headers = common_headers(request_.query_id);
  headers.emplace_back("X-ClickHouse-Format", format_);
  headers.emplace_back("X-ClickHouse-Summary", summary_json(counts_, system_clock().monotonic() - start_ns_));
  headers.emplace_back("X-ClickHouse-Exception-Tag", tag_);
  if (gzip_) headers.emplace_back("Content-Encoding", "gzip");
  return headers;
}

std::string Answer::pack(std::string_view bytes, bool last) {
  if (!gzip_) return std::string(bytes);
  std::string packed = gzip_->add(bytes);
  if (last) packed += gzip_->finish();
  return packed;
}

Result<void> Answer::begin() {
  auto all = headers();
  all.emplace_back("Content-Type", std::string(content_type_of(format_)));
  begun_ = true;
  std::lock_guard lock(use_);
  return exchange_.begin(200, std::move(all));
}

Result<void> Answer::add(std::string_view bytes) {
  if (!begun_) {
    held_ += bytes;
    if (request_.wait_end && held_.size() > kHeldBytesMax)
      return full("The answer is too large to be held back until its end");
    if (request_.wait_end || held_.size() < kHeldBytes) return {};
    MR_TRY(begin());
    bytes = held_;
  }
  std::string packed;
  if (gzip_) bytes = packed = pack(bytes, false);
  Result<void> written;
  if (!bytes.empty()) {
    std::lock_guard lock(use_);
    written = exchange_.write(bytes);
  }
  held_.clear();
  return written;
}

void Answer::finish() {
  if (begun_) {
    std::string rest = pack({}, true);
    std::lock_guard lock(use_);
    if (!rest.empty() && !exchange_.write(rest)) return;
    (void)exchange_.end().ok();  // a client that has gone gets nothing more
    return;
  }
  http::Response response{200, std::string(content_type_of(format_)), pack(held_, true), headers(), false};
  std::lock_guard lock(use_);
  exchange_.reply(std::move(response));
}

void Answer::fail(const Exception& exception) {
  if (!begun_) {
    std::lock_guard lock(use_);
    exchange_.reply(error_response(exception, request_.query_id));
    return;
  }
  // The block of ClickHouse 25.11 and later; then the chunked body is left without its end, so that nobody takes it for
  // whole.
  std::string block = fmt::format("\r\n__exception__\r\n{0}\r\n{1}\n{2} {0}\r\n__exception__\r\n", tag_, exception.text,
                                  exception.text.size() + 1);
  std::string packed = pack(block, true);
  std::lock_guard lock(use_);
  (void)exchange_.write(packed).ok();
}

http::Response error_response(const Exception& exception, std::string_view query_id) {
  http::Response response{http_status(exception.code), "text/plain; charset=UTF-8", exception.text + "\n",
                          common_headers(query_id), false};
  response.headers.emplace_back("X-ClickHouse-Exception-Code", std::to_string(exception.code));
  if (response.status == 401) response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"millrace engine\"");
  if (response.status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace millrace::engine
