#pragma once
// The syntax of HTTP/1.1 messages (RFC 9112), as pure functions over bytes: no sockets, no clock. Stricter than the RFC
// wherever two readers of the same bytes have been known to disagree about where a message ends.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/server.h"

namespace millrace::http {

using Fields = std::vector<std::pair<std::string, std::string>>;

// Why a message isn't taken: what the server answers.
struct Refusal {
  int status = 400;
  const char* type = "bad-request";
  const char* detail = "";
};

// How far the search for the end of a head has come, so that a head that arrives byte by byte isn't read again and
// again.
struct HeadScan {
  std::size_t line_begin = 0;        // of the last line that has no end yet
  std::size_t first_line_bytes = 0;  // with its CRLF; 0 until it is whole
  std::size_t head_bytes = 0;        // with the empty line; 0 until it is whole
};

// Goes on with the search in `bytes`, which begin with the head. Nothing when all is well so far.
std::optional<Refusal> scan_head(std::string_view bytes, const Limits& limits, HeadScan& scan);

// What the head says about the message and the connection behind it.
struct Framing {
  bool http11 = true;
  bool keep_alive = true;
  bool chunked = false;
  bool expect_continue = false;
};

// Reads a whole head (as scan_head() found it) into `head` and `framing`, whose old contents are replaced.
std::optional<Refusal> parse_head(std::string_view bytes, const Limits& limits, Head& head, Framing& framing);

// The head of an answer, for the client. content_length is -1 when there is none. False when it is not one.
struct AnswerHead {
  int status = 0;
  Fields fields;
  Framing framing;
  std::int64_t content_length = -1;
};
bool parse_answer_head(std::string_view bytes, AnswerHead& head);

// Fills path and query from a request target in origin, absolute or asterisk form. False when it is bad: a character
// that must be encoded, a broken or NUL percent escape, a fragment.
bool parse_target(std::string_view target, Head& head);
bool percent_decode(std::string_view text, bool plus_is_blank, std::string& into);

bool equal_without_case(std::string_view a, std::string_view b);
std::string_view find_field(const Fields& fields, std::string_view name);
bool is_token(std::string_view text);        // RFC 9110 section 5.6.2; not empty
bool is_field_value(std::string_view text);  // no control characters but tab
std::string_view reason_phrase(int status);

}  // namespace millrace::http
