#pragma once
// Broken invariants stop the process, in release builds too: a server that goes on with a wrong idea of its own state
// loses more than one that restarts from its log.

namespace millrace {

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace millrace

#define MR_CHECK(condition)                                     \
  do {                                                          \
    if (!(condition)) [[unlikely]] {                            \
      ::millrace::check_failed(#condition, __FILE__, __LINE__); \
    }                                                           \
  } while (false)
