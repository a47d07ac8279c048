// millrace migrate store: what is in one store to another, and the proof that it is the same there.

#include <chrono>
#include <filesystem>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "app/store_move.h"
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

constexpr int kTriesMax = 5;              // one behind the other, without getting on
constexpr TimeNs kPauseNs = 500'000'000;  // before the first of them, then twice as long each time

struct MigrateArguments {
  SettingsOptions settings;
  std::string to;
  std::uint64_t piece = MoveOptions().piece_places;
  bool json = false;
  bool quiet = false;
};

std::string time_left(double seconds) {
  return seconds < 100    ? fmt::format("{:.0f} s", seconds)
         : seconds < 6000 ? fmt::format("{:.0f} min", seconds / 60)
                          : fmt::format("{:.1f} h", seconds / 3600);
}

// A line that is written over on a terminal, else a line from time to time.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet) : quiet_(quiet) {}

  bool got_on() const { return got_on_; }
  void begin() {
    begin_ = Clock::now();
    got_on_ = comparing_ = false;
  }
  void show(const MoveProgress& progress) {
    got_on_ = true;
    bool comparing = progress.compared > 0;
    if (comparing && !comparing_) {
      begin_ = Clock::now();
      comparing_ = true;
    }
    double pause = terminal_ ? 0.2 : 10;
    if (quiet_ || (shown_ && seconds_since(shown_at_) < pause)) {
      return;
    }
    shown_ = true;
    shown_at_ = Clock::now();
    std::uint64_t done = comparing ? progress.compared : progress.rows;
    double rate = static_cast<double>(done) / std::max(seconds_since(begin_), 0.001);
    std::uint64_t left = progress.rows_all - std::min(done, progress.rows_all);
    fmt::print(stderr, "{}{} {} of {} rows ({:.0f}%), {} copied now, {:.0f} rows/s, {} left{}",
               terminal_ ? "\r\x1b[K" : "", comparing ? "comparing" : "copying", done, progress.rows_all,
               100.0 * static_cast<double>(done) / static_cast<double>(std::max<std::uint64_t>(progress.rows_all, 1)),
               progress.copied, rate, time_left(static_cast<double>(left) / std::max(rate, 1.0)),
               terminal_ ? "" : "\n");
    std::fflush(stderr);
  }
  void end() const {
    if (terminal_ && shown_) {
      fmt::print(stderr, "\r\x1b[K");
    }
  }

 private:
  const bool quiet_;
  const bool terminal_ = isatty(STDERR_FILENO) != 0;
  Clock::time_point begin_, shown_at_;
  bool shown_ = false;
  bool comparing_ = false;
  bool got_on_ = false;
};

void print_json(const MoveReport& report) {
  JsonWriter json;
  json.begin_object().key("equal").boolean(report.equal).key("from").string(report.from).key("to").string(report.to);
  json.key("rows").unsigned_integer(report.rows).key("copied").unsigned_integer(report.copied);
  json.key("partitions").begin_array();
  for (const MoveReport::Partition& part : report.partitions) {
    json.begin_object().key("partition").unsigned_integer(part.partition.value);
    json.key("until").unsigned_integer(part.until.value).end_object();
  }
  json.end_array().key("days").begin_array();
  for (const clickhouse::ComparedDay& day : report.days) {
    json.begin_object().key("day").string(day_text(day.day));
    json.key("from_rows").unsigned_integer(day.from.rows).key("to_rows").unsigned_integer(day.to.rows);
    json.key("from_hash").string(fmt::format("{:016x}", day.from.hash));
    json.key("to_hash").string(fmt::format("{:016x}", day.to.hash));
    json.key("equal").boolean(day.from.same_rows(day.to)).end_object();
  }
  fmt::print("{}\n", json.end_array().end_object().text());
}

void print_days(const MoveReport& report) {
  fmt::print("{:<10}  {:>14}  {:>14}  {:<16}  {:<16}  {}\n", "day", "rows here", "rows there", "hash here",
             "hash there", "equal");
  for (const clickhouse::ComparedDay& day : report.days) {
    fmt::print("{:<10}  {:>14}  {:>14}  {:016x}  {:016x}  {}\n", day_text(day.day), day.from.rows, day.to.rows,
               day.from.hash, day.to.hash, day.from.same_rows(day.to) ? "yes" : "NO");
  }
}

std::string without_password(const std::string& url) {
  std::size_t user = url.find("://");
  std::size_t at = url.rfind('@', url.find('/', user == std::string::npos ? 0 : user + 3));
  std::size_t colon = user == std::string::npos ? user : url.find(':', user + 3);
  bool has_password = at != std::string::npos && colon != std::string::npos && colon < at;
  return has_password ? url.substr(0, colon + 1) + "PASSWORD" + url.substr(at) : url;
}

