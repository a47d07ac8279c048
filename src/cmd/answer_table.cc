#include "cmd/answer_table.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/time_format.h"

namespace millrace::cmd {
namespace {

struct Column {
  std::string name;
  bool to_the_right = false;
  std::vector<std::string> cells;
};

std::string cell(const Json& value, bool time, std::string_view null) {
  if (value.is_null()) {
    return std::string(null);
  }
  if (time && value.integer()) {
    return format_rfc3339(*value.integer() * 1'000'000);
  }
  return value.is_bool() ? (value.boolean() ? "true" : "false") : value.text();
}

std::vector<Column> columns_of(const Json& answer, std::string_view null) {
  std::vector<Column> columns;
  const Json* list = answer.find("columns");
  for (const Json& from : list != nullptr ? list->items() : std::vector<Json>()) {
    const Json* name = from.find("name");
    const Json* type = from.find("type");
    const Json* values = from.find("values");
    if (name == nullptr || type == nullptr || values == nullptr) {
      continue;
    }
    Column column{name->text(), type->text() == "integer" || type->text() == "number", {}};
    for (const Json& value : values->items()) {
      column.cells.push_back(cell(value, type->text() == "time", null));
    }
    columns.push_back(std::move(column));
  }
  return columns;
}

// Columns on a screen, not bytes: continuation bytes of UTF-8 take no place.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return (byte & 0xC0) != 0x80; }));
}

// What would move a terminal's cursor is shown as a question mark.
std::string printable(std::string text) {
  for (char& byte : text) {
    if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F) {
      byte = '?';
    }
  }
  return text;
}

void append_padded(std::string& line, const std::string& text, std::size_t width, bool to_the_right) {
  std::string blanks(width - std::min(width, width_of(text)), ' ');
  line += to_the_right ? blanks + text : text + blanks;
}

std::string csv_cell(const std::string& text, bool numeric) {
  std::string safe = text;
  if (!numeric && !safe.empty() && std::string_view("=+-@\t\r").find(safe[0]) != std::string_view::npos) {
    safe.insert(0, "'");
  }
  if (safe.find_first_of(",\"\r\n") == std::string::npos) {
    return safe;
  }
  std::string quoted = "\"";
  for (char byte : safe) {
    quoted += byte == '"' ? "\"\"" : std::string(1, byte);
  }
  return quoted + "\"";
}

}  // namespace

std::string answer_table(const Json& answer) {
  std::vector<Column> columns = columns_of(answer, "-");
  std::size_t rows = columns.empty() ? 0 : columns[0].cells.size();
  std::string text;
  for (std::size_t row = 0; row <= rows; ++row) {
    std::string line;
    for (Column& column : columns) {
      std::size_t width = width_of(column.name);
      for (const std::string& each : column.cells) {
        width = std::max(width, width_of(each));
      }
      line += line.empty() ? "" : "  ";
      append_padded(line, printable(row == 0 ? column.name : column.cells[row - 1]), width, column.to_the_right);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  if (const Json* previous = answer.find("previous"); previous != nullptr && !previous->is_null()) {
    text += "\nthe period before:\n" + answer_table(*previous);
  }
  return text;
}

std::string answer_csv(const Json& answer) {
  std::vector<Column> columns = columns_of(answer, "");
  std::size_t rows = columns.empty() ? 0 : columns[0].cells.size();
  std::string text;
  for (std::size_t row = 0; row <= rows; ++row) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      text += i == 0 ? "" : ",";
      text +=
          row == 0 ? csv_cell(columns[i].name, false) : csv_cell(columns[i].cells[row - 1], columns[i].to_the_right);
    }
    text += "\n";
  }
  return text;
}

}  // namespace millrace::cmd
