// millrace send FILE|-: NDJSON to a server, at full speed, resumable, each event once.

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include "base/json.h"
#include "cmd/command.h"
#include "cmd/connection.h"
#include "cmd/input_file.h"
#include "cmd/send_state.h"
#include "cmd/times.h"

namespace millrace::cmd {
namespace {

using Clock = std::chrono::steady_clock;

struct SendArguments {
  Connection connection;
  std::string file;
  std::size_t batch = 1000;
  unsigned connections = 4;
  bool restart = false;
  bool quiet = false;
};

std::atomic<bool> interrupted{false};

struct Batch {
  std::string body;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

// What the sending threads share.
class Sender {
 public:
  Sender(const SendArguments& options, InputFile& input, SendState& state)
      : options_(options), input_(input), state_(state) {}

  void work();  // a thread's loop
  bool stopped() const { return interrupted.load() || failed_.load(); }
  void fail_with(const std::string& message);

  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> rejected{0};
  std::atomic<unsigned> working{0};
  std::string error;     // after the threads have ended
  std::string examples;  // of rejections

 private:
  bool next_batch(Batch& batch);
  bool send_until_taken(http::Client& client, const Batch& batch);
  void count(const std::string& body);

  const SendArguments& options_;
  InputFile& input_;
  SendState& state_;
  std::mutex mutex_;  // of input_, error and examples
  std::atomic<bool> failed_{false};
};

void Sender::fail_with(const std::string& message) {
  std::lock_guard lock(mutex_);
  if (!failed_.exchange(true)) {
    error = message;
  }
}

bool Sender::next_batch(Batch& batch) {
  std::unique_lock lock(mutex_);
  batch.body.clear();
  batch.begin = input_.unpacked_offset();
  Result<std::size_t> lines = input_.read_lines(batch.body, options_.batch, 4 << 20);
  batch.end = input_.unpacked_offset();
  lock.unlock();
  if (!lines.ok()) {
    fail_with(fmt::format("{}: {}", options_.file, lines.error().message));
    return false;
  }
  return *lines > 0;
}

void Sender::count(const std::string& body) {
  Result<Json> json = Json::parse(body);
  const Json* taken = json.ok() ? json->find("accepted") : nullptr;
  const Json* refused = json.ok() ? json->find("rejected_count") : nullptr;
  accepted += taken != nullptr ? static_cast<std::uint64_t>(taken->integer().value_or(0)) : 0;
  std::uint64_t count = refused != nullptr ? static_cast<std::uint64_t>(refused->integer().value_or(0)) : 0;
  rejected += count;
  const Json* list = json.ok() ? json->find("rejected") : nullptr;
  if (count == 0 || list == nullptr) {
    return;
  }
  std::lock_guard lock(mutex_);
  for (const Json& one : list->items()) {
    const Json* reason = one.find("reason");
    if (reason != nullptr && examples.size() < 400) {
      examples += "\n  " + reason->text();
    }
  }
}

// Tries again for as long as that can help: what has no id of its own is recognised by the batch's key.
bool Sender::send_until_taken(http::Client& client, const Batch& batch) {
  http::ClientRequest request;
  request.method = "POST";
  request.target = "/v1/events";
  request.headers = options_.connection.headers();
  request.headers.emplace_back("Content-Type", "application/x-ndjson");
  request.headers.emplace_back("Idempotency-Key", fmt::format("send-{}-{}", state_.run(), batch.begin));
  std::string_view piece = batch.body;
  request.body = {&piece, 1};
  auto wait = std::chrono::milliseconds(50);
  Clock::time_point give_up = Clock::now() + std::chrono::seconds(60);
  for (;;) {
    Result<http::ClientResponse> response = client.send(request, 30'000);
    bool all_bad =
        response.ok() && response->status == 400 && response->body.find("no-valid-events") != std::string::npos;
    if (response.ok() && (response->status == 200 || all_bad)) {
      count(response->body);
      state_.acknowledged(batch.begin, batch.end);
      return true;
    }
    bool try_again = !response.ok() || response->status == 429 || response->status >= 500;
    if (!try_again || (Clock::now() > give_up && !interrupted)) {
      fail_with(response.ok() ? refusal(*response) : response.error().message);
      return false;
    }
    if (stopped()) {
      return false;
    }
    std::this_thread::sleep_for(wait);
    wait = std::min(wait * 2, std::chrono::milliseconds(2000));
  }
}

void Sender::work() {
  Result<std::unique_ptr<http::Client>> client = options_.connection.open();
  if (!client.ok()) {
    fail_with(client.error().message);
  } else {
    Batch batch;
    while (!stopped() && next_batch(batch) && send_until_taken(**client, batch)) {
    }
  }
  --working;
}

void show_progress(const SendArguments& options, const InputFile& input, const Sender& sender, Clock::time_point begin,
                   bool last) {
  if (options.quiet || (isatty(STDERR_FILENO) == 0 && !last)) {
    return;
  }
  double share =
      input.packed_size() > 0 ? static_cast<double>(input.packed_read()) / static_cast<double>(input.packed_size()) : 0;
  auto width = static_cast<int>(share * 30);
  std::string bar =
      input.packed_size() > 0
          ? fmt::format("[{:<30}] {:3.0f}% ", std::string(static_cast<std::size_t>(width), '#'), share * 100)
          : "";
  double seconds = std::max(seconds_since(begin), 0.001);
  fmt::print(stderr, "{}{}{} events accepted, {} rejected, {:.0f} events/s{}",
             isatty(STDERR_FILENO) != 0 ? "\r\x1b[K" : "", bar, sender.accepted.load(), sender.rejected.load(),
             static_cast<double>(sender.accepted) / seconds, last ? "\n" : "");
  std::fflush(stderr);
}

Result<void> skip_to(InputFile& input, std::uint64_t offset) {
  std::string skipped;
  while (input.unpacked_offset() < offset) {
    skipped.clear();
    MR_ASSIGN(std::size_t lines, input.read_lines(skipped, 1, 1));
    if (lines == 0) {
      break;
    }
  }
  return {};
}

int finish(const SendArguments& options, SendState& state, Sender& sender) {
  if (sender.stopped()) {
    state.save();
    std::string again = options.file == "-" ? "" : "; the same command goes on from here (--restart begins anew)";
    return fail((sender.error.empty() ? std::string("interrupted") : sender.error) + again);
  }
  state.remove();
  if (sender.rejected > 0) {
    return fail(fmt::format("{} events were rejected (kept as failed events, GET /v1/failed), for example:{}",
                            sender.rejected.load(), sender.examples));
  }
  return 0;
}

int send(const SendArguments& options) {
  Result<std::unique_ptr<InputFile>> input = InputFile::open(options.file);
  if (!input.ok()) {
    return fail(input.error().message);
  }
  SendState state(options.file, options.connection.url);
  if (options.restart) {
    state.begin_anew();
  }
  if (state.resume_at() > 0) {
    fmt::print(stderr, "going on at byte {} of {} (unpacked), from {}\n", state.resume_at(), options.file,
               state.file());
    if (Result<void> skipped = skip_to(**input, state.resume_at()); !skipped.ok()) {
      return fail(skipped.error().message);
    }
  }
  signal(SIGINT, [](int) { interrupted = true; });
  signal(SIGTERM, [](int) { interrupted = true; });

  Sender sender(options, **input, state);
  unsigned threads = options.file == "-" ? 1 : options.connections;  // a pipe keeps its order
  sender.working = threads;
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < threads; ++i) {
    workers.emplace_back([&sender] { sender.work(); });
  }
  Clock::time_point begin = Clock::now();
  for (int tick = 1; sender.working > 0; ++tick) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (tick % 10 == 0) {
      show_progress(options, **input, sender, begin, false);
    }
    if (tick % 50 == 0) {
      state.save();
    }
  }
  for (std::thread& worker : workers) {
    worker.join();
  }
  show_progress(options, **input, sender, begin, true);
  return finish(options, state, sender);
}

}  // namespace

void add_send(CLI::App& program, Outcome& outcome) {
  CLI::App* command =
      program.add_subcommand("send", "Send events from a file or standard input (NDJSON; .zst and .gz are unpacked)");
  auto options = std::make_shared<SendArguments>();  // kept by the callback
  options->connection.add_to(*command);
  command->add_option("file", options->file, "The file, or - for standard input")->required();
  command->add_option("--batch", options->batch, "Events in a request")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command->add_option("--connections", options->connections, "Requests at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->add_flag("--restart", options->restart,
                    "Begin anew instead of going on where the last sending of this file stopped");
  command->add_flag("--quiet", options->quiet, "No progress");
  command->footer(
      "Examples:\n"
      "  millrace send events.ndjson.zst --key $KEY\n"
      "  tail -F actions.ndjson | millrace send - --batch 100 --key $KEY\n"
      "An event that has a message_id counts once, however often it is sent.");
  command->callback([options, &outcome] { outcome.exit_code = send(*options); });
}

}  // namespace millrace::cmd
