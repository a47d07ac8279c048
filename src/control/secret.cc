#include "control/secret.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/check.h"
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

// OpenSSL's one-call SHA256() looks the algorithm up and allocates its state anew each time, which takes longer than
// hashing a key does: every request is hashed one. So each thread keeps both.
class Sha256 {
 public:
  Sha256() { MR_CHECK(algorithm_ != nullptr && state_ != nullptr); }

  Digest operator()(std::string_view text) {
    Digest digest;
    bool done = EVP_DigestInit_ex2(state_.get(), algorithm_.get(), nullptr) == 1 &&
                EVP_DigestUpdate(state_.get(), text.data(), text.size()) == 1 &&
                EVP_DigestFinal_ex(state_.get(), digest.data(), nullptr) == 1;
    MR_CHECK(done);
    return digest;
  }

 private:
  std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> algorithm_{EVP_MD_fetch(nullptr, "SHA256", nullptr), &EVP_MD_free};
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> state_{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
};

}  // namespace

Digest sha256(std::string_view text) {
  thread_local Sha256 hash;
  return hash(text);
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
