#pragma once
// The kernel's random numbers (getrandom): for keys, seeds and names that must not be guessed.

#include <cstdint>
#include <string>

namespace millrace {

std::string random_bytes(std::size_t count);
std::uint64_t random_number();

}  // namespace millrace
