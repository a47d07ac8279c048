#include "base/settings_toml.h"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>
#include <toml++/toml.h>

namespace millrace::settings_detail {
namespace {

constexpr int kDepthMax = 8;

std::string joined(const std::string& prefix, std::string_view key) {
  return prefix.empty() ? std::string(key) : fmt::format("{}.{}", prefix, key);
}

FileEntry entry_of(std::string path, const toml::node& node) {
  FileEntry entry{std::move(path), {}, FileEntry::Kind::kOther, node.source().begin.line};
  if (const auto* text = node.as_string()) {
    entry.kind = FileEntry::Kind::kString;
    entry.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    entry.kind = FileEntry::Kind::kInteger;
    entry.text = std::to_string(integer->get());
  } else if (const auto* boolean = node.as_boolean()) {
    entry.kind = FileEntry::Kind::kBool;
    entry.text = boolean->get() ? "true" : "false";
  } else {
    std::ostringstream what;
    what << node.type();
    entry.text = what.str();
  }
  return entry;
}

void collect(const toml::table& table, const std::string& prefix, int depth, FileContent& content);

void collect_properties(const toml::array& properties, FileContent& content) {
  for (const toml::node& each : properties) {
    PropertyEntry property{{}, each.source().begin.line};
    if (const toml::table* members = each.as_table()) {
      for (const auto& [key, value] : *members) {
        property.members.push_back(entry_of(std::string(key.str()), value));
      }
    }
    content.properties.push_back(std::move(property));
  }
}

void collect_views(const toml::array& views, FileContent& content) {
  for (const toml::node& each : views) {
    std::ostringstream json;
    if (const toml::table* members = each.as_table()) {
      json << toml::json_formatter(*members);
    }
    content.views.push_back(json.str());
  }
}

void collect(const toml::table& table, const std::string& prefix, int depth, FileContent& content) {
  for (const auto& [key, value] : table) {
    std::string path = joined(prefix, key.str());
    if (const toml::array* properties = value.as_array(); properties != nullptr && path == "property") {
      collect_properties(*properties, content);
    } else if (const toml::array* views = value.as_array(); views != nullptr && path == "views") {
      collect_views(*views, content);
    } else if (const toml::table* inner = value.as_table(); inner != nullptr && depth < kDepthMax) {
      collect(*inner, path, depth + 1, content);
    } else {
      content.entries.push_back(entry_of(std::move(path), value));
    }
  }
}

}  // namespace

Result<FileContent> read_settings_file(const std::string& file_name, std::string_view text) {
  try {
    FileContent content;
    collect(toml::parse(text, file_name), "", 0, content);
    // The library sorts by key; people read their file from the top.
    std::stable_sort(content.entries.begin(), content.entries.end(),
                     [](const FileEntry& a, const FileEntry& b) { return a.line < b.line; });
    return content;
  } catch (const toml::parse_error& error) {
    return invalid(fmt::format("{}:{}: {}", file_name, error.source().begin.line, error.description()));
  }
}

}  // namespace millrace::settings_detail
