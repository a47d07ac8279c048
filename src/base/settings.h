#pragma once
// The program's settings. Each is declared once, in settings_table.inc, with type, default, bounds and description; the
// file's keys, the environment's names, the flags, help and docs/configuration.md all come from that table.
//
// A value comes from, each over the one before: the default, one TOML file, the environment, flags. Values are checked
// against their bounds wherever they come from; an unknown key of the file or an unknown flag is an error that names
// the nearest known one.

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace millrace {

enum class SettingType {
  kText,
  kSecret,    // text that is never shown
  kUrl,       // text; the password in it is never shown
  kChoice,    // one of a few words
  kBool,      // true, false
  kInteger,   // 10000
  kBytes,     // "64MiB" (1024s), "64MB" (1000s), or a plain number of bytes
  kDuration,  // "400ms", "10s", "5m", "24h", "7d": always with a unit
};

struct SettingInfo {
  std::string_view path;  // "stream.segment_bytes": key segment_bytes of the file's table [stream]
  std::string_view member;
  SettingType type;
  std::string_view default_text;
  std::string_view bounds;  // "1..64" (of text: its length), "debug|info", or empty
  std::string_view description;

  std::string environment() const;  // "MILLRACE_STREAM_SEGMENT_BYTES"
  std::string flag() const;         // "stream-segment-bytes", without the dashes before it
};

// Every setting, in the order of the table.
std::span<const SettingInfo> setting_table();

// A typed column for a property: [[property]] name = "added", type = "integer" in the file. Only the file declares
// them.
struct PropertySetting {
  std::string name;  // a path below `properties`: "added", "cart.total"
  std::string type;  // integer, number, string, boolean
};

namespace setting_types {
using Text = std::string;
using Secret = std::string;
using Url = std::string;
using Choice = std::string;
using Bool = bool;
using Integer = std::int64_t;
using Bytes = std::uint64_t;
using Duration = std::chrono::milliseconds;
}  // namespace setting_types

// settings.values().stream_segment_bytes: one member a row of the table.
struct SettingValues {
#define MR_SETTING(type, member, path, default_text, bounds, description) setting_types::type member{};
#include "base/settings_table.inc"
#undef MR_SETTING
  std::vector<PropertySetting> properties;
  // What stands under [kafka] in the file and is none of the table's: librdkafka's own settings, name and value.
  std::vector<std::pair<std::string, std::string>> kafka_options;
  // [[views]] of the file, each as a JSON object; what is in them is for query/ to judge.
  std::vector<std::string> views;
};

struct SettingSources {
  std::string file_name;  // for messages; empty when there is no file
  std::string file_text;
  std::vector<std::pair<std::string, std::string>>
      environment;  // name and value; names that don't begin with MILLRACE_ are passed over
  std::vector<std::pair<std::string, std::string>> flags;  // name without dashes, and value
};

class Settings {
 public:
  // kInvalid: the message has one line for each thing that is wrong, with the file's line or the variable's or flag's
  // name.
  static Result<Settings> load(const SettingSources& sources);

  const SettingValues& values() const { return values_; }
  // Where the value comes from: "default", "millrace.toml:3", "MILLRACE_DATA", "--data".
  const std::string& origin(std::string_view path) const;
  // Things that are odd and no reason to stop: a MILLRACE_ variable that is no setting. One sentence each.
  const std::vector<std::string>& warnings() const { return warnings_; }

  // For `millrace config print`: the effective values as a TOML file, with each one's origin; secrets are hidden.
  std::string print() const;

 private:
  Settings() = default;
  SettingValues values_;
  std::vector<std::string> origins_;  // in the table's order
  std::vector<std::string> warnings_;
};

// For `millrace config explain [NAME]`: description, default, bounds, environment and flag of one setting (or of all
// below "stream", or of every one when the name is empty). kNotFound names the nearest.
Result<std::string> explain_settings(std::string_view name);

// docs/configuration.md, whole (`millrace config explain --markdown`).
std::string settings_markdown();

// The variables of `environ` that begin with MILLRACE_. Give it `environ`, once, before threads start.
std::vector<std::pair<std::string, std::string>> millrace_environment(const char* const* environment);

}  // namespace millrace
