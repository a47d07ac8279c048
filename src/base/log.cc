#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "base/json.h"

namespace millrace {
namespace {

LogFormat format = LogFormat::kText;

spdlog::logger& logger() {
  static spdlog::logger instance = [] {
    // shared_ptr: the library keeps its sinks so.
    spdlog::logger made("millrace", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made.set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%-5!l%$ %v", spdlog::pattern_time_type::utc);
    made.flush_on(spdlog::level::debug);
    return made;
  }();
  return instance;
}

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kNothing:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

std::string as_text(std::string_view message, std::initializer_list<LogField> fields) {
  std::string line(message);
  for (const LogField& field : fields) {
    line += ' ';
    line += field.name;
    line += '=';
    bool plain = field.value.find_first_of(" \"\n\t=") == std::string::npos && !field.value.empty();
    if (plain) {
      line += field.value;
    } else {
      append_json_string(line, field.value);
    }
  }
  return line;
}

// The members behind time and level, which the sink's pattern writes.
std::string as_json(std::string_view message, std::initializer_list<LogField> fields) {
  std::string line;
  append_json_string(line, message);
  for (const LogField& field : fields) {
    line += ',';
    append_json_string(line, field.name);
    line += ':';
    if (field.number) {
      line += field.value;
    } else {
      append_json_string(line, field.value);
    }
  }
  return line;
}

}  // namespace

void configure_log(LogLevel level, LogFormat chosen) {
  format = chosen;
  logger().set_level(level_of(level));
  if (chosen == LogFormat::kJson) {
    logger().set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%v})",
                         spdlog::pattern_time_type::utc);
  }
}

void log_line(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  spdlog::level::level_enum at = level_of(level);
  if (!logger().should_log(at)) {
    return;
  }
  std::string line = format == LogFormat::kJson ? as_json(message, fields) : as_text(message, fields);
  logger().log(at, "{}", line);
}

}  // namespace millrace
