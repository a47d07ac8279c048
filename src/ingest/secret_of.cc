#include "ingest/secret_of.h"

#include <string_view>

namespace millrace {

namespace {

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') {
    return c - 'A';
  }
  if (c >= 'a' && c <= 'z') {
    return c - 'a' + 26;
  }
  if (c >= '0' && c <= '9') {
    return c - '0' + 52;
  }
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// RFC 4648; empty when it isn't base64.
std::string decode_base64(std::string_view text) {
  while (text.ends_with('=')) {
    text.remove_suffix(1);
  }
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    int value = base64_value(c);
    if (value < 0) {
      return {};
    }
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes.push_back(static_cast<char>(bits >> count & 0xff));
    }
  }
  return bytes;
}

// What follows the scheme (whose case doesn't matter, RFC 9110 section 11.1); empty when it is another one.
std::string_view credentials(std::string_view header, std::string_view scheme) {
  if (header.size() <= scheme.size() || header[scheme.size()] != ' ') {
    return {};
  }
  for (std::size_t i = 0; i < scheme.size(); ++i) {
    if ((header[i] | 0x20) != scheme[i]) {
      return {};
    }
  }
  header.remove_prefix(scheme.size() + 1);
  while (header.starts_with(' ')) {
    header.remove_prefix(1);
  }
  return header;
}

}  // namespace

std::string secret_of(const http::Head& head, KeyInUrl& in_url) {
  in_url = KeyInUrl::kNo;
  std::string_view header = head.header("authorization");
  if (std::string_view token = credentials(header, "bearer"); !token.empty()) {
    return std::string(token);
  }
  if (std::string_view basic = credentials(header, "basic"); !basic.empty()) {
    std::string pair = decode_base64(basic);
    return pair.substr(0, pair.find(':'));
  }
  if (const std::string* key = head.parameter("key"); header.empty() && key != nullptr) {
    in_url = KeyInUrl::kYes;
    return *key;
  }
  return {};
}

}  // namespace millrace
