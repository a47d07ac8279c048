// millrace demo: a server with a made-up product's last two weeks in it and its traffic coming in, to look at.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include <CLI/CLI.hpp>
#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/server.h"
#include "base/json.h"
#include "base/log.h"
#include "base/settings_value.h"
#include "cmd/command.h"
#include "cmd/connection.h"
#include "cmd/demo_state.h"
#include "cmd/interrupts.h"
#include "demo/traffic.h"
#include "io/clock.h"
#include "io/random.h"
#include "io/thread.h"

namespace millrace::cmd {
namespace {

constexpr TimeNs kMillisecond = 1'000'000;
constexpr TimeNs kDay = 86'400'000 * kMillisecond;
constexpr TimeNs kGapMax = 600'000 * kMillisecond;  // that is filled when a demonstration goes on
constexpr std::size_t kHistoryBatch = 2000;
constexpr std::size_t kLiveBatch = 5000;
constexpr unsigned kHistorySenders = 3;
constexpr int kGiveUpMs = 15'000;
constexpr TimeNs kSaveEvery = 1'000 * kMillisecond;
constexpr std::int64_t kDrainMs = 25'000;
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

struct Options {
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

Result<Settings> settings_of(const Options& options) {
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

// Posts bodies until each is taken: what has been acknowledged is counted, what was refused is sent again.
class Sender {
 public:
  // Waits that long at most; true when it is time to stop: then it is tried a last time.
  using Pause = std::function<bool(std::chrono::milliseconds)>;

  Sender(const Connection& connection, Pause pause) : connection_(connection), pause_(std::move(pause)) {}

  Result<void> send(std::string_view body) {
    if (client_ == nullptr) {
      MR_ASSIGN(client_, connection_.open());
    }
    http::ClientRequest request;
    request.method = "POST";
    request.target = "/v1/events";
    request.headers = connection_.headers();
    request.headers.emplace_back("Content-Type", "application/x-ndjson");
    request.body = {&body, 1};
    int waited_ms = 0;
    bool last = false;
    for (int wait_ms = 20;; wait_ms = std::min(wait_ms * 2, 1000)) {
      Result<http::ClientResponse> response = client_->send(request, 30'000);
      if (response.ok() && response->status == 200) {
        return {};
      }
      bool again = !response.ok() || response->status == 429 || response->status == 503;
      if (!again || last || waited_ms >= kGiveUpMs) {
        return response.ok() ? unavailable(refusal(*response)) : response.error();
      }
      last = pause_(std::chrono::milliseconds(wait_ms));  // a server that refuses wants one
      waited_ms += wait_ms;
    }
  }

 private:
  const Connection& connection_;
  Pause pause_;
  std::unique_ptr<http::Client> client_;
};

// A few senders behind a short queue, so that making events and taking them go on at once.
class SenderPool {
 public:
  explicit SenderPool(const Connection& connection) {
    for (unsigned i = 0; i < kHistorySenders; ++i) {
      threads_.emplace_back([this, &connection] { work(connection); });
    }
  }
  ~SenderPool() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    (void)finish().ok();
  }

  // Waits for room; false when sending has failed.
  bool put(std::string body) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return bodies_.size() < kHistorySenders || error_; });
    if (error_) {
      return false;
    }
    bodies_.push_back(std::move(body));
    changed_.notify_all();
    return true;
  }
  Result<void> finish() {
    {
      std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) {
      thread.join();
    }
    threads_.clear();
    return error_ ? Result<void>(*error_) : Result<void>();
  }

