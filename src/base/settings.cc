#include "base/settings.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/check.h"
#include "base/json.h"
#include "base/settings_toml.h"
#include "base/settings_value.h"

namespace millrace {
namespace {

using settings_detail::did_you_mean;
using settings_detail::FileEntry;
using settings_detail::find_setting;
using settings_detail::PropertyEntry;
using settings_detail::Value;

constexpr SettingInfo kTable[] = {
#define MR_SETTING(type, member, path, default_text, bounds, description) \
  {path, #member, SettingType::k##type, default_text, bounds, description},
#include "base/settings_table.inc"
#undef MR_SETTING
};

constexpr std::string_view kEnvironmentPrefix = "MILLRACE_";

// Variables that are no settings: they are read by a command of their own, or only choose the file.
constexpr std::string_view kOtherVariables[] = {"MILLRACE_CONFIG",    "MILLRACE_BOOTSTRAP_KEY", "MILLRACE_FEED_KEY",
                                                "MILLRACE_LIBCHDB",   "MILLRACE_URL",           "MILLRACE_KEY",
                                                "MILLRACE_MIGRATE_TO"};

std::vector<std::string> known(std::string (*name)(const SettingInfo&)) {
  std::vector<std::string> names;
  std::transform(std::begin(kTable), std::end(kTable), std::back_inserter(names), name);
  return names;
}

std::string path_of(const SettingInfo& info) { return std::string(info.path); }
std::string environment_of(const SettingInfo& info) { return info.environment(); }
std::string flag_of(const SettingInfo& info) { return info.flag(); }

// What load() fills, and everything that it found wrong.
struct Loading {
  SettingValues values;
  std::vector<std::string> origins;
  std::vector<std::string> problems;
  std::vector<std::string> warnings;

  void set(std::size_t index, std::string_view text, std::string origin) {
    Result<Value> value = settings_detail::parse_value(kTable[index], text);
    if (!value.ok()) {
      std::string_view name = kTable[index].path;
      problems.push_back(fmt::format("{}: {} {}", origin, name, value.error().message));
      return;
    }
    settings_detail::assign(values, index, *value);
    origins[index] = std::move(origin);
  }

  template <typename... Args>
  void problem(fmt::format_string<Args...> format, Args&&... args) {
    problems.push_back(fmt::format(format, std::forward<Args>(args)...));
  }
};

bool fits(SettingType type, FileEntry::Kind kind) {
  switch (kind) {
    case FileEntry::Kind::kInteger:
      return type == SettingType::kInteger || type == SettingType::kBytes;
    case FileEntry::Kind::kBool:
      return type == SettingType::kBool;
    case FileEntry::Kind::kString:
      return type != SettingType::kInteger && type != SettingType::kBool;
    case FileEntry::Kind::kOther:
      return false;
  }
  return false;
}

// Names of librdkafka have dots, all but these.
bool is_kafka_option(std::string_view path) {
  constexpr std::string_view kPrefix = "kafka.";
  if (!path.starts_with(kPrefix)) {
    return false;
  }
  std::string_view name = path.substr(kPrefix.size());
  return name.find('.') != std::string_view::npos || name == "debug" || name == "retries";
}

// The last one counts: 'a.b' can be written as a table and as a quoted key.
void set_kafka_option(const std::string& name, const std::string& value,
                      std::vector<std::pair<std::string, std::string>>& options) {
  auto same = std::find_if(options.begin(), options.end(), [&](const auto& option) { return option.first == name; });
  if (same != options.end()) {
    same->second = value;
  } else {
    options.emplace_back(name, value);
  }
}

void load_entry(const std::string& file_name, const FileEntry& entry, Loading& into) {
  std::string place = fmt::format("{}:{}", file_name, entry.line);
  std::optional<std::size_t> index = find_setting(entry.path);
  if (!index && is_kafka_option(entry.path) && entry.kind != FileEntry::Kind::kOther) {
    set_kafka_option(entry.path.substr(entry.path.find('.') + 1), entry.text, into.values.kafka_options);
  } else if (!index) {
    into.problem("{}: unknown setting \"{}\"{}", place, entry.path, did_you_mean(entry.path, known(path_of)));
  } else if (!fits(kTable[*index].type, entry.kind)) {
    std::string_view quotes = entry.kind == FileEntry::Kind::kString ? "\"" : "";
    // A secret in the wrong type (a number, say) is still a secret.
    bool secret = kTable[*index].type == SettingType::kSecret;
    into.problem("{}: {} must be {}, not {}{}{}", place, entry.path, settings_detail::describe_type(kTable[*index]),
                 quotes, secret ? std::string("what it is") : entry.text, quotes);
  } else {
    into.set(*index, entry.text, std::move(place));
  }
}

void load_property(const std::string& file_name, const PropertyEntry& entry, Loading& into) {
  constexpr std::array<std::string_view, 4> kTypes = {"integer", "number", "string", "boolean"};
  PropertySetting property;
  for (const FileEntry& member : entry.members) {
    std::string* target = member.path == "name" ? &property.name : member.path == "type" ? &property.type : nullptr;
    if (target == nullptr) {
      into.problem("{}:{}: unknown key \"{}\" of [[property]]; it has name and type", file_name, member.line,
                   member.path);
    } else if (member.kind == FileEntry::Kind::kString) {
      *target = member.text;
    }
  }
  auto same = [&](const PropertySetting& other) { return other.name == property.name; };
  std::vector<PropertySetting>& all = into.values.properties;
  if (property.name.empty() || property.name.size() > 256) {
    into.problem("{}:{}: [[property]] needs a name, the property's path as text, 1 to 256 bytes long", file_name,
                 entry.line);
  } else if (std::find(kTypes.begin(), kTypes.end(), property.type) == kTypes.end()) {
    into.problem("{}:{}: [[property]] \"{}\" needs a type: integer, number, string or boolean", file_name, entry.line,
                 property.name);
  } else if (std::any_of(all.begin(), all.end(), same)) {
    into.problem("{}:{}: [[property]] \"{}\" is declared twice", file_name, entry.line, property.name);
  } else {
    all.push_back(std::move(property));
  }
}

void load_file(const SettingSources& sources, Loading& into) {
  auto content = settings_detail::read_settings_file(sources.file_name, sources.file_text);
  if (!content.ok()) {
    into.problems.push_back(content.error().message);
    return;
  }
  for (const FileEntry& entry : content->entries) {
    load_entry(sources.file_name, entry, into);
  }
  for (const PropertyEntry& entry : content->properties) {
    load_property(sources.file_name, entry, into);
  }
  for (const std::string& view : content->views) {
    Result<Json> json = Json::parse(view);
    if (json.ok()) {
      JsonWriter compact;
      into.values.views.push_back(compact.value(*json).take());
    } else {
      into.problem("{}: [[views]] can't be read: {}", sources.file_name, json.error().message);
    }
  }
}

void load_environment(const SettingSources& sources, Loading& into) {
  std::vector<std::string> names = known(environment_of);
  for (const auto& [name, value] : sources.environment) {
    auto found = std::find(names.begin(), names.end(), name);
    bool other = std::find(std::begin(kOtherVariables), std::end(kOtherVariables), name) != std::end(kOtherVariables);
    if (found != names.end()) {
      into.set(static_cast<std::size_t>(found - names.begin()), value, name);
    } else if (name.starts_with(kEnvironmentPrefix) && !other) {
      // Not an error: orchestrators put variables of their own there, named after a service that is called millrace.
      into.warnings.push_back(fmt::format("the environment's {} is no setting{}", name, did_you_mean(name, names)));
    }
  }
}

void load_flags(const SettingSources& sources, Loading& into) {
  std::vector<std::string> names = known(flag_of);
  for (const auto& [name, value] : sources.flags) {
    auto found = std::find(names.begin(), names.end(), name);
    if (found != names.end()) {
      into.set(static_cast<std::size_t>(found - names.begin()), value, "--" + name);
    } else {
      into.problem("--{}: unknown flag{}", name, did_you_mean(name, names));
    }
  }
}

std::vector<std::string_view> words_of(std::string_view list) {
  std::vector<std::string_view> words;
  for (std::size_t comma = 0; comma != std::string_view::npos; list.remove_prefix(comma + 1)) {
    comma = list.find(',');
    std::string_view word = list.substr(0, comma);
    word.remove_prefix(std::min(word.find_first_not_of(' '), word.size()));
    words.push_back(word.substr(0, word.find_last_not_of(' ') + 1));
    if (comma == std::string_view::npos) {
      break;
    }
  }
  return words;
}

void check_roles(Loading& into) {
  constexpr std::array<std::string_view, 3> kRoles = {"ingest", "process", "query"};
  const SettingValues& values = into.values;
  std::vector<std::string_view> roles = words_of(values.roles);
  auto has = [&](std::string_view role) { return std::find(roles.begin(), roles.end(), role) != roles.end(); };
  for (std::size_t i = 0; i < roles.size(); ++i) {
    if (std::find(kRoles.begin(), kRoles.end(), roles[i]) == kRoles.end()) {
      return into.problem("roles: \"{}\" is no role; they are ingest, process and query, separated by commas",
                          roles[i]);
    }
    if (std::find(roles.begin(), roles.begin() + static_cast<std::ptrdiff_t>(i), roles[i]) !=
        roles.begin() + static_cast<std::ptrdiff_t>(i)) {
      return into.problem("roles: {} is named twice", roles[i]);
    }
  }
  bool shared = roles.size() < kRoles.size() || !values.process_group.empty();
  std::string_view why = roles.size() < kRoles.size() ? "roles names less than all" : "process.group is set";
  if (shared && values.stream_kind != "kafka") {
    into.problem("{}, which needs stream.kind kafka: only a topic can be shared by several servers", why);
  }
  if (shared && (has("process") || has("query")) && values.store_url.empty()) {
    into.problem("{}, which needs store.url: the embedded engine belongs to one server alone", why);
  }
  if (!values.process_group.empty() && !has("process")) {
    into.problem("process.group is set, but roles has no process");
  }
  if (!values.source_kafka_topic.empty() && !has("ingest")) {
    into.problem("source.kafka.topic is set, but roles has no ingest");
  }
}

void check_processors(Loading& into) {
  const SettingValues& values = into.values;
  if (values.query_processors.empty()) {
    return;
  }
  std::vector<std::string_view> roles = words_of(values.roles);
  if (std::find(roles.begin(), roles.end(), "query") == roles.end()) {
    into.problem("query.processors is set, but roles has no query");
  }
  if (values.query_processors_key.empty()) {
    into.problem("query.processors needs query.processors_key, a key of theirs with the scope feed");
  }
  for (std::string_view address : words_of(values.query_processors)) {
    if (!address.starts_with("http://") && !address.starts_with("https://")) {
      into.problem("query.processors: \"{}\" is no address; it must be http://host:port or https://host:port", address);
    }
  }
}

// What no single setting's bounds can say.
void check_together(Loading& into) {
  const SettingValues& values = into.values;
  if (values.http_tls_certificate.empty() != values.http_tls_key.empty()) {
    into.problem("http.tls_certificate and http.tls_key belong together: set both, or none");
  }
  if (!values.engine_listen.empty() && values.engine_password.empty()) {
    into.problem("engine.listen needs engine.password: the engine's port is never open without one");
  }
  if (values.stream_kind == "kafka" && values.kafka_brokers.empty()) {
    into.problem("stream.kind is kafka, which needs kafka.brokers");
  }
  if (!values.source_kafka_topic.empty() && values.source_kafka_brokers.empty() && values.kafka_brokers.empty()) {
    into.problem("source.kafka.topic needs source.kafka.brokers or kafka.brokers");
  }
  if (values.stream_kind == "kafka" && values.source_kafka_topic == values.kafka_topic &&
      (values.source_kafka_brokers.empty() || values.source_kafka_brokers == values.kafka_brokers)) {
    into.problem("source.kafka.topic is the topic of the stream itself");
  }
  check_roles(into);
  check_processors(into);
  // Else an event within its own limit could never come in, or never be written.
  if (values.ingest_event_bytes_max > values.http_unpacked_max) {
    into.problem("ingest.event_bytes_max is larger than http.unpacked_max");
  }
  if (values.http_unpacked_max > values.ingest_in_flight_bytes) {
    into.problem("http.unpacked_max is larger than ingest.in_flight_bytes");
  }
}

std::string lines(const std::vector<std::string>& problems) { return fmt::format("{}", fmt::join(problems, "\n")); }

}  // namespace

std::string SettingInfo::environment() const {
  std::string name(kEnvironmentPrefix);
  std::transform(member.begin(), member.end(), std::back_inserter(name),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return name;
}

std::string SettingInfo::flag() const {
  std::string name(member);
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

std::span<const SettingInfo> setting_table() { return kTable; }

Result<Settings> Settings::load(const SettingSources& sources) {
  Loading loading;
  loading.origins.resize(std::size(kTable));
  for (std::size_t i = 0; i < std::size(kTable); ++i) {
    loading.set(i, kTable[i].default_text, "default");
  }
  MR_CHECK(loading.problems.empty());  // a default outside of its bounds
  if (!sources.file_name.empty()) {
    load_file(sources, loading);
  }
  load_environment(sources, loading);
  load_flags(sources, loading);
  if (loading.problems.empty()) {
    check_together(loading);
  }
  if (!loading.problems.empty()) {
    return invalid(lines(loading.problems));
  }
  Settings settings;
  settings.values_ = std::move(loading.values);
  settings.origins_ = std::move(loading.origins);
  settings.warnings_ = std::move(loading.warnings);
  return settings;
}

const std::string& Settings::origin(std::string_view path) const {
  std::optional<std::size_t> index = find_setting(path);
  MR_CHECK(index.has_value());
  return origins_[*index];
}

std::vector<std::pair<std::string, std::string>> millrace_environment(const char* const* environment) {
  std::vector<std::pair<std::string, std::string>> variables;
  for (; *environment != nullptr; ++environment) {
    std::string_view variable = *environment;
    std::size_t equals = variable.find('=');
    if (variable.starts_with(kEnvironmentPrefix) && equals != std::string_view::npos) {
      variables.emplace_back(variable.substr(0, equals), variable.substr(equals + 1));
    }
  }
  return variables;
}

}  // namespace millrace
