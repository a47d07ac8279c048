#include "cmd/settings_options.h"

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "io/file.h"

namespace millrace::cmd {

void SettingsOptions::add_to(CLI::App& command) {
  command.add_option("--config", file, "TOML file with the settings")->envname("MILLRACE_CONFIG");
  for (const SettingInfo& setting : setting_table()) {
    std::string flag = setting.flag();
    std::string description(setting.description);
    CLI::Option* option =
        command.add_option("--" + flag, flags[flag], description)->group("Settings (millrace config explain)");
    if (setting.type == SettingType::kSecret) {
      option->type_name("SECRET");
    } else {
      option->type_name(setting.default_text.empty() ? "TEXT" : std::string(setting.default_text));
    }
  }
}

Result<Settings> SettingsOptions::load() const {
  SettingSources sources;
  if (!file.empty()) {
    sources.file_name = file;
    MR_ASSIGN(sources.file_text, read_file(posix_file_system(), file, 1 << 20));
  }
  sources.environment = millrace_environment(environ);
  for (const auto& [name, value] : flags) {
    if (!value.empty()) {
      sources.flags.emplace_back(name, value);
    }
  }
  return Settings::load(sources);
}

}  // namespace millrace::cmd
