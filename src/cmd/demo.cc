// millrace demo: a server with a made-up product's last two weeks in it and its traffic coming in, to look at.

#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/server.h"
#include "base/json.h"
#include "base/log.h"
#include "base/settings_value.h"
#include "base/time_format.h"
#include "cmd/command.h"
#include "cmd/connection.h"
#include "cmd/demo_senders.h"
#include "cmd/demo_state.h"
#include "cmd/interrupts.h"
#include "cmd/load_proof.h"
#include "demo/traffic.h"
#include "io/clock.h"
#include "io/random.h"
#include "io/thread.h"

namespace millrace::cmd {
namespace {

constexpr TimeNs kDay = 86'400'000 * kMillisecond;
constexpr TimeNs kGapMax = 600'000 * kMillisecond;  // that is filled when a demonstration goes on
constexpr std::size_t kHistoryBatch = 2000;
constexpr std::size_t kLiveBatch = 5000;
constexpr TimeNs kSaveEvery = 1'000 * kMillisecond;
constexpr std::int64_t kDrainMs = 25'000;
constexpr double kSettleSeconds = 30;  // for the store to open, and for what an earlier run has sent to be in it
// What the product's people would ask about is declared, as a real one's would be.
constexpr const char* kSettings = R"(
[[property]]
name = "path"
type = "string"
[[property]]
name = "feature"
type = "string"
[[property]]
name = "plan"
type = "string"
[[property]]
name = "country"
type = "string"
[[property]]
name = "device"
type = "string"
[[property]]
name = "latency_ms"
type = "number"
[[property]]
name = "load_ms"
type = "number"
[[property]]
name = "amount"
type = "number"
)";

struct DemoArguments {
  std::string folder = "./millrace-demo";
  std::string listen;
  double rate = 500;
  std::uint32_t users = 100'000;
  int days = 14;
  std::string run_for;
  std::string kafka;  // brokers; empty: the stream is the log
  bool reset = false;
};

bool is_free(std::uint16_t port) {
  int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int yes = 1;
  setsockopt(socket_fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bool is = bind(socket_fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(socket_fd);
  return is;
}

Result<Settings> settings_of(const DemoArguments& options) {
  SettingSources sources;
  sources.file_name = "the demonstration's settings";
  sources.file_text = kSettings;
  std::string listen = !options.listen.empty() ? options.listen : is_free(8080) ? "127.0.0.1:8080" : "127.0.0.1:0";
  sources.flags = {{"data", options.folder + "/data"},
                   {"listen", listen},
                   {"log-level", "warning"},
                   {"stream-retain-bytes", "512MiB"}};
  if (!options.kafka.empty()) {
    sources.flags.emplace_back("stream-kind", "kafka");
    sources.flags.emplace_back("kafka-brokers", options.kafka);
  }
  return Settings::load(sources);
}

double expected_events(const Story& story, TimeNs from, TimeNs to) {
  double sum = 0;
  constexpr TimeNs kStep = 60'000 * kMillisecond;
  for (TimeNs at = from; at < to; at += kStep) {
    sum += story.events_per_second(at) * static_cast<double>(std::min(kStep, to - at)) / 1e9;
  }
  return std::max(sum, 1.0);
}

// "5.1 million events", "1,234 events", "1 event"
std::string events_text(double events) {
  if (events >= 999'950) {
    return fmt::format("{:.1f} million events", events / 1e6);
  }
  auto whole = static_cast<std::int64_t>(std::llround(events));
  if (whole >= 1000) {
    return fmt::format("{},{:03} events", whole / 1000, whole % 1000);
  }
  return fmt::format("{} event{}", whole, whole == 1 ? "" : "s");
}

// 822,701 is about 820,000.
double two_digits(double number) {
  double scale = std::pow(10.0, std::max(std::floor(std::log10(number)) - 1, 0.0));
  return std::round(number / scale) * scale;
}

// "the last 14 days", "the last 8 minutes", "the last second": in the largest unit of which there are two, or seconds.
std::string last_text(TimeNs span) {
  constexpr std::pair<TimeNs, const char*> kUnits[] = {
      {kDay, "day"}, {3600 * kSecond, "hour"}, {60 * kSecond, "minute"}, {kSecond, "second"}};
  for (auto [unit, name] : kUnits) {
    TimeNs count = (span + unit / 2) / unit;
    if (count >= 2 || unit == kSecond) {
      return count < 2 ? fmt::format("the last {}", name) : fmt::format("the last {} {}s", count, name);
    }
  }
  return {};
}

// `sent`: by this run; the rest of `events` was there already.
void show_progress(double share, std::uint64_t events, std::uint64_t sent, double seconds, bool last) {
  if (isatty(STDOUT_FILENO) == 0 && !last) {
    return;
  }
  share = last ? 1.0 : std::min(share, 0.99);
  fmt::print("{}  [{:<30}] {:3.0f}%  {}, {:.0f} a second{}", isatty(STDOUT_FILENO) != 0 ? "\r\x1b[K" : "",
             std::string(static_cast<std::size_t>(share * 30), '#'), share * 100,
             events_text(static_cast<double>(events)), static_cast<double>(sent) / std::max(seconds, 0.001),
             last ? "\n" : "");
  std::fflush(stdout);
}

// What keeps coming in, from the first moment on: while the history is loaded, too, so that there is something to see.
class LiveTraffic {
 public:
  LiveTraffic(const Connection& connection, const Story& story, const TrafficOptions& options, TimeNs from,
              Clock& clock)
      : traffic_(story, options, from), clock_(clock), sent_until_(from), thread_("demo-live", [this, &connection] {
          Result<void> sent = send(connection);
          std::lock_guard lock(mutex_);
          error_ = sent.ok() ? std::optional<Error>() : sent.error();
        }) {}
  ~LiveTraffic() { (void)stop().ok(); }

  // Every event before this time has been taken.
  TimeNs sent_until() const { return sent_until_; }
  std::uint64_t sent() const { return sent_; }
  Result<void> stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
    return so_far();
  }
  Result<void> so_far() const {
    std::lock_guard lock(mutex_);
    return error_ ? Result<void>(*error_) : Result<void>();
  }

 private:
  bool stopping_within(std::chrono::milliseconds wait) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, wait, [this] { return stopping_; });
  }
  Result<void> send(const Connection& connection) {
    DemoSender sender(connection, [this](std::chrono::milliseconds wait) { return stopping_within(wait); });
    std::string body;
    while (!stopping_within(std::chrono::milliseconds(100))) {
      body.clear();
      TimeNs now = clock_.wall();
      std::size_t count = traffic_.write_until(now, kLiveBatch, body);
      if (count > 0) {
        MR_TRY(sender.send(body));
      }
      sent_ += count;
      sent_until_ = count < kLiveBatch ? now : traffic_.at() + 1;
    }
    return {};
  }

