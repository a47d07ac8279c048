#include "control/secret.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "io/random.h"

namespace millrace {

namespace {

constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') {
    return digit - '0';
  }
  return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

}  // namespace

Digest sha256(std::string_view text) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

bool same_digest(const Digest& a, const Digest& b) { return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0; }

std::string to_hex(const Digest& digest) {
  std::string hex;
  for (std::uint8_t byte : digest) {
    hex.push_back("0123456789abcdef"[byte >> 4]);
    hex.push_back("0123456789abcdef"[byte & 15]);
  }
  return hex;
}

bool from_hex(std::string_view hex, Digest& digest) {
  if (hex.size() != 2 * digest.size()) {
    return false;
  }
  for (std::size_t i = 0; i < digest.size(); ++i) {
    int high = hex_value(hex[2 * i]);
    int low = hex_value(hex[2 * i + 1]);
    if (high < 0 || low < 0) {
      return false;
    }
    digest[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return true;
}

std::string base62(std::string_view bytes) {
  std::vector<std::uint8_t> number(bytes.begin(), bytes.end());
  auto digits = static_cast<std::size_t>(std::ceil(static_cast<double>(bytes.size()) * 8 / std::log2(62.0)));
  std::string text(digits, kDigits[0]);
  for (std::size_t at = digits; at > 0; --at) {  // least significant first: the remainder of a long division
    unsigned remainder = 0;
    for (std::uint8_t& byte : number) {
      unsigned value = remainder << 8 | byte;
      byte = static_cast<std::uint8_t>(value / 62);
      remainder = value % 62;
    }
    text[at - 1] = kDigits[remainder];
  }
  return text;
}

std::string make_secret() { return "mr_" + base62(random_bytes(32)); }

std::string make_key_id() { return base62(random_bytes(16)).substr(14, 8); }

}  // namespace millrace