 private:
  void work(const Connection& connection) {
    Sender sender(connection, [this](std::chrono::milliseconds wait) {
      std::unique_lock lock(mutex_);
      return changed_.wait_for(lock, wait, [this] { return stopping_ || error_; });
    });
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return ended_ || error_ || !bodies_.empty(); });
      if (bodies_.empty() || error_) {
        return;
      }
      std::string body = std::move(bodies_.front());
      bodies_.pop_front();
      changed_.notify_all();
      lock.unlock();
      Result<void> sent = sender.send(body);
      lock.lock();
      if (!sent.ok() && !error_) {
        error_ = sent.error();
        changed_.notify_all();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> bodies_;
  bool ended_ = false;
  bool stopping_ = false;  // what was refused isn't waited for any longer
  std::optional<Error> error_;
  std::vector<std::thread> threads_;
};

double expected_events(const Story& story, TimeNs from, TimeNs to) {
  double sum = 0;
  constexpr TimeNs kStep = 60'000 * kMillisecond;
  for (TimeNs at = from; at < to; at += kStep) {
    sum += story.events_per_second(at) * 60;
  }
  return std::max(sum, 1.0);
}

void show_progress(double share, std::uint64_t events, double seconds, bool last) {
  if (isatty(STDOUT_FILENO) == 0 && !last) {
    return;
  }
  share = last ? 1.0 : std::min(share, 0.99);
  fmt::print("{}  [{:<30}] {:3.0f}%  {:.1f} million events, {:.0f} a second{}",
             isatty(STDOUT_FILENO) != 0 ? "\r\x1b[K" : "", std::string(static_cast<std::size_t>(share * 30), '#'),
             share * 100, static_cast<double>(events) / 1e6, static_cast<double>(events) / std::max(seconds, 0.001),
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
    Sender sender(connection, [this](std::chrono::milliseconds wait) { return stopping_within(wait); });
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
  explicit Demo(const Options& options) : options_(options) {}
  Result<void> run();

 private:
  Result<void> open();
  Result<void> make_read_key();
  void show_address() const;
  TimeNs history_begin(TimeNs now) const;
  Result<void> load_history(TimeNs until);
  Result<void> wait_until_stored();
  Result<void> go_on();

  const Options options_;
  Interrupts interrupts_;
  Clock& clock_ = system_clock();
  DemoState state_;
  Connection connection_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Story> story_;
  std::unique_ptr<Traffic> traffic_;  // of the past
  std::unique_ptr<LiveTraffic> live_;
};

Result<void> Demo::open() {
  MR_ASSIGN(state_, DemoState::open(options_.folder, options_.reset, clock_.wall()));
  MR_ASSIGN(Settings settings, settings_of(options_));
  configure_log(LogLevel::kWarning, LogFormat::kText);
  std::error_code error;
  std::string program = std::filesystem::read_symlink("/proc/self/exe", error).string();
  MR_ASSIGN(server_, Server::start(settings, program, state_.key));
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

// The whole story at first; then what went by since the last run, unless that is long ago.
TimeNs Demo::history_begin(TimeNs now) const {
  return state_.run == 0 ? story_->begin() : std::max(state_.sent_until, now - kGapMax);
}

// Everything between what an earlier run has sent and `until`. A run that was broken off in its midst sends the same
// events again, with the same ids.
Result<void> Demo::load_history(TimeNs until) {
  TimeNs from = history_begin(until);
  double expected = expected_events(*story_, from, until);
  fmt::print("Loading the last {} of a made-up product's life, about {:.1f} million events:\n",
             until - from > kDay ? fmt::format("{} days", (until - from + kDay / 2) / kDay)
                                 : fmt::format("{} minutes", (until - from) / (60'000 * kMillisecond) + 1),
             expected / 1e6);
  TimeNs began = clock_.monotonic();
  auto seconds = [&] { return static_cast<double>(clock_.monotonic() - began) / 1e9; };
  std::uint64_t events = 0;
  TimeNs shown = 0;
  SenderPool senders(connection_);
  while (true) {
    std::string body;
    body.reserve(kHistoryBatch * 400);
    std::size_t count = traffic_->write_until(until, kHistoryBatch, body);
    if (count == 0 || !senders.put(std::move(body))) {
      break;
    }
    events += count;
    if (clock_.monotonic() - shown > 200 * kMillisecond) {
      shown = clock_.monotonic();
      show_progress(static_cast<double>(events) / expected, events, seconds(), false);
    }
    if (interrupts_.within(0)) {
      return {};
    }
  }
  MR_TRY(senders.finish());
  show_progress(1, events, seconds(), true);
  state_.sent_until = until;
  ++state_.run;
  return state_.save();
}

Result<void> Demo::wait_until_stored() {
  TimeNs began = clock_.monotonic();
  while (!interrupts_.within(100 * kMillisecond)) {
    MR_ASSIGN(Json health, ask(connection_, "GET", "/v1/health"));
    bool stored = true;
    const Json* partitions = health.find("partitions");
    for (const Json& one : partitions != nullptr ? partitions->items() : std::vector<Json>()) {
      const Json* lag = one.find("lag_ms");
      stored = stored && lag != nullptr && lag->integer().value_or(1) < 2000;
    }
    if (stored && partitions != nullptr && !partitions->items().empty()) {
      fmt::print("  all of it can be asked about, {:.1f} s later\n",
                 static_cast<double>(clock_.monotonic() - began) / 1e9);
      return {};
    }
  }
  return {};
}

// Until it is ended; saves now and then how far it has come, so that a start after a kill fills only what is missing.
Result<void> Demo::go_on() {
  TimeNs end = INT64_MAX;
  if (!options_.run_for.empty()) {
    end = clock_.monotonic() + settings_detail::parse_duration(options_.run_for)->count() * kMillisecond;
  }
  fmt::print(
      "About {:.0f} events a second keep coming in.{}\n", options_.rate,
      options_.run_for.empty() ? " Ctrl-C ends it; the next start goes on from there (--reset begins anew)." : "");
  std::fflush(stdout);
  TimeNs saved = 0;
  while (!interrupts_.within(100 * kMillisecond) && clock_.monotonic() < end) {
    MR_TRY(live_->so_far());
    if (clock_.monotonic() - saved >= kSaveEvery) {
      saved = clock_.monotonic();
      state_.sent_until = live_->sent_until();
      MR_TRY(state_.save());
    }
  }
  MR_TRY(live_->stop());
  state_.sent_until = live_->sent_until();
  fmt::print("Stopping; {} events came in live, all of them are on disk.\n", live_->sent());
  return state_.save();
}

Result<void> Demo::run() {
  MR_TRY(open());
  story_ = std::make_unique<Story>(StoryOptions{state_.began, options_.days, options_.rate});
  TrafficOptions traffic;
  traffic.seed = state_.seed + state_.run;
  traffic.users = options_.users;
  TimeNs now = clock_.wall();
  traffic.id_prefix = fmt::format("{:x}-{}-{:x}", state_.seed & 0xffffff, state_.run, now / 1'000'000'000);
  live_ = std::make_unique<LiveTraffic>(connection_, *story_, traffic, now, clock_);
  traffic.id_prefix = fmt::format("{:x}-{}", state_.seed & 0xffffff, state_.run);
  traffic_ = std::make_unique<Traffic>(*story_, traffic, history_begin(now));
  show_address();
  MR_TRY(load_history(now));
  MR_TRY(wait_until_stored());
  if (!interrupts_.within(0)) {
    MR_TRY(go_on());
  }
  live_.reset();
  server_->stop(kDrainMs);
  return {};
}

int demo(const Options& options) {
  Result<void> done = Demo(options).run();
  return done.ok() ? 0 : fail(done.error().message);
}

}  // namespace

void add_demo(CLI::App& program, Outcome& outcome) {
  CLI::App* command = program.add_subcommand(
      "demo", "Run a server with a made-up product's last two weeks in it and its traffic coming in");
  auto options = std::make_shared<Options>();  // kept by the callback
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