  Traffic traffic_;
  Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::optional<Error> error_;
  std::atomic<TimeNs> sent_until_;
  std::atomic<std::uint64_t> sent_ = 0;
  Thread thread_;
};

class Demo {
 public:
  explicit Demo(const DemoArguments& options) : options_(options) {}
  Result<void> run();

 private:
  Result<void> open();
  Result<void> make_read_key();
  void show_address() const;
  Result<void> plan();
  Result<void> find_end();
  TrafficOptions traffic(std::uint64_t number) const;
  Result<void> begin_live();
  Result<void> load_history(DemoHistory& history);
  Result<void> save();
  Result<void> wait_until_stored();
  Result<void> go_on();

  const DemoArguments options_;
  Interrupts interrupts_;
  Clock& clock_ = system_clock();
  DemoState state_;
  Connection connection_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Story> story_;
  std::unique_ptr<LiveTraffic> live_;
};

Result<void> Demo::open() {
  MR_ASSIGN(Settings settings, settings_of(options_));
  std::error_code error;
  bool is_new = !std::filesystem::exists(options_.folder, error);
  MR_ASSIGN(state_, DemoState::open(options_.folder, options_.reset, clock_.wall()));
  configure_log(LogLevel::kWarning, LogFormat::kText);
  std::string program = std::filesystem::read_symlink("/proc/self/exe", error).string();
  Result<std::unique_ptr<Server>> server = Server::start(settings, program, {state_.key, {}});
  if (!server.ok()) {
    if (is_new) {
      std::filesystem::remove_all(options_.folder, error);  // a port that is taken leaves nothing behind
    }
    return server.error();
  }
  server_ = std::move(*server);
  connection_.url = server_->address();
  connection_.key = state_.key;
  return make_read_key();
}

