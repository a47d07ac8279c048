// The program: a list of subcommands and nothing else.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include <CLI/CLI.hpp>

#include "app/version.h"
#include "cmd/command.h"

namespace millrace::cmd {

int fail(const std::string& message) {
  std::fprintf(stderr, "millrace: %s\n", message.c_str());
  return 1;
}

std::string refuse_nan(const std::string& text) {
  return std::isnan(std::strtod(text.c_str(), nullptr)) ? text + " is no number" : std::string();
}

namespace {

constexpr AddCommand kCommands[] = {add_serve, add_demo,   add_send, add_load,    add_query,  add_tail,
                                    add_keys,  add_verify, add_dump, add_migrate, add_config, add_engine};

int run(int argc, char** argv) {
  CLI::App program{
      "Millrace: a real-time analytics server. Events come in over HTTP, are durable before they are acknowledged, and "
      "are in "
      "the answers within a second, each exactly once."};
  program.name("millrace");
  program.set_version_flag("--version", std::string("millrace ") + kVersion);
  program.require_subcommand(1);
  program.footer(
      "Start here:\n"
      "  millrace demo                             a server with a made-up product's traffic, to look at\n"
      "  millrace serve                            a server in ./millrace-data on 127.0.0.1:8080; prints its keys "
      "once\n"
      "  millrace send events.ndjson --key KEY     load a file\n"
      "  millrace query --measure count --every day --range 7d --key KEY\n"
      "'millrace COMMAND --help' has examples of each.");
  Outcome outcome;
  for (AddCommand add : kCommands) {
    add(program, outcome);
  }
  std::string named = argc > 1 ? argv[1] : "-";
  if (!named.starts_with('-') &&
      program.get_subcommands([&](CLI::App* one) { return one->get_name() == named; }).empty()) {
    fail("there is no command '" + named + "'; millrace --help lists them");
    return 2;
  }
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    int code = program.exit(error);
    return code == 0 ? 0 : 2;
  }
  return outcome.exit_code;
}

}  // namespace
}  // namespace millrace::cmd

int main(int argc, char** argv) {
  try {
    return millrace::cmd::run(argc, argv);
  } catch (const std::exception& error) {
    return millrace::cmd::fail(std::string("unexpected error: ") + error.what());
  }
}
