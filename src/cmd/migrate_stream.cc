// millrace migrate stream: from the log into a topic of Kafka, or back, and the proof that it is the same there.

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "app/stream_move.h"
#include "base/json.h"
#include "base/log.h"
#include "base/time_format.h"
#include "cmd/command.h"
#include "cmd/interrupts.h"
#include "cmd/settings_options.h"
#include "cmd/times.h"

namespace millrace::cmd {
namespace {

using Clock = std::chrono::steady_clock;

constexpr TimeNs kAskEvery = 200'000'000;

struct MigrateStreamArguments {
  SettingsOptions settings;
  std::string to;
  bool json = false;
  bool quiet = false;
};

// A line that is written over on a terminal, else a line when something else begins, and from time to time.
class StreamProgressLine {
 public:
  explicit StreamProgressLine(bool quiet) : quiet_(quiet) {}

  void show(const StreamMoveProgress& progress) {
    bool same = shown_ && progress.step == step_;
    double pause = terminal_ ? 0.2 : progress.step == StreamMoveStep::kWaiting ? 1e9 : 10;
    if (quiet_ || (same && seconds_since(shown_at_) < pause)) {
      return;
    }
    shown_ = true;
    shown_at_ = Clock::now();
    step_ = progress.step;
    fmt::print(stderr, "{}{}{}", terminal_ ? "\r\x1b[K" : "", text(progress), terminal_ ? "" : "\n");
    std::fflush(stderr);
  }
  void end() const {
    if (terminal_ && shown_) {
      fmt::print(stderr, "\r\x1b[K");
    }
  }

 private:
  std::string text(const StreamMoveProgress& progress) const {
    switch (progress.step) {
      case StreamMoveStep::kWaiting:
        return "all that can be is there and the same: stop the server now, this ends by itself";
      case StreamMoveStep::kForwarding:
        return fmt::format("forwarding what lies on this disk: {} events left", progress.behind);
      case StreamMoveStep::kCopying:
      case StreamMoveStep::kFinishing:
        break;
    }
    double seconds = std::max(seconds_since(begin_), 0.001);
    double rate = static_cast<double>(progress.events.copied) / seconds;
    return fmt::format(
        "{} events copied, {} compared, {} behind when this round began, {:.0f} events/s{}", progress.events.copied,
        progress.events.compared, progress.behind, rate,
        progress.step == StreamMoveStep::kFinishing ? "; the server has stopped, the rest is copied" : "");
  }

