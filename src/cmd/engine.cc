// millrace engine: the child process that serve starts. Not for people, so it isn't shown in the help.

#include "engine/engine.h"

#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "cmd/command.h"

namespace millrace::cmd {

void add_engine(CLI::App& program, Outcome& outcome) {
  CLI::App* command = program.add_subcommand("engine", "The embedded engine's process, started by serve")->group("");
  auto options_fd = std::make_shared<int>(-1);  // kept by the callback
  command->add_option("--options-fd", *options_fd, "File descriptor with the options as JSON")->required();
  command->callback([options_fd, &outcome] {
    Result<engine::EngineOptions> options = engine::read_engine_options(*options_fd);
    if (!options.ok()) {
      outcome.exit_code = fail(options.error().message);
      return;
    }
    int code = engine::run_engine(*options);
    std::fflush(nullptr);
    _exit(code);  // the library's destructors can hang
  });
}

}  // namespace millrace::cmd
