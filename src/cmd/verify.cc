// millrace verify: the log's checksums, and the log against the store by count and by a hash over every column.

#include <filesystem>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/verify_offline.h"
#include "cmd/command.h"
#include "cmd/connection.h"
#include "cmd/settings_options.h"

namespace millrace::cmd {
namespace {

constexpr std::int64_t kVerifyMsMax = 24LL * 3600 * 1000;

struct VerifyArguments {
  Connection connection;
  SettingsOptions settings;
  bool json = false;
};

std::string text(const Json& from, const char* member) {
  const Json* value = from.find(member);
  return value == nullptr ? "" : value->is_bool() ? (value->boolean() ? "yes" : "NO") : value->text();
}

void print_partition(const Json& partition) {
  fmt::print("{:>9}  {:>12}  {:>12}  {:<10}  {:>12}  {:>12}  {:>8}  {}\n", "partition", "begin", "end", "day", "log",
             "store", "damaged", "equal");
  const Json* ranges = partition.find("ranges");
  for (const Json& range : ranges != nullptr ? ranges->items() : std::vector<Json>()) {
    fmt::print("{:>9}  {:>12}  {:>12}  {:<10}  {:>12}  {:>12}  {:>8}  {}\n", text(partition, "partition"),
               text(range, "begin"), text(range, "end"), text(range, "day"), text(range, "log_rows"),
               text(range, "store_rows"), text(range, "damaged"), text(range, "equal"));
  }
  const Json* remarks = partition.find("remarks");
  for (const Json& remark : remarks != nullptr ? remarks->items() : std::vector<Json>()) {
    fmt::print("  {}\n", remark.text());
  }
}

// `problems`: places of the log that are damaged.
int show(const Json& report, bool json, int problems = 0) {
  const Json* equal = report.find("equal");
  bool good = equal != nullptr && equal->boolean();
  if (json) {
    fmt::print("{}\n", JsonWriter().value(report).text());
    return good && problems == 0 ? 0 : 1;
  }
  const Json* partitions = report.find("partitions");
  for (const Json& partition : partitions != nullptr ? partitions->items() : std::vector<Json>()) {
    print_partition(partition);
  }
  if (const Json* views = report.find("views"); views != nullptr && views->is_object()) {
    fmt::print("views: {} events in {} minutes, {} minutes differ from the store, {} changed meanwhile {}\n",
               text(*views, "events"), text(*views, "minutes"), text(*views, "differ"), text(*views, "moving"),
               text(*views, "remark"));
  }
  if (good && problems > 0) {
    fmt::print("where the log can be read, log and store are equal; {} places of the log are DAMAGED, see above\n",
               problems);
  } else {
    fmt::print("{}\n",
               good ? "log and store are equal, in count and in the contents of every column" : "log and store DIFFER");
  }
  return good && problems == 0 ? 0 : 1;
}

int show_log(const LogReport& log) {
  for (const LogReport::Partition& partition : log.partitions) {
    fmt::print("log, partition {}: events {} to {}, {} segments, {} records, {} bytes\n", partition.partition.value,
               partition.range.begin.value, partition.range.end.value, partition.segments, partition.records,
               partition.bytes);
  }
  int found = 0;
  for (const LogProblem& problem : log.problems) {
    bool torn = problem.kind == LogProblem::Kind::kTorn;
    found += torn ? 0 : 1;
    fmt::print("log, partition {}: {} in {} at byte {}, {} bytes, events {} to {}\n", problem.partition.value,
               torn                                     ? "a torn tail (never acknowledged)"
               : problem.kind == LogProblem::Kind::kGap ? "a GAP"
                                                        : "DAMAGE",
               problem.path, problem.offset, problem.bytes, problem.range.begin.value, problem.range.end.value);
  }
  return found;
}

int offline(const VerifyArguments& options) {
  Result<Settings> settings = options.settings.load();
  if (!settings.ok()) {
    return fail("the configuration is not good:\n" + settings.error().message);
  }
  std::error_code error;
  Result<OfflineReport> report =
      verify_offline(*settings, std::filesystem::read_symlink("/proc/self/exe", error).string());
  if (!report.ok()) {
    return fail(report.error().message +
                (report.error().code == Code::kUnavailable ? "; a running server is asked with --url and --key" : ""));
  }
  int problems = options.json ? static_cast<int>(report->log.problems.size()) : show_log(report->log);
  Result<Json> json = Json::parse(report->store_json);
  return json.ok() ? show(*json, options.json, problems) : fail(json.error().message);
}

int run(const VerifyArguments& options, bool asked_server) {
  if (!asked_server) {
    return offline(options);
  }
  Result<Json> answer = ask(options.connection, "GET", "/v1/verify", {}, kVerifyMsMax);
  return answer.ok() ? show(*answer, options.json) : fail(answer.error().message);
}

}  // namespace

void add_verify(CLI::App& program, Outcome& outcome) {
  CLI::App* command = program.add_subcommand("verify", "Compare the log with the store, by count and contents");
  auto options = std::make_shared<VerifyArguments>();  // kept by the callback
  options->connection.add_to(*command);
  options->settings.add_to(*command);
  command->add_flag("--json", options->json, "The report as JSON");
  command->footer(
      "Examples:\n"
      "  millrace verify --data ./millrace-data                    no server runs: the log's checksums too\n"
      "  millrace verify --url http://127.0.0.1:8080 --key $KEY    a running server compares, up to its checkpoint\n"
      "Ends with 1 when something is damaged or differs.");
  command->callback([options, command, &outcome] {
    // --data means the folder itself, also where MILLRACE_URL is set.
    outcome.exit_code =
        run(*options, options->settings.flags["data"].empty() && command->get_option("--url")->count() > 0);
  });
}

}  // namespace millrace::cmd