  const bool quiet_;
  const bool terminal_ = isatty(STDERR_FILENO) != 0;
  const Clock::time_point begin_ = Clock::now();
  Clock::time_point shown_at_;
  StreamMoveStep step_ = StreamMoveStep::kCopying;
  bool shown_ = false;
};

DaySum day_of(const CopySums& sums, std::int64_t day) {
  auto found = sums.days.find(day);
  return found == sums.days.end() ? DaySum() : found->second;
}

void print_json(const StreamMoveReport& report) {
  JsonWriter json;
  json.begin_object().key("equal").boolean(report.sums_from == report.sums_to);
  json.key("from").string(report.from).key("to").string(report.to);
  json.key("copied").unsigned_integer(report.copied).key("stopped_ms").integer(report.stopped_ms);
  json.key("damaged").unsigned_integer(report.sums_from.damaged).key("days").begin_array();
  for (const auto& [day, from] : report.sums_from.days) {
    DaySum to = day_of(report.sums_to, day);
    json.begin_object().key("day").string(day_text(day));
    json.key("from_records").unsigned_integer(from.records).key("to_records").unsigned_integer(to.records);
    json.key("from_events").unsigned_integer(from.events).key("to_events").unsigned_integer(to.events);
    json.key("from_hash").string(fmt::format("{:016x}", from.hash));
    json.key("to_hash").string(fmt::format("{:016x}", to.hash)).key("equal").boolean(from == to).end_object();
  }
  fmt::print("{}\n", json.end_array().end_object().text());
}

void print_report(const StreamMoveReport& report, const MigrateStreamArguments& options, const Settings& settings) {
  fmt::print("{:<10}  {:>12}  {:>14}  {:>14}  {:<16}  {:<16}  {}\n", "day", "records", "events here", "events there",
             "hash here", "hash there", "equal");
  for (const auto& [day, from] : report.sums_from.days) {
    DaySum to = day_of(report.sums_to, day);
    fmt::print("{:<10}  {:>12}  {:>14}  {:>14}  {:016x}  {:016x}  {}\n", day_text(day), from.records, from.events,
               to.events, from.hash, to.hash, from == to ? "yes" : "NO");
  }
  if (report.sums_from.damaged > 0) {
    fmt::print("{} events are missing here and there: a disk had lost them before\n", report.sums_from.damaged);
  }
  fmt::print(
      "The stream was moved from {} to {}; the folder was without a server for {:.1f} s.\n\nNow start the server "
      "with\n\n"
      "       [stream]\n       kind = \"{}\"\n\n(stream.kind is from: {}). Numbers, checkpoints, ids and views go on "
      "as they "
      "were. {} is as it was, and\nisn't read any more: remove it when you like.\n",
      report.from, report.to, static_cast<double>(report.stopped_ms) / 1e3, options.to, settings.origin("stream.kind"),
      report.from);
}

int migrate_stream(const MigrateStreamArguments& options) {
  Result<Settings> settings = options.settings.load();
  if (!settings.ok()) {
    return fail("the configuration is not good:\n" + settings.error().message);
  }
  configure_log(LogLevel::kWarning, LogFormat::kText);
  Interrupts interrupts;
  StreamProgressLine line(options.quiet);
  StreamMoveOptions move;
  move.to = options.to;
  move.go_on = [&](const StreamMoveProgress& progress) {
    line.show(progress);
    bool waits = progress.step == StreamMoveStep::kWaiting || progress.step == StreamMoveStep::kForwarding;
    return !interrupts.within(waits ? kAskEvery : 0);
  };
  Result<StreamMoveReport> report = move_stream(*settings, move);
  line.end();
  if (!report.ok()) {
    bool interrupted = interrupts.within(0);
    bool goes_on = interrupted || report.error().code == Code::kUnavailable || report.error().code == Code::kFull;
    return fail((interrupted ? std::string("interrupted") : report.error().message) +
                (goes_on ? "; nothing was switched, the same command goes on from here" : ""));
  }
  if (options.json) {
    print_json(*report);
  } else {
    print_report(*report, options, *settings);
  }
  return 0;
}

}  // namespace

void add_migrate_stream(CLI::App& migrate, Outcome& outcome) {
  CLI::App* command = migrate.add_subcommand("stream", "Move the stream into a topic of Kafka, or back into the log");
  auto options = std::make_shared<MigrateStreamArguments>();  // kept by the callback
  command
      ->add_option("--to", options->to, "Where to: kafka (kafka.brokers and kafka.topic of the configuration), or log")
      ->check(CLI::IsMember({"kafka", "log"}))
      ->required();
  options->settings.add_to(*command);
  command->add_flag("--json", options->json, "The report as JSON");
  command->add_flag("--quiet", options->quiet, "No progress");
  command->footer(
      "The server may run meanwhile. Once nearly everything is there this says so, and waits: stop the server, and it "
      "ends\nin about a second; then start the server with the other stream.kind. Ctrl-C or a crash costs nothing: the "
      "same\ncommand goes on. What was moved away from is only read.\n"
      "Examples:\n"
      "  millrace migrate stream --config millrace.toml --to kafka\n"
      "  millrace migrate stream --config millrace.toml --to log\n"
      "Ends with 0 when the folder was switched. docs/guides/moving-the-stream.md tells more.");
  command->callback([options, &outcome] { outcome.exit_code = migrate_stream(*options); });
}

}  // namespace millrace::cmd
