#pragma once
// The subcommands of `millrace`. Each file adds one and returns the process's exit code from its callback:
// 0 done, 1 it failed or found something wrong, 2 it was asked wrongly.

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace millrace::cmd {

struct Outcome {
  int exit_code = 0;
};

// Adds itself to `program`; its callback sets `outcome`.
using AddCommand = void (*)(CLI::App& program, Outcome& outcome);

void add_serve(CLI::App& program, Outcome& outcome);
void add_demo(CLI::App& program, Outcome& outcome);
void add_engine(CLI::App& program, Outcome& outcome);  // hidden: the child that serve starts
void add_config(CLI::App& program, Outcome& outcome);
void add_send(CLI::App& program, Outcome& outcome);
void add_load(CLI::App& program, Outcome& outcome);
void add_query(CLI::App& program, Outcome& outcome);
void add_tail(CLI::App& program, Outcome& outcome);
void add_keys(CLI::App& program, Outcome& outcome);
void add_verify(CLI::App& program, Outcome& outcome);
void add_dump(CLI::App& program, Outcome& outcome);
void add_migrate(CLI::App& program, Outcome& outcome);
void add_migrate_stream(CLI::App& migrate, Outcome& outcome);  // called by add_migrate

// Prints "millrace: message" to standard error and gives 1.
int fail(const std::string& message);

// For a flag that is a number within bounds: what isn't a number at all is within any. Gives what is wrong with it.
std::string refuse_nan(const std::string& text);

}  // namespace millrace::cmd