Result<void> Demo::make_read_key() {
  if (!state_.read_key.empty()) {
    return {};
  }
  MR_ASSIGN(Json made, ask(connection_, "POST", "/v1/keys", R"({"name":"demo, read","scopes":["read"]})"));
  const Json* secret = made.find("secret");
  state_.read_key = secret != nullptr ? secret->text() : "";
  return state_.save();
}

void Demo::show_address() const {
  fmt::print(
      "\n"
      "  Dashboard   {}/\n"
      "  Read key    {}\n"
      "\n"
      "In another terminal:\n"
      "  export MILLRACE_URL={} MILLRACE_KEY={}\n"
      "  millrace query -m count -m 'uniq(visitor)' --by event --range 1h\n"
      "  millrace query -m 'quantile(0.95, properties.latency_ms)' --range 6h --every 15_minutes\n"
      "  millrace tail\n"
      "\n",
      server_->address(), state_.read_key, server_->address(), state_.read_key);
  std::fflush(stdout);
}

// What is to be loaded: the whole story at first; then what went by since the last run, unless that is long ago, and
// what an earlier run has not loaded to its end.
Result<void> Demo::plan() {
  std::string story = fmt::format("--days {} --rate {} --users {}", options_.days, options_.rate, options_.users);
  if (!state_.histories.empty() && state_.story != story) {
    return invalid(fmt::format(
        "this demonstration's history is not loaded whole: go on with {}, or begin anew with --reset", state_.story));
  }
  state_.story = story;
  story_ = std::make_unique<Story>(StoryOptions{state_.began, options_.days, options_.rate});
  if (state_.next == 0) {
    state_.histories.push_back({story_->begin(), state_.began, state_.next++});
    state_.sent_until = state_.began;
    return {};
  }
  if (!state_.ended) {
    MR_TRY(find_end());
  }
  TimeNs now = clock_.wall();
  TimeNs from = std::max(state_.sent_until, now - kGapMax);
  if (from < now) {
    state_.histories.push_back({from, now, state_.next++});
  }
  state_.sent_until = now;
  state_.ended = false;
  return {};
}

// A killed run has sent more than it had saved. What comes behind its last event is missing, and no more: other events
// of that time beside those that are stored would look like a burst.
Result<void> Demo::find_end() {
  auto stopping = [this] { return interrupts_.within(0); };
  MR_TRY(settled_audit(connection_, kSettleSeconds, stopping));
  JsonWriter query;
  query.begin_object().key("measures").begin_array().string("max(time)").end_array().key("range").begin_array();
  query.string(format_rfc3339(std::max(state_.sent_until, clock_.wall() - kGapMax)));
  query.string(format_rfc3339(clock_.wall() + kDay)).end_array().end_object();
  MR_ASSIGN(Json answer, ask(connection_, "POST", "/v1/query", query.take()));
  const Json* columns = answer.find("columns");
  const Json* values = columns != nullptr && !columns->items().empty() ? columns->items()[0].find("values") : nullptr;
  if (values != nullptr && !values->items().empty() && values->items()[0].integer()) {
    state_.sent_until = std::max(state_.sent_until, (*values->items()[0].integer() + 1) * kMillisecond);
  }
  return {};
}

