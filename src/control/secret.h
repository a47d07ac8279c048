#pragma once
// What a key is made of: a secret that is shown once, and the digest that is kept.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

inline constexpr std::size_t kSecretBytesMin = 16;   // of one that somebody chose
inline constexpr std::size_t kSecretBytesMax = 256;  // longer ones are not even hashed

using Digest = std::array<std::uint8_t, 32>;

Digest sha256(std::string_view text);
// Takes the same time wherever they differ.
bool same_digest(const Digest& a, const Digest& b);
std::string to_hex(const Digest& digest);
// False unless `hex` is 64 digits.
bool from_hex(std::string_view hex, Digest& digest);

// Digits 0-9, A-Z, a-z of the big-endian number in `bytes`, as many as the largest number of that size needs (43 for 32
// bytes).
std::string base62(std::string_view bytes);

std::string make_secret();  // "mr_" and 43 digits: 256 random bits
std::string make_key_id();  // 8 digits

}  // namespace millrace
