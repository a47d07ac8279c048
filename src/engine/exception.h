#pragma once
// Errors as ClickHouse tells them: "Code: 62. DB::Exception: Syntax error … (SYNTAX_ERROR)". They travel through this
// module as they are, because clients take the code out of them.

#include <string>
#include <string_view>

namespace millrace::engine {

// Codes of ClickHouse's src/Common/ErrorCodes.cpp that this module raises itself.
inline constexpr int kNotImplemented = 48;
inline constexpr int kSyntaxError = 62;
inline constexpr int kIncorrectData = 117;
inline constexpr int kUnknownSetting = 115;
inline constexpr int kReadonly = 164;
inline constexpr int kTooManySimultaneousQueries = 202;
inline constexpr int kSocketTimeout = 209;
inline constexpr int kNetworkError = 210;
inline constexpr int kRequiredPassword = 194;
inline constexpr int kAccessDenied = 497;
inline constexpr int kAuthenticationFailed = 516;
inline constexpr int kUnknownException = 1002;

struct Exception {
  int code = 0;
  std::string text;  // whole, with code and name
};

// name: "SYNTAX_ERROR".
Exception make_exception(int code, std::string_view name, std::string_view what);
// From a message of the engine; kUnknownException when it has no code.
Exception parse_exception(std::string_view message);
// The HTTP status that ClickHouse answers for the code.
int http_status(int code);

}  // namespace millrace::engine
