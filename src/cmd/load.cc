// millrace load: made-up users' events at a steady rate, and whether all of them were kept and counted.

#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include "base/settings_value.h"
#include "cmd/command.h"
#include "cmd/connection.h"
#include "cmd/load_proof.h"
#include "io/clock.h"
#include "io/random.h"
#include "load/report.h"

namespace millrace::cmd {
namespace {

struct LoadArguments {
  Connection connection;
  load::LoadOptions load;
  std::string read_key;
  std::string rate = "20000";
  std::string duration = "10s";
  std::string ramp = "0s";
  std::string late_max = "10m";
  std::uint64_t events = 0;
  std::string json;
  std::string picture;
  bool no_proof = false;
  bool quiet = false;
};

std::atomic<bool> interrupted{false};

Result<TimeNs> duration_of(const std::string& text, const char* flag) {
  std::optional<std::chrono::milliseconds> duration = settings_detail::parse_duration(text);
  if (!duration) {
    return invalid(fmt::format("{} must be a duration such as 10s or 5m, not \"{}\"", flag, text));
  }
  return TimeNs{duration->count()} * 1'000'000;
}

// Host, port and path of an address; the load speaks plain HTTP over TCP.
Result<void> read_url(const std::string& url, load::LoadOptions& options, std::string& path) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) {
    return invalid(fmt::format("{}: a load is sent over plain HTTP (http://host:port)", url));
  }
  std::string rest = url.substr(kScheme.size());
  std::size_t slash = rest.find('/');
  path = slash == std::string::npos ? "" : rest.substr(slash);
  path = path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
  std::string host = rest.substr(0, slash);
  std::size_t colon = host.rfind(':');
  bool has_port = colon != std::string::npos && host.find(']', colon) == std::string::npos;
  options.port = has_port ? host.substr(colon + 1) : "80";
  options.host = has_port ? host.substr(0, colon) : host;
  if (options.host.starts_with('[') && options.host.ends_with(']')) {
    options.host = options.host.substr(1, options.host.size() - 2);
  }
  return {};
}

Result<void> complete(LoadArguments& options) {
  load::LoadOptions& load = options.load;
  std::string path;
  MR_TRY(read_url(options.connection.url, load, path));
  MR_ASSIGN(load.duration, duration_of(options.duration, "--for"));
  MR_ASSIGN(load.ramp, duration_of(options.ramp, "--ramp"));
  MR_ASSIGN(load.events.late_max, duration_of(options.late_max, "--late-max"));
  load.rate = options.rate == "max" ? 0 : std::atof(options.rate.c_str());
  if (options.rate != "max" && !(load.rate > 0)) {
    return invalid(fmt::format("--rate must be events a second, or max, not \"{}\"", options.rate));
  }
  if (load.events.bytes_max < load.events.bytes_min) {
    return invalid("--bytes-max must not be below --bytes-min");
  }
  load.requests_max = (options.events + load.batch - 1) / load.batch;
  load.processes = std::min(load.processes, load.connections);
  load.events.run = fmt::format("{:08x}", static_cast<std::uint32_t>(random_number()));
  load.events.head = fmt::format("{}/v1/events HTTP/1.1\r\nHost: {}\r\n", path, load.host);
  if (!options.connection.key.empty()) {
    load.events.head += fmt::format("Authorization: Bearer {}\r\n", options.connection.key);
  }
  return {};
}

void show(const load::Second& second) {
  bool terminal = isatty(STDERR_FILENO) != 0;
  fmt::print(stderr, "{}{}{}", terminal ? "\r\x1b[K" : "", load::second_text(second), terminal ? "" : "\n");
  std::fflush(stderr);
}

constexpr double kSettleS = 10;  // others may go on sending for ever

bool write_file(const std::string& name, const std::string& content) {
  if (name.empty()) {
    return true;
  }
  std::ofstream file(name, std::ios::binary | std::ios::trunc);
  file << content;
  file.close();
  return file.good();
}

int run(LoadArguments& options) {
  if (Result<void> completed = complete(options); !completed.ok()) {
    return fail(completed.error().message);
  }
  Connection reader = options.connection;
  reader.key = options.read_key.empty() ? reader.key : options.read_key;
  Result<Audit> before =
      options.no_proof ? Result<Audit>(invalid("--no-proof")) : settled_audit(reader, kSettleS, [] { return false; });
  // A key that may only write still loads; anything else would end the load at its first request.
  if (!options.no_proof && !before.ok() && before.error().message.find("(403)") == std::string::npos) {
    return fail(before.error().message);
  }
  signal(SIGINT, [](int) { interrupted = true; });
  signal(SIGTERM, [](int) { interrupted = true; });
  ProofInput input;
  input.begin = system_clock().wall();
  Result<load::LoadReport> report = load::run_load(
      options.load,
      [&options](const load::Second& second) {
        if (!options.quiet) {
          show(second);
        }
      },
      [] { return interrupted.load(); });
  input.end = system_clock().wall();
  if (!options.quiet && isatty(STDERR_FILENO) != 0) {
    fmt::print(stderr, "\n");
  }
  if (!report.ok()) {
    return fail(report.error().message);
  }
  std::optional<load::Proof> proof;
  std::string no_proof = before.ok() ? "" : before.error().message;
  if (before.ok()) {
    interrupted = false;  // a second Ctrl-C ends the waiting
    input.before = *before;
    input.options = options.load;
    input.report = &*report;
    Result<load::Proof> result = prove(reader, input, [] { return interrupted.load(); });
    if (result.ok()) {
      proof = *result;
    } else {
      no_proof = result.error().message;
    }
  } else if (!options.no_proof) {
    no_proof = load::with_advice(no_proof, "a key with the scope read is needed (--read-key)");
  }
  fmt::print("{}", load::report_text(options.load, *report, proof, no_proof));
  if (!write_file(options.json, load::report_json(options.load, *report, proof) + "\n") ||
      !write_file(options.picture, load::report_picture(options.load, *report))) {
    return fail("the report could not be written to its file");
  }
  bool well = report->totals.failed.get() == 0 && (proof ? proof->holds() : !before.ok());
  return well ? 0 : 1;
}

