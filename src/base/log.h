#pragma once
// What the program tells its operator. A line has a message in plain words and named values.
//
//   log_info("listening", {{"address", "127.0.0.1:8080"}});
//
// Lines go to standard error, as text or as one JSON object a line. Keys and event contents are never logged.

#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace millrace {

struct LogField {
  template <typename Value>
  LogField(std::string_view field_name, const Value& field_value) : name(field_name) {
    if constexpr (std::is_same_v<Value, bool>) {
      value = field_value ? "true" : "false";
    } else if constexpr (std::is_arithmetic_v<Value>) {
      value = std::to_string(field_value);
      number = true;
    } else {
      value = field_value;
    }
  }
  std::string_view name;
  std::string value;
  bool number = false;
};

enum class LogLevel { kDebug, kInfo, kWarning, kError, kNothing };
enum class LogFormat { kText, kJson };

// Call once, before threads start. The default is kInfo as text.
void configure_log(LogLevel level, LogFormat format);

void log_line(LogLevel level, std::string_view message, std::initializer_list<LogField> fields);

inline void log_debug(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log_line(LogLevel::kDebug, message, fields);
}
inline void log_info(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log_line(LogLevel::kInfo, message, fields);
}
inline void log_warning(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log_line(LogLevel::kWarning, message, fields);
}
inline void log_error(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log_line(LogLevel::kError, message, fields);
}

}  // namespace millrace
