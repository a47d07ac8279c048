#include "store/clickhouse/property_column.h"

#include <algorithm>

#include <fmt/format.h>

#include "store/clickhouse/sql_text.h"

namespace millrace::clickhouse {
namespace {

std::string json_call(std::string_view function, std::string_view column, const std::vector<std::string>& path,
                      std::string_view last) {
  std::string call = fmt::format("{}({}", function, column);
  for (const std::string& key : path) {
    call += ", " + quote_string(key);
  }
  return call + std::string(last) + ")";
}

}  // namespace

std::vector<std::string> split_path(std::string_view name) {
  std::vector<std::string> path;
  while (true) {
    std::size_t dot = name.find('.');
    path.emplace_back(name.substr(0, dot));
    if (dot == std::string_view::npos) return path;
    name.remove_prefix(dot + 1);
  }
}

Result<void> check_declared(const DeclaredProperty& property) {
  std::vector<std::string> path = split_path(property.name);
  bool empty_part = std::any_of(path.begin(), path.end(), [](const std::string& part) { return part.empty(); });
  bool odd = std::any_of(property.name.begin(), property.name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == '`' || c == ':' || c == '\\' || c == 0x7f;
  });
  if (empty_part || odd || property.name.size() > 200) {
    return invalid(
        fmt::format("the property {} can't be declared: use names without control characters, `, : and \\, "
                    "of at most 200 bytes, with single dots between the parts of a path",
                    quote_string(property.name)));
  }
  return {};
}

std::string column_name(const DeclaredProperty& property) {
  std::string name = "p_" + property.name;
  std::replace(name.begin(), name.end(), '.', ':');
  return name;
}

std::string column_type(DeclaredProperty::Type type) {
  switch (type) {
    case DeclaredProperty::Type::kInteger:
      return "Nullable(Int64)";
    case DeclaredProperty::Type::kNumber:
      return "Nullable(Float64)";
    case DeclaredProperty::Type::kBoolean:
      return "Nullable(Bool)";
    case DeclaredProperty::Type::kString:
      break;
  }
  return "Nullable(String)";
}

std::string column_codec(DeclaredProperty::Type type) {
  return type == DeclaredProperty::Type::kInteger ? "CODEC(T64, ZSTD(1))" : "CODEC(LZ4)";
}

std::string json_raw(std::string_view column, const std::vector<std::string>& path) {
  return json_call("JSONExtractRaw", column, path, "");
}

std::string json_text(std::string_view column, const std::vector<std::string>& path) {
  return json_call("JSONExtract", column, path, ", 'Nullable(String)'");
}

std::string column_default(const DeclaredProperty& property) {
  std::vector<std::string> path = split_path(property.name);
  std::string raw = json_raw("properties", path);
  switch (property.type) {
    case DeclaredProperty::Type::kInteger:
      return fmt::format("coalesce(toInt64OrNull({0}), accurateCastOrNull(toFloat64OrNull({0}), 'Int64'))", raw);
    case DeclaredProperty::Type::kNumber:
      return fmt::format("toFloat64OrNull({})", raw);
    case DeclaredProperty::Type::kBoolean:
      return fmt::format("multiIf({0} = 'true', true, {0} = 'false', false, NULL)", raw);
    case DeclaredProperty::Type::kString:
      break;
  }
  return json_text("properties", path);
}

}  // namespace millrace::clickhouse