TrafficOptions Demo::traffic(std::uint64_t number) const {
  TrafficOptions traffic;
  traffic.seed = state_.seed + number;
  traffic.people = state_.seed;
  traffic.users = options_.users;
  traffic.id_prefix = fmt::format("{:x}-{}", state_.seed & 0xffffff, number);
  return traffic;
}

Result<void> Demo::begin_live() {
  std::uint64_t number = state_.next++;
  MR_TRY(state_.save());  // before the first event that has its ids
  live_ = std::make_unique<LiveTraffic>(connection_, *story_, traffic(number), state_.sent_until, clock_);
  return {};
}

Result<void> Demo::save() {
  state_.sent_until = live_->sent_until();
  return state_.save();
}

// What an earlier run has sent of it is made again and left out, but for the last second: that is sent again, with the
// same ids.
Result<void> Demo::load_history(DemoHistory& history) {
  double expected = expected_events(*story_, history.from, history.until);
  fmt::print("{} {} of a made-up product's life, about {}:\n", history.batches > 0 ? "Going on to load" : "Loading",
             last_text(clock_.wall() - history.from), events_text(two_digits(expected)));
  std::fflush(stdout);
  TimeNs began = clock_.monotonic();
  auto seconds = [&] { return static_cast<double>(clock_.monotonic() - began) / 1e9; };
  std::uint64_t events = 0, sent = 0;
  TimeNs shown = 0, saved = clock_.monotonic();
  const std::uint64_t there = history.batches;
  Traffic past(*story_, traffic(history.traffic), history.from);
  DemoSenders senders(connection_);
  for (std::uint64_t batch = 0;; ++batch) {
    std::string body;
    body.reserve(kHistoryBatch * 400);
    std::size_t count = past.write_until(history.until, kHistoryBatch, body);
    if (count == 0 || (batch >= there && !senders.put(std::move(body)))) {
      break;
    }
    events += count;
    sent += batch >= there ? count : 0;
    if (clock_.monotonic() - shown > 200 * kMillisecond) {
      shown = clock_.monotonic();
      show_progress(static_cast<double>(events) / expected, events, sent, seconds(), false);
    }
    if (clock_.monotonic() - saved >= kSaveEvery) {
      saved = clock_.monotonic();
      history.batches = there + senders.taken();
      MR_TRY(save());
    }
    if (interrupts_.within(0)) {
      senders.stop();
      history.batches = there + senders.taken();
      fmt::print("{}", isatty(STDOUT_FILENO) != 0 ? "\n" : "");
      return {};
    }
  }
  MR_TRY(senders.finish());
  show_progress(1, events, sent, seconds(), true);
  if (there > 0) {
    fmt::print("  {} of them were there already\n", events_text(static_cast<double>(events - sent)));
  }
  history.until = history.from;  // nothing is left of it
  return {};
}

// What is durable by now: what comes in meanwhile isn't waited for.
Result<void> Demo::wait_until_stored() {
  TimeNs began = clock_.monotonic();
  std::vector<std::int64_t> ends;
  auto number = [](const Json& partition, const char* name) {
    const Json* found = partition.find(name);
    return found != nullptr ? found->integer().value_or(0) : 0;
  };
  do {
    MR_ASSIGN(Json health, ask(connection_, "GET", "/v1/health"));
    const Json* found = health.find("partitions");
    const std::vector<Json> partitions = found != nullptr ? found->items() : std::vector<Json>();
    for (std::size_t i = ends.size(); i < partitions.size(); ++i) {
      ends.push_back(number(partitions[i], "durable_end"));
    }
    bool stored = !partitions.empty();
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      stored = stored && number(partitions[i], "stored_until") >= ends[i];
    }
    if (stored) {
      fmt::print("  all of it can be asked about, {:.1f} s later\n",
                 static_cast<double>(clock_.monotonic() - began) / 1e9);
      return {};
    }
  } while (!interrupts_.within(100 * kMillisecond));
  return {};
}

