#pragma once
// Errors are values. A function that can fail returns Result<T>; the caller decides by the error's code what to do next
// and shows the message to a person. An error is returned or logged, never both.

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace millrace {

// What the caller does next is the only thing a code tells.
enum class Code {
  kInvalid,      // the input is wrong: give up, and show the message to whoever sent it
  kNotFound,     // there is no such thing
  kFull,         // a bound is reached: slow down, then try again
  kUnavailable,  // a part is down: try later
  kUnknown,      // it may or may not have happened: find out before anything else
  kCorrupt,      // bytes are not what was written: stop and tell
};

const char* name(Code code);

struct Error {
  Code code = Code::kInvalid;
  std::string message;  // one sentence; says what to do where that isn't plain
};

inline Error invalid(std::string message) { return {Code::kInvalid, std::move(message)}; }
inline Error not_found(std::string message) { return {Code::kNotFound, std::move(message)}; }
inline Error full(std::string message) { return {Code::kFull, std::move(message)}; }
inline Error unavailable(std::string message) { return {Code::kUnavailable, std::move(message)}; }
inline Error unknown_outcome(std::string message) { return {Code::kUnknown, std::move(message)}; }
inline Error corrupt(std::string message) { return {Code::kCorrupt, std::move(message)}; }

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Only when ok().
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Only when not ok().
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const& { return *error_; }
  Error&& error() && { return *std::move(error_); }

 private:
  std::optional<Error> error_;
};

// Returns the error of `expression` from the enclosing function, if there is one.
#define MR_TRY(expression)                                \
  do {                                                    \
    if (auto mr_result = (expression); !mr_result.ok()) { \
      return std::move(mr_result).error();                \
    }                                                     \
  } while (false)

#define MR_CONCAT_INNER(a, b) a##b
#define MR_CONCAT(a, b) MR_CONCAT_INNER(a, b)

// MR_ASSIGN(auto file, open(path)): binds the value, or returns the error.
#define MR_ASSIGN(target, expression) MR_ASSIGN_IMPL(MR_CONCAT(mr_result_, __LINE__), target, expression)
#define MR_ASSIGN_IMPL(name, target, expression) \
  auto name = (expression);                      \
  if (!name.ok()) {                              \
    return std::move(name).error();              \
  }                                              \
  target = std::move(name).value()

}  // namespace millrace
