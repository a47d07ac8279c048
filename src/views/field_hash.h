#pragma once
// The hash by which values are told apart in sketches and rows. Part of the states' formats: XXH3-64, seed 0.

#include <cstdint>
#include <string_view>

namespace millrace {

std::uint64_t field_hash(std::string_view text);

}  // namespace millrace
