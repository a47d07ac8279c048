#include "http/syntax.h"

#include <array>
#include <charconv>

namespace millrace::http {
namespace {

constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";
constexpr std::size_t kMethodBytesMax = 32;

constexpr bool is_alphanumeric(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr std::array<bool, 256> kTokenBytes = [] {
  std::array<bool, 256> allowed{};
  for (unsigned c = 0; c < 256; ++c) allowed[c] = is_alphanumeric(static_cast<unsigned char>(c));
  for (char c : kTokenMarks) allowed[static_cast<unsigned char>(c)] = true;
  return allowed;
}();

constexpr std::array<bool, 256> kValueBytes = [] {
  std::array<bool, 256> allowed{};
  for (unsigned c = 0; c < 256; ++c) allowed[c] = (c >= 0x20 && c != 0x7f) || c == '\t';
  return allowed;
}();

bool all_of(std::string_view text, const std::array<bool, 256>& allowed) {
  for (char c : text) {
    if (!allowed[static_cast<unsigned char>(c)]) return false;
  }
  return true;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The host and port of RFC 3986, loosely: enough that no two readers can take it for different things.
bool is_host(std::string_view text) {
  for (char c : text) {
    if (!is_alphanumeric(static_cast<unsigned char>(c)) &&
        std::string_view("-._~!$&'()*+,;=:[]%").find(c) == text.npos) {
      return false;
    }
  }
  return true;
}

// Takes one line with its CRLF from the front of `bytes`; there is one.
std::string_view take_line(std::string_view& bytes) {
  std::size_t end = bytes.find('\n');
  std::string_view line = bytes.substr(0, end - 1);
  bytes.remove_prefix(end + 1);
  return line;
}

constexpr Refusal kBadLine{400, "bad-request",
                           "A line of the request's head does not end in CR LF, or is not a header."};
constexpr Refusal kBadFraming{
    400, "bad-framing",
    "Send either one Content-Length of digits alone, or Transfer-Encoding: chunked; not both, not twice."};
constexpr Refusal kLongLine{414, "target-too-long", "The request line is too long; move parameters into the body."};
constexpr Refusal kLargeHead{431, "head-too-large", "The request has too many headers or too many bytes of them."};

// Gathers what the framing headers say, over all lines of one head.
struct FramingFields {
  int hosts = 0;
  bool bad_host = false;
  int lengths = 0;
  std::int64_t length = 0;
  int codings = 0;
  bool plain_chunked = true;
  bool close = false;
  bool keep_alive = false;
  bool expect_continue = false;
  bool bad_expect = false;
  bool bad_connection = false;  // an option that is no token

  void on_length(std::string_view value) {
    ++lengths;
    auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
    bool digits = !value.empty() && value[0] >= '0' && value[0] <= '9';
    if (error != std::errc() || end != value.data() + value.size() || !digits) lengths = 2;
  }

  void on_connection(std::string_view value) {
    while (!value.empty()) {
      std::size_t comma = std::min(value.find(','), value.size());
      std::string_view option = trim(value.substr(0, comma));
      bad_connection = bad_connection || (!option.empty() && !is_token(option));
      close = close || equal_without_case(option, "close");
      keep_alive = keep_alive || equal_without_case(option, "keep-alive");
      value.remove_prefix(std::min(comma + 1, value.size()));
    }
  }

  void on_field(std::string_view name, std::string_view value) {
    switch (name.size()) {  // spares most headers every comparison
      case 4:
        if (!equal_without_case(name, "host")) return;
        ++hosts;
        bad_host = bad_host || !is_host(value);
        return;
      case 6:
        if (!equal_without_case(name, "expect")) return;
        expect_continue = equal_without_case(value, "100-continue");
        bad_expect = bad_expect || !expect_continue;
        return;
      case 10:
        if (equal_without_case(name, "connection")) on_connection(value);
        return;
      case 14:
        if (equal_without_case(name, "content-length")) on_length(value);
        return;
      case 17:
        if (!equal_without_case(name, "transfer-encoding")) return;
        ++codings;
        plain_chunked = plain_chunked && equal_without_case(value, "chunked");
        return;
      default:
        return;
    }
  }

  bool contradicts_itself() const { return lengths > 1 || codings > 1 || (lengths > 0 && codings > 0); }

  void apply(Framing& framing) const {
    framing.chunked = codings > 0;
    framing.keep_alive = framing.http11 ? !close : keep_alive && !close;
    framing.expect_continue = expect_continue && framing.http11;
  }
};

// Nothing when `lines` (up to the empty one) are all well-formed headers.
std::optional<Refusal> parse_fields(std::string_view lines, std::size_t headers_max, Fields& fields,
                                    FramingFields& gathered) {
  std::size_t count = 0;  // the strings of the last request are used again, with their memory
  for (std::string_view line = take_line(lines); !line.empty(); line = take_line(lines)) {
    std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return kBadLine;  // also folded lines
    std::string_view value = trim(line.substr(colon + 1));
    if (!is_field_value(value)) return kBadLine;
    if (count == headers_max) return kLargeHead;
    if (count == fields.size()) fields.emplace_back();
    fields[count].first.assign(line.substr(0, colon));
    fields[count++].second.assign(value);
    gathered.on_field(line.substr(0, colon), value);
  }
  fields.resize(count);
  return std::nullopt;
}

bool parse_version(std::string_view version, Framing& framing) {
  framing.http11 = version == "HTTP/1.1";
  return framing.http11 || version == "HTTP/1.0";
}

std::optional<Refusal> parse_request_line(std::string_view line, Head& head, Framing& framing) {
  std::size_t first = line.find(' ');
  std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return Refusal{400, "bad-request", "The request line is not: method, target, HTTP/1.1."};
  }
  std::string_view method = line.substr(0, first);
  std::string_view version = line.substr(last + 1);
  if (method.size() > kMethodBytesMax || !is_token(method)) {
    return Refusal{400, "bad-request", "The request's method is not a token."};
  }
  if (!parse_version(version, framing)) {
    bool other = version.size() == 8 && version.substr(0, 5) == "HTTP/";
    return other ? Refusal{505, "http-version", "Only HTTP/1.1 and HTTP/1.0 are spoken here."}
                 : Refusal{400, "bad-request", "The request line does not end in HTTP/1.1."};
  }
  head.method.assign(method);
  std::string_view target = line.substr(first + 1, last - first - 1);
  if (!parse_target(target, head) || (target == "*") != (head.path == "*") || (target == "*" && method != "OPTIONS")) {
    return Refusal{400, "bad-target", "The request's target is not a percent-encoded path and query."};
  }
  return std::nullopt;
}

std::optional<Refusal> check_fields(const FramingFields& gathered, const Framing& framing) {
  if (gathered.hosts > 1 || gathered.bad_host || (gathered.hosts == 0 && framing.http11)) {
    return Refusal{400, "bad-host", "HTTP/1.1 asks for exactly one well-formed Host header."};
  }
  if (gathered.contradicts_itself() || (gathered.codings > 0 && !framing.http11)) return kBadFraming;
  if (!gathered.plain_chunked) {
    return Refusal{501, "transfer-coding",
                   "The only transfer coding taken is chunked; compress with Content-Encoding."};
  }
  if (gathered.bad_connection) {
    return Refusal{400, "bad-connection", "The Connection header lists names of options, separated by commas."};
  }
  if (gathered.bad_expect) return Refusal{417, "expectation", "The only expectation that can be met is 100-continue."};
  return std::nullopt;
}

}  // namespace

bool equal_without_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

std::string_view find_field(const Fields& fields, std::string_view name) {
  for (const auto& [key, value] : fields) {
    if (equal_without_case(key, name)) return value;
  }
  return {};
}

bool is_token(std::string_view text) { return !text.empty() && all_of(text, kTokenBytes); }
bool is_field_value(std::string_view text) { return all_of(text, kValueBytes); }

std::optional<Refusal> scan_head(std::string_view bytes, const Limits& limits, HeadScan& scan) {
  while (true) {
    std::size_t end = bytes.find('\n', scan.line_begin);
    bool first = scan.first_line_bytes == 0;
    std::size_t seen = end == std::string_view::npos ? bytes.size() : end;
    if (first && seen > 0 && bytes[0] != '\r' && !is_token(bytes.substr(0, 1))) return kBadLine;  // TLS, as a rule
    if (first && seen > limits.request_line_bytes) return kLongLine;
    if (!first && seen - scan.first_line_bytes > limits.header_bytes) return kLargeHead;
    if (end == std::string_view::npos) return std::nullopt;
    if (end == scan.line_begin || bytes[end - 1] != '\r') return kBadLine;
    if (first) scan.first_line_bytes = end + 1;
    bool empty = end == scan.line_begin + 1;
    scan.line_begin = end + 1;
    if (empty) {
      scan.head_bytes = end + 1;
      return std::nullopt;
    }
  }
}

std::optional<Refusal> parse_head(std::string_view bytes, const Limits& limits, Head& head, Framing& framing) {
  if (auto refusal = parse_request_line(take_line(bytes), head, framing)) return refusal;
  if (bytes.empty()) return kBadLine;  // an empty line where the request line should be
  FramingFields gathered;
  if (auto refusal = parse_fields(bytes, limits.headers, head.headers, gathered)) return refusal;
  if (auto refusal = check_fields(gathered, framing)) return refusal;
  gathered.apply(framing);
  head.content_length = framing.chunked ? -1 : gathered.length;
  return std::nullopt;
}

bool parse_answer_head(std::string_view bytes, AnswerHead& head) {
  constexpr std::size_t kHeadersMax = 1000;
  std::string_view line = take_line(bytes);
  if (bytes.empty() || line.size() < 12 || line[8] != ' ' || !parse_version(line.substr(0, 8), head.framing))
    return false;
  auto [end, error] = std::from_chars(line.data() + 9, line.data() + 12, head.status);
  if (error != std::errc() || end != line.data() + 12 || head.status < 100) return false;
  if (line.size() > 12 && line[12] != ' ') return false;
  FramingFields gathered;
  if (parse_fields(bytes, kHeadersMax, head.fields, gathered)) return false;
  if (gathered.contradicts_itself() || !gathered.plain_chunked) return false;
  gathered.apply(head.framing);
  head.content_length = gathered.lengths > 0 ? gathered.length : -1;
  return true;
}

}  // namespace millrace::http