void add_event_options(CLI::App& command, load::EventOptions& events, LoadArguments& options) {
  command.add_option("--users", events.users, "Users; the k-th most active one causes 1/k^ZIPF as many events")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  command.add_option("--zipf", events.zipf, "See --users; 0 makes all alike")
      ->check(CLI::Range(0.0, 10.0))
      ->check(refuse_nan)
      ->capture_default_str();
  command.add_option("--paths", events.paths, "Different pages")->check(CLI::Range(1, 10'000))->capture_default_str();
  command.add_option("--projects", events.projects, "Different values of properties.project")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_option("--bytes-min", events.bytes_min, "Least size of an event, if it has that many bytes anyway")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command.add_option("--bytes-max", events.bytes_max, "Largest size")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command.add_option("--repeats", events.repeats, "Share of events that are sent a second time")
      ->check(CLI::Range(0.0, 1.0))
      ->check(refuse_nan)
      ->capture_default_str();
  command.add_option("--late", events.late, "Share of events that happened earlier")
      ->check(CLI::Range(0.0, 1.0))
      ->check(refuse_nan)
      ->capture_default_str();
  command.add_option("--late-max", options.late_max, "How much earlier at most")->capture_default_str();
  command.add_option("--malformed", events.malformed, "Share of events that are broken")
      ->check(CLI::Range(0.0, 1.0))
      ->check(refuse_nan)
      ->capture_default_str();
}

}  // namespace

void add_load(CLI::App& program, Outcome& outcome) {
  CLI::App* command =
      program.add_subcommand("load", "Send made-up events at a steady rate, and prove that each was counted once");
  auto options = std::make_shared<LoadArguments>();  // kept by the callback
  load::LoadOptions& load = options->load;
  options->connection.add_to(*command);
  command->add_option("--read-key", options->read_key, "Key with the scope read for the proof, when --key only writes")
      ->envname("MILLRACE_READ_KEY");
  command
      ->add_option("--rate", options->rate,
                   "Events a second, sent when they are due however slow the answers are; "
                   "or max: as fast as answers come")
      ->capture_default_str();
  command->add_option("--for", options->duration, "How long, such as 10s or 10m")->capture_default_str();
  command->add_option("--events", options->events, "End after so many events, if --for hasn't ended it; 0: no bound");
  command->add_option("--ramp", options->ramp, "Time in which the rate grows from nothing")->capture_default_str();
  command->add_option("--batch", load.batch, "Events in a request")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command->add_option("--connections", load.connections, "Connections, each with one request under way")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command->add_option("--processes", load.processes, "Processes that send")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->add_option("--seed", load.seed, "The same seed makes the same events and times; ids differ each time")
      ->capture_default_str();
  add_event_options(*command, load.events, *options);
  command->add_option("--json", options->json, "Write everything that was measured to this file");
  command->add_option("--picture", options->picture, "Draw rates and latencies into this file (SVG)");
  command->add_flag("--no-proof", options->no_proof, "Don't ask the server afterwards");
  command->add_flag("--quiet", options->quiet, "No line each second");
  command->footer(
      "Latency is counted from the moment a request was due, so that a server which stalls can't hide it. Refused\n"
      "events (429, 503) are counted and not sent again. Afterwards the server is asked, and accepted = stored =\n"
      "counted must hold, each event once. Ctrl-C ends it early and well.\n"
      "Exit code: 0 all is proved, or the key may not read and so can't ask; 1 something failed or doesn't add up.\n"
      "Examples:\n"
      "  millrace load --users 100000 --rate 20000 --for 10s --key $KEY\n"
      "  millrace load --rate max --batch 1000 --for 30s\n"
      "  millrace load --rate 300000 --ramp 20s --for 1m --connections 512 --processes 2 --picture load.svg\n"
      "  millrace load --rate 10000 --for 10m --json soak.json");
  command->callback([options, &outcome] { outcome.exit_code = run(*options); });
}

}  // namespace millrace::cmd