// Until it is ended; saves now and then how far it has come, so that a start after a kill fills only what is missing.
Result<void> Demo::go_on() {
  TimeNs end = INT64_MAX;
  if (!options_.run_for.empty()) {
    end = clock_.monotonic() + settings_detail::parse_duration(options_.run_for)->count() * kMillisecond;
  }
  std::string rate = fmt::format("{:.0f}", options_.rate);
  fmt::print(
      "About {} event{} a second keep{} coming in.{}\n", rate, rate == "1" ? "" : "s", rate == "1" ? "s" : "",
      options_.run_for.empty() ? " Ctrl-C ends it; the next start goes on from there (--reset begins anew)." : "");
  std::fflush(stdout);
  TimeNs saved = 0;
  while (!interrupts_.within(100 * kMillisecond) && clock_.monotonic() < end) {
    MR_TRY(live_->so_far());
    if (clock_.monotonic() - saved >= kSaveEvery) {
      saved = clock_.monotonic();
      MR_TRY(save());
    }
  }
  return {};
}

Result<void> Demo::run() {
  MR_TRY(open());
  show_address();
  MR_TRY(plan());
  MR_TRY(begin_live());
  std::vector<DemoHistory>& histories = state_.histories;
  while (!histories.empty() && !interrupts_.within(0)) {
    MR_TRY(load_history(histories.back()));  // what is missing of the last minutes comes first
    if (histories.back().from == histories.back().until) {
      histories.pop_back();
      MR_TRY(save());
    }
  }
  if (!interrupts_.within(0)) {
    MR_TRY(wait_until_stored());
    MR_TRY(go_on());
  }
  MR_TRY(live_->stop());
  state_.ended = true;
  MR_TRY(save());
  fmt::print("Stopping; {} came in live, all of them are on disk.{}\n", events_text(static_cast<double>(live_->sent())),
             histories.empty() ? "" : " The next start goes on to load the history.");
  live_.reset();
  server_->stop(kDrainMs);
  return {};
}

int demo(const DemoArguments& options) {
  Result<void> done = Demo(options).run();
  return done.ok() ? 0 : fail(done.error().message);
}

}  // namespace

void add_demo(CLI::App& program, Outcome& outcome) {
  CLI::App* command = program.add_subcommand(
      "demo", "Run a server with a made-up product's last two weeks in it and its traffic coming in");
  auto options = std::make_shared<DemoArguments>();  // kept by the callback
  command->add_option("--data", options->folder, "Folder of the demonstration; the next start goes on in it")
      ->capture_default_str();
  command->add_option("--listen", options->listen,
                      "Address and port; 127.0.0.1:8080, or a free port when that is taken");
  command->add_option("--rate", options->rate, "Events a second that keep coming in")
      ->check(CLI::Range(1.0, 100'000.0))
      ->check(refuse_nan)
      ->capture_default_str();
  command->add_option("--users", options->users, "Users of the product")
      ->check(CLI::Range(10, 10'000'000))
      ->capture_default_str();
  command->add_option("--days", options->days, "Days of history")->check(CLI::Range(1, 60))->capture_default_str();
  command
      ->add_option("--for", options->run_for, "End by itself after this time (60s, 5m), counted from the live part on")
      ->check([](const std::string& text) {
        return settings_detail::parse_duration(text) ? std::string() : "must be a duration such as 60s or 5m";
      });
  command->add_option("--kafka", options->kafka, "Brokers of Apache Kafka, host:port: the stream is a topic there");
  command->add_flag("--reset", options->reset, "Throw the folder's demonstration away and begin anew");
  command->footer(
      "Examples:\n"
      "  millrace demo\n"
      "  millrace demo --rate 5000 --reset\n"
      "The product is launched five hours before the first start, has an incident two hours before it, and had a slow\n"
      "release three days ago: look for them.");
  command->callback([options, &outcome] { outcome.exit_code = demo(*options); });
}

}  // namespace millrace::cmd
