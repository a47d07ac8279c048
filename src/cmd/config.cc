// millrace config check|print|explain.

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/settings.h"
#include "cmd/command.h"
#include "cmd/settings_options.h"

namespace millrace::cmd {
namespace {

struct ConfigArguments {
  SettingsOptions settings;
  std::string name;
  bool markdown = false;
};

int check(const ConfigArguments& options) {
  Result<Settings> settings = options.settings.load();
  if (!settings.ok()) {
    return fail("the configuration is not good:\n" + settings.error().message);
  }
  for (const std::string& warning : settings->warnings()) {
    fmt::print(stderr, "warning: {}\n", warning);
  }
  fmt::print("the configuration is good\n");
  return 0;
}

int print(const ConfigArguments& options) {
  Result<Settings> settings = options.settings.load();
  if (!settings.ok()) {
    return fail("the configuration is not good:\n" + settings.error().message);
  }
  fmt::print("{}", settings->print());
  return 0;
}

int explain(const ConfigArguments& options) {
  if (options.markdown) {
    fmt::print("{}", settings_markdown());
    return 0;
  }
  Result<std::string> text = explain_settings(options.name);
  if (!text.ok()) {
    return fail(text.error().message);
  }
  fmt::print("{}", *text);
  return 0;
}

}  // namespace

void add_config(CLI::App& program, Outcome& outcome) {
  CLI::App* config = program.add_subcommand("config", "Check, print or explain the configuration");
  config->require_subcommand(1);
  config->footer(
      "Examples:\n"
      "  millrace config check --config /etc/millrace/millrace.toml\n"
      "  millrace config print --config /etc/millrace/millrace.toml\n"
      "  millrace config explain stream.retain_age");
  auto options = std::make_shared<ConfigArguments>();  // shared_ptr: kept by the callback
  CLI::App* checks = config->add_subcommand("check", "Say whether file, environment and flags are good");
  options->settings.add_to(*checks);
  checks->footer("Example:\n  millrace config check --config /etc/millrace/millrace.toml");
  checks->callback([options, &outcome] { outcome.exit_code = check(*options); });

  options = std::make_shared<ConfigArguments>();  // shared_ptr: its own, or it gets the first one's environment
  CLI::App* prints = config->add_subcommand("print", "Print the values in force, each with where it comes from");
  options->settings.add_to(*prints);
  prints->footer(
      "Example:\n  MILLRACE_LISTEN=127.0.0.1:9000 millrace config print --config /etc/millrace/millrace.toml");
  prints->callback([options, &outcome] { outcome.exit_code = print(*options); });

  options = std::make_shared<ConfigArguments>();  // shared_ptr: the same
  CLI::App* explains = config->add_subcommand("explain", "Say what a setting does, its unit, bounds and default");
  explains->add_option("name", options->name,
                       "A setting or a table, e.g. stream.retain_age or stream; all of them without it");
  explains->add_flag("--markdown", options->markdown, "All settings as a page of the documentation");
  explains->footer("Examples:\n  millrace config explain stream.retain_age\n  millrace config explain stream");
  explains->callback([options, &outcome] { outcome.exit_code = explain(*options); });
}

}  // namespace millrace::cmd
