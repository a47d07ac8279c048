// Any target and any Authorization header: the key that is found in them is the one that a plain reading finds.
//
// The input: the Authorization header, a line feed, the request's target.
//
// dictionary: http
// bytes_max: 512
// covers: src/ingest/secret_of.cc src/http/target.cc
#include <algorithm>
#include <cctype>

#include "base/check.h"
#include "http/syntax.h"
#include "ingest/secret_of.h"

namespace {

// RFC 4648 by brute force: the letter's place in the alphabet, six bits each, eight at a time.
std::string base64_plain(std::string text) {
  const std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  while (!text.empty() && text.back() == '=') text.pop_back();
  std::string bits;
  for (char c : text) {
    std::size_t place = letters.find(c);
    if (place == std::string::npos) return "";
    for (int bit = 5; bit >= 0; --bit) bits += (place >> bit & 1) != 0 ? '1' : '0';
  }
  std::string bytes;
  for (std::size_t at = 0; at + 8 <= bits.size(); at += 8)
    bytes += static_cast<char>(std::stoi(bits.substr(at, 8), nullptr, 2));
  return bytes;
}

// The rest behind "SCHEME ", in any case of letters; empty when it is another scheme.
std::string behind(const std::string& header, const std::string& scheme) {
  if (header.size() <= scheme.size() || header[scheme.size()] != ' ') return "";
  for (std::size_t i = 0; i < scheme.size(); ++i) {
    if (std::tolower(static_cast<unsigned char>(header[i])) != scheme[i]) return "";
  }
  std::size_t at = header.find_first_not_of(' ', scheme.size());
  return at == std::string::npos ? "" : header.substr(at);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace millrace;
  std::string text(reinterpret_cast<const char*>(data), size);
  std::size_t line = std::min(text.find('\n'), text.size());
  std::string header = text.substr(0, line);
  std::string target = text.substr(std::min(line + 1, text.size()));
  http::Head head;
  if (!http::parse_target(target, head)) return 0;
  if (!header.empty()) head.headers.emplace_back("AuThorization", header);
  KeyInUrl in_url = KeyInUrl::kNo;
  std::string secret = secret_of(head, in_url);
  std::string expected = behind(header, "bearer");
  bool from_url = false;
  if (expected.empty() && !behind(header, "basic").empty()) {
    std::string pair = base64_plain(behind(header, "basic"));
    expected = pair.substr(0, pair.find(':'));
  } else if (expected.empty() && header.empty()) {
    for (std::size_t i = head.query.size(); i-- > 0;) {
      if (head.query[i].first == "key") expected = head.query[i].second, from_url = true;
    }
  }
  MR_CHECK(secret == expected && (in_url == KeyInUrl::kYes) == from_url);
  return 0;
}