void print_next_steps(const MigrateArguments& options, const Settings& settings, const MoveReport& report) {
  fmt::print("{} rows are the same in {} and in {}, by count and by hash.\n\nTo switch:\n", report.rows, report.from,
             report.to);
  fmt::print("  1. {}\n", report.live ? "stop the server" : "leave the server stopped");
  if (options.to.empty()) {
    fmt::print("  2. take store.url out of the configuration ({})\n", settings.origin("store.url"));
  } else {
    std::string url = without_password(options.to);
    fmt::print("  2. put into the configuration{}:\n\n       [store]\n       url = \"{}\"\n\n",
               url == options.to ? "" : " (with the password of --to)", url);
  }
  fmt::print(
      "  3. start the server: what has come in since is read from the log.\n"
      "The log keeps it for stream.retain_age and stream.retain_bytes; when more time than that has gone by, run this\n"
      "again first. Until the switch nothing changes, and {} is left as it is afterwards.\n",
      report.from);
}

int show(const MigrateArguments& options, const Settings& settings, const MoveReport& report) {
  if (options.json) {
    print_json(report);
    return report.equal ? 0 : 1;
  }
  print_days(report);
  if (!report.equal) {
    return fail("the stores DIFFER: do NOT switch. Run this again; what is not the same is copied anew");
  }
  print_next_steps(options, settings, report);
  return 0;
}

// A part that is down for a moment doesn't end a long copy: the next try goes on where this one ended.
Result<MoveReport> move(const Settings& settings, const MoveOptions& move_options, ProgressLine& line,
                        Interrupts& interrupts) {
  std::error_code error;
  std::string program = std::filesystem::read_symlink("/proc/self/exe", error).string();
  bool ever_got_on = false;
  for (int tries = 0;; ++tries) {
    line.begin();
    Result<MoveReport> report = move_store(settings, program, move_options);
    line.end();
    if (report.ok() || interrupts.within(0)) {
      return report;
    }
    ever_got_on = ever_got_on || line.got_on();
    tries = line.got_on() ? 0 : tries;
    Code code = report.error().code;
    bool may_pass = code == Code::kFull || code == Code::kUnavailable || code == Code::kUnknown;
    if (!may_pass || !ever_got_on || tries >= kTriesMax) {
      return report;
    }
    fmt::print(stderr, "millrace: {}; going on in a moment\n", report.error().message);
    if (interrupts.within(kPauseNs << tries)) {
      return report;
    }
  }
}

int migrate_store(MigrateArguments& options) {
  Result<Settings> settings = options.settings.load();
  if (!settings.ok()) {
    return fail("the configuration is not good:\n" + settings.error().message);
  }
  if (options.to == "embedded") {
    options.to.clear();
  }
  configure_log(LogLevel::kWarning, LogFormat::kText);
  Interrupts interrupts;
  ProgressLine line(options.quiet);
  MoveOptions move_options;
  move_options.to = options.to;
  move_options.piece_places = options.piece;
  move_options.go_on = [&line, &interrupts](const MoveProgress& progress) {
    line.show(progress);
    return !interrupts.within(0);
  };
  Result<MoveReport> report = move(*settings, move_options, line, interrupts);
  if (!report.ok()) {
    bool interrupted = interrupts.within(0);
    bool goes_on = interrupted || report.error().code != Code::kInvalid;
    return fail((interrupted ? std::string("interrupted") : report.error().message) +
                (goes_on ? "; the same command goes on from here" : ""));
  }
  return show(options, *settings, *report);
}

}  // namespace

void add_migrate(CLI::App& program, Outcome& outcome) {
  CLI::App* migrate =
      program.add_subcommand("migrate", "Move to another store or stream, without losing or doubling anything");
  migrate->require_subcommand(1);
  add_migrate_stream(*migrate, outcome);
  CLI::App* command = migrate->add_subcommand("store", "Copy what is stored into another store, and prove it");
  auto options = std::make_shared<MigrateArguments>();  // kept by the callback
  command
      ->add_option("--to", options->to,
                   "Where to: embedded, or a ClickHouse server, http(s)://user:password@host:port/database")
      ->envname("MILLRACE_MIGRATE_TO")
      ->required();
  options->settings.add_to(*command);
  command->add_option("--piece", options->piece, "Events copied at once: the most that is copied again after a crash")
      ->check(CLI::Range(100, 1'000'000))
      ->capture_default_str();
  command->add_flag("--json", options->json, "The report as JSON");
  command->add_flag("--quiet", options->quiet, "No progress");
  command->footer(
      "Moves from the store that the server's configuration names. The server may run meanwhile (the embedded engine "
      "is\n"
      "then read at engine.listen). Ctrl-C or a crash costs nothing: the same command goes on. The source is only "
      "read.\n"
      "Examples:\n"
      "  millrace migrate store --config millrace.toml --to http://millrace:secret@clickhouse:8123/millrace\n"
      "  millrace migrate store --config millrace.toml --to embedded\n"
      "Ends with 0 when it is safe to switch, and says how. docs/guides/moving-the-store.md tells more.");
  command->callback([options, &outcome] { outcome.exit_code = migrate_store(*options); });
}

}  // namespace millrace::cmd
