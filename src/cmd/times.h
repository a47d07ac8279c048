#pragma once
// Times as the commands say them.

#include <chrono>
#include <cstdint>
#include <string>

#include "base/time_format.h"

namespace millrace::cmd {

inline double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// "2026-07-28", of the days since 1970-01-01.
inline std::string day_text(std::int64_t day) { return format_rfc3339(day * 86'400 * kSecond).substr(0, 10); }

}  // namespace millrace::cmd
