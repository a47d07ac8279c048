// Heads, chunks and targets from anywhere: no crash, no read past the end, and what is accepted holds what the server
// relies on.
//
// dictionary: http
// bytes_max: 1024
// covers: src/http/syntax.cc src/http/chunks.cc src/http/target.cc
#include <algorithm>
#include <cstdlib>

#include "base/check.h"
#include "http/chunks.h"
#include "http/syntax.h"

namespace {

using namespace millrace::http;

void fuzz_head(std::string_view bytes) {
  Limits limits;
  limits.request_line_bytes = 256;
  limits.header_bytes = 512;
  limits.headers = 8;
  HeadScan at_once;
  auto refusal = scan_head(bytes, limits, at_once);
  HeadScan slowly;  // however it arrives, the same end is found or the same refusal comes
  std::optional<Refusal> late;
  for (std::size_t size = 1; size <= bytes.size() && !late && slowly.head_bytes == 0; ++size)
    late = scan_head(bytes.substr(0, size), limits, slowly);
  MR_CHECK(at_once.head_bytes == slowly.head_bytes && refusal.has_value() == late.has_value());
  if (refusal || at_once.head_bytes == 0) return;
  Head head;
  Framing framing;
  if (parse_head(bytes.substr(0, at_once.head_bytes), limits, head, framing)) return;
  MR_CHECK(!head.path.empty() && head.path.find('\0') == std::string::npos && head.headers.size() <= limits.headers);
  MR_CHECK((head.content_length == -1) == framing.chunked && head.content_length >= -1);
  AnswerHead answer;
  (void)parse_answer_head(bytes.substr(0, at_once.head_bytes), answer);
}

// Feeds pieces of `size` bytes; says how it ended.
std::string chunked_body(std::string_view bytes, std::size_t size, bool& done) {
  ChunkDecoder decoder;
  std::string body;
  std::size_t consumed = 0;
  for (std::size_t arrived = 0; arrived < bytes.size() && !decoder.done() && !decoder.bad();) {
    arrived = std::min(bytes.size(), arrived + size);
    while (true) {
      ChunkDecoder::Step step = decoder.step(bytes.substr(consumed, arrived - consumed));
      MR_CHECK(step.consumed <= arrived - consumed && step.data.size() <= step.consumed);
      body.append(step.data);
      consumed += step.consumed;
      if (step.data.empty()) break;
    }
  }
  done = decoder.done();
  return body;
}

// A body that was taken as whole, read again a piece at a time and by the plainest means.
void check_chunks(std::string_view bytes, std::string_view body) {
  for (std::size_t at = 0;;) {
    std::size_t line = bytes.find("\r\n", at);
    MR_CHECK(line != std::string_view::npos);
    std::size_t size = std::strtoul(std::string(bytes.substr(at, line - at)).c_str(), nullptr, 16);
    if (size == 0) break;
    at = line + 2;
    MR_CHECK(bytes.size() - at >= size + 2 && bytes.substr(at, size) == body.substr(0, size));
    MR_CHECK(bytes.substr(at + size, 2) == "\r\n");
    at += size + 2;
    body.remove_prefix(size);
  }
  MR_CHECK(body.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  fuzz_head(bytes);
  std::size_t behind = bytes.find("\r\n\r\n");  // what stands behind a head, or all
  if (behind != std::string_view::npos) bytes.remove_prefix(behind + 4);
  bool done_at_once = false;
  bool done_slowly = false;
  std::string at_once = chunked_body(bytes, bytes.size() + 1, done_at_once);
  std::string slowly = chunked_body(bytes, 1, done_slowly);
  MR_CHECK(done_at_once == done_slowly && (!done_at_once || at_once == slowly));
  if (done_at_once) check_chunks(bytes, at_once);
  std::string decoded;
  if (percent_decode(bytes, true, decoded)) MR_CHECK(decoded.size() <= bytes.size());
  return 0;
}
