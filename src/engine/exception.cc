#include "engine/exception.h"

#include <charconv>

#include <fmt/format.h>

namespace millrace::engine {

Exception make_exception(int code, std::string_view name, std::string_view what) {
  return {code, fmt::format("Code: {}. DB::Exception: {} ({})", code, what, name)};
}

Exception parse_exception(std::string_view message) {
  constexpr std::string_view kPrefix = "Code: ";
  Exception parsed{kUnknownException, std::string(message)};
  std::size_t at = message.find(kPrefix);
  if (at != std::string_view::npos) {
    const char* begin = message.data() + at + kPrefix.size();
    int code = 0;
    if (std::from_chars(begin, message.data() + message.size(), code).ec == std::errc{} && code > 0) {
      parsed.code = code;
      return parsed;
    }
  }
  parsed.text = fmt::format("Code: {}. DB::Exception: {} (UNKNOWN_EXCEPTION)", kUnknownException, message);
  return parsed;
}

int http_status(int code) {
  switch (code) {
    case kRequiredPassword:
      return 401;
    case 192:
    case 193:  // UNKNOWN_USER, WRONG_PASSWORD
    case kReadonly:
    case kAccessDenied:
    case kAuthenticationFailed:
      return 403;
    case 46:
    case 47:
    case 50:
    case 56:  // UNKNOWN_FUNCTION, _IDENTIFIER, _TYPE, _STORAGE
    case 60:
    case 81:
    case 73:  // UNKNOWN_TABLE, _DATABASE, _FORMAT
    case 16:
    case 8:
    case 111:
    case 336:
    case kUnknownSetting:
      return 404;
    case 159:
      return 408;  // TIMEOUT_EXCEEDED
    case 307:
    case 396:
      return 413;  // TOO_MANY_BYTES, TOO_MANY_ROWS_OR_BYTES (of the answer)
    case kNotImplemented:
      return 501;
    case kTooManySimultaneousQueries:
      return 503;
    case 6:
    case 26:
    case 27:
    case 38:
    case 41:
    case 53:
    case kSyntaxError:
    case 69:
    case 70:
    case 72:
    case kIncorrectData:
    case 130:
    case 131:
    case 36:
    case 43:
    case 42:
    case 44:
    case 57:
    case 82:
    case 456:
    case 457:
    case 440:
    case 441:
    case 467:
    case 350:
    case 386:
    case 452:
    case 636:
    case 675:
    case 691:
      return 400;
    default:
      return 500;
  }
}

}  // namespace millrace::engine
