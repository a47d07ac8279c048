#pragma once
// The flags of commands that read the configuration: --config FILE and one flag a setting.

#include <map>
#include <string>

#include "base/settings.h"

namespace CLI {
class App;
}

namespace millrace::cmd {

struct SettingsOptions {
  std::string file;
  std::map<std::string, std::string> flags;  // by name; empty when not given

  void add_to(CLI::App& command);
  // File, environment and flags together; kInvalid lists everything that is wrong.
  Result<Settings> load() const;
};

}  // namespace millrace::cmd
