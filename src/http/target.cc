// Request targets: path and query, percent-decoded.
#include "http/client.h"
#include "http/syntax.h"

namespace millrace::http {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Takes "http://host" from the front of an absolute target; false when there is no such thing.
bool take_origin(std::string_view& target) {
  for (std::string_view scheme : {"http://", "https://"}) {
    if (!equal_without_case(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(scheme.size());
    std::size_t end = std::min(target.find_first_of("/?"), target.size());
    bool plain = end > 0 && target.substr(0, end).find('@') == std::string_view::npos;
    target.remove_prefix(end);
    return plain;
  }
  return false;
}

bool parse_query(std::string_view text, Head& head) {
  while (!text.empty()) {
    std::size_t end = std::min(text.find('&'), text.size());
    std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    std::size_t equals = std::min(pair.find('='), pair.size());
    auto& [name, value] = head.query.emplace_back();
    if (!percent_decode(pair.substr(0, equals), true, name)) return false;
    if (!percent_decode(pair.substr(std::min(equals + 1, pair.size())), true, value)) return false;
  }
  return true;
}

}  // namespace

bool percent_decode(std::string_view text, bool plus_is_blank, std::string& into) {
  into.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0 || high + low == 0) return false;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_blank) {
      c = ' ';
    }
    into.push_back(c);
  }
  return true;
}

bool parse_target(std::string_view target, Head& head) {
  head.path.clear();
  head.query.clear();
  for (char c : target) {
    if (c <= 0x20 || c >= 0x7f || c == '#') return false;  // char is signed: this refuses bytes past ASCII too
  }
  if (target == "*") {
    head.path = "*";
    return true;
  }
  if (target.empty() || (target[0] != '/' && !take_origin(target))) return false;
  std::size_t question = std::min(target.find('?'), target.size());
  if (!percent_decode(target.substr(0, question), false, head.path)) return false;
  if (head.path.empty()) head.path = "/";
  return parse_query(target.substr(std::min(question + 1, target.size())), head);
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  constexpr std::string_view kPlainMarks = "-._~";
  std::string encoded;
  encoded.reserve(text.size());
  for (char c : text) {
    bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                 kPlainMarks.find(c) != std::string_view::npos;
    if (plain) {
      encoded.push_back(c);
      continue;
    }
    auto byte = static_cast<unsigned char>(c);
    encoded += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return encoded;
}

}  // namespace millrace::http
