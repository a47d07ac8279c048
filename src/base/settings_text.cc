// How settings are shown: print, explain, and the reference page.
#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "base/json.h"
#include "base/settings.h"
#include "base/settings_value.h"

namespace millrace {
namespace {

using settings_detail::describe_type;
using settings_detail::format_value;

std::string toml_string(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      quoted += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string toml_key(const std::string& name) {
  auto is_bare = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-'; };
  return !name.empty() && std::all_of(name.begin(), name.end(), is_bare) ? name : toml_string(name);
}

// In one line, as a value of a table or an array may be. What was read from TOML has no null.
std::string toml_of(const Json& value) {
  std::vector<std::string> parts;
  switch (value.kind()) {
    case Json::Kind::kString:
      return toml_string(value.text());
    case Json::Kind::kArray:
      for (const Json& item : value.items()) {
        parts.push_back(toml_of(item));
      }
      return fmt::format("[{}]", fmt::join(parts, ", "));
    case Json::Kind::kObject:
      for (const auto& [name, member] : value.members()) {
        parts.push_back(toml_key(name) + " = " + toml_of(member));
      }
      return fmt::format("{{{}}}", fmt::join(parts, ", "));
    default:
      return JsonWriter().value(value).take();  // numbers and booleans are written alike
  }
}

std::string toml_value(SettingType type, std::string_view text) {
  bool bare = type == SettingType::kBool || type == SettingType::kInteger;
  return bare ? std::string(text) : toml_string(text);
}

std::string_view section_of(std::string_view path) {
  std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

std::string_view key_of(std::string_view path) { return path.substr(path.rfind('.') + 1); }

std::string explain(const SettingInfo& info) {
  std::string text = fmt::format("{} = {}\n", info.path, toml_value(info.type, info.default_text));
  text += fmt::format("  {}\n", info.description);
  text += fmt::format("  Is {}.\n", describe_type(info));
  text += fmt::format("  Environment {}, flag --{}.\n", info.environment(), info.flag());
  return text;
}

// Whether a setting of librdkafka is better not shown.
bool is_secret(std::string_view name) {
  return name.find("password") != std::string_view::npos || name.find("secret") != std::string_view::npos ||
         name.find("pem") != std::string_view::npos || name == "sasl.oauthbearer.config";
}

std::string print_kafka_options(const SettingValues& values) {
  std::string text;
  for (const auto& [name, value] : values.kafka_options) {
    text += fmt::format("{} = {}\n", toml_string(name), toml_string(is_secret(name) ? "***" : value));
  }
  return text;
}

}  // namespace

std::string Settings::print() const {
  std::string text;
  std::string_view section;
  std::span<const SettingInfo> table = setting_table();
  for (std::size_t i = 0; i < table.size(); ++i) {
    const SettingInfo& info = table[i];
    if (section_of(info.path) != section) {
      if (section == "kafka") {
        text += print_kafka_options(values_);
      }
      section = section_of(info.path);
      text += fmt::format("\n[{}]\n", section);
    }
    std::string value = format_value(info, settings_detail::value_of(values_, i));
    std::string line = fmt::format("{} = {}", key_of(info.path), toml_value(info.type, value));
    text += fmt::format("{:<40} # {}\n", line, origins_[i]);
  }
  for (const PropertySetting& property : values_.properties) {
    text +=
        fmt::format("\n[[property]]\nname = {}\ntype = {}\n", toml_string(property.name), toml_string(property.type));
  }
  for (const std::string& view : values_.views) {
    text += "\n[[views]]\n";
    Result<Json> json = Json::parse(view);
    for (const auto& [name, value] : json->members()) {
      text += fmt::format("{} = {}\n", toml_key(name), toml_of(value));
    }
  }
  return text;
}

Result<std::string> explain_settings(std::string_view name) {
  std::string text;
  std::vector<std::string> known;
  for (const SettingInfo& info : setting_table()) {
    known.emplace_back(info.path);
    if (name.empty() || info.path == name || section_of(info.path) == name) {
      text += (text.empty() ? "" : "\n") + explain(info);
    }
  }
  if (text.empty()) {
    return not_found(fmt::format("there is no setting \"{}\"{}", name, settings_detail::did_you_mean(name, known)));
  }
  return text;
}

std::string settings_markdown() {
  std::string text =
      "# Configuration\n\n"
      "<!-- Made by `millrace config explain --markdown` from src/base/settings_table.inc; don't edit it here. -->\n\n"
      "Millrace runs without any configuration. A value is taken from, each over the one before: its default, one "
      "TOML\n"
      "file (`--config FILE` or `MILLRACE_CONFIG`), the environment, flags. `millrace config check` tells what is "
      "wrong,\n"
      "with the line; `millrace config print` shows the values in effect and where each comes from.\n\n"
      "Sizes are written as `64MiB` (1024s), `64MB` (1000s) or a number of bytes; durations as `400ms`, `10s`, `5m`,\n"
      "`24h` or `7d`. The environment's name is `MILLRACE_` and the setting's path in capitals with `_` for dots; the\n"
      "flag is its path with `-` for dots and underscores: `stream.retain_age`, `MILLRACE_STREAM_RETAIN_AGE`,\n"
      "`--stream-retain-age`.\n";
  std::string_view section = "-";
  for (const SettingInfo& info : setting_table()) {
    if (section_of(info.path) != section) {
      section = section_of(info.path);
      text += fmt::format("\n## {}\n\n| setting | default | is |  |\n| --- | --- | --- | --- |\n",
                          section.empty() ? std::string("The whole program") : fmt::format("`[{}]`", section));
    }
    std::string value = info.default_text.empty() ? "empty" : fmt::format("`{}`", info.default_text);
    text += fmt::format("| `{}` | {} | {} | {} |\n", info.path, value, describe_type(info), info.description);
  }
  text +=
      "\n## `[[property]]`\n\n"
      "Declares a property that is stored in a typed column of its own, which is faster to filter and aggregate by. "
      "One\n"
      "table a property: `name` is its path below `properties` (`added`, `cart.total`), `type` is `integer`, "
      "`number`,\n"
      "`string` or `boolean`. Properties that are not declared can be asked about just the same.\n\n"
      "## `[[views]]`\n\n"
      "Declares a question that is kept answered; `docs/guides/live.md` has the words. One table a view: `name`, and "
      "as\n"
      "far as they are wanted `where`, `by`, `grain`, `measures`, `horizon`, `keys_max`.\n\n"
      "## Variables that are no settings\n\n"
      "| variable | |\n| --- | --- |\n"
      "| `MILLRACE_CONFIG` | the file, where `--config` isn't given |\n"
      "| `MILLRACE_BOOTSTRAP_KEY` | a key with all scopes, at least 16 characters, made at the start if it isn't "
      "there; for "
      "scripts and containers, and for whoever has lost his keys |\n"
      "| `MILLRACE_FEED_KEY` | a key with the scope `feed` alone, made in the same way: the same on all processors is "
      "what a server with `query.processors` has as `query.processors_key` |\n"
      "| `MILLRACE_LIBCHDB` | path of libchdb.so, where `engine.lib` is empty |\n"
      "| `MILLRACE_URL`, `MILLRACE_KEY` | the server and key of `millrace send`, `query`, `tail` and the like |\n";
  return text;
}

}  // namespace millrace
