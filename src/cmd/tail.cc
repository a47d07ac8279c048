// millrace tail: the latest events, and then those that arrive, one JSON object a line.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <set>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <signal.h>

#include "cmd/command.h"
#include "cmd/connection.h"

namespace millrace::cmd {
namespace {

constexpr std::size_t kPageEvents = 1000;  // of one request while following
constexpr std::size_t kSeenMax = 100'000;  // places that are remembered so as not to be shown twice

struct TailArguments {
  Connection connection;
  std::size_t lines = 10;
  bool no_follow = false;
  std::string where;
  std::string range = "24h";
};

std::atomic<bool> over{false};

// Places of events that were shown, the oldest forgotten first.
class Seen {
 public:
  bool add(const std::string& place) {
    if (!places_.insert(place).second) {
      return false;
    }
    order_.push_back(place);
    if (order_.size() > kSeenMax) {
      places_.erase(order_.front());
      order_.pop_front();
    }
    return true;
  }

 private:
  std::set<std::string> places_;
  std::deque<std::string> order_;
};

Result<Json> latest(const TailArguments& options, std::size_t limit) {
  std::string target = fmt::format("/v1/events?limit={}&range={}", limit, http::percent_encode(options.range));
  if (!options.where.empty()) {
    target += "&where=" + http::percent_encode(options.where);
  }
  return ask(options.connection, "GET", target);
}

// Oldest first, so that the newest is at the bottom; those beyond `lines` only count as seen.
void show(const Json& answer, Seen& seen, std::size_t lines) {
  const Json* events = answer.find("events");
  if (events == nullptr) {
    return;
  }
  std::vector<const Json*> fresh;
  for (const Json& event : events->items()) {
    const Json* place = event.find("place");
    if (place != nullptr && seen.add(place->text()) && fresh.size() < lines) {
      fresh.push_back(&event);
    }
  }
  std::for_each(fresh.rbegin(), fresh.rend(),
                [](const Json* event) { fmt::print("{}\n", JsonWriter().value(*event).text()); });
  std::fflush(stdout);
}

int run(const TailArguments& options) {
  signal(SIGINT, [](int) { over = true; });
  signal(SIGTERM, [](int) { over = true; });
  Seen seen;
  Result<Json> answer = latest(options, options.no_follow ? std::max<std::size_t>(options.lines, 1) : kPageEvents);
  if (!answer.ok()) {
    return fail(answer.error().message);
  }
  show(*answer, seen, options.lines);
  bool told = false;
  while (!options.no_follow && !over) {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    answer = latest(options, kPageEvents);
    if (!answer.ok() && !told) {
      fmt::print(stderr, "millrace: {}; trying on\n", answer.error().message);
    }
    told = !answer.ok();
    if (answer.ok()) {
      show(*answer, seen, kPageEvents);
    }
  }
  return 0;
}

}  // namespace

void add_tail(CLI::App& program, Outcome& outcome) {
  CLI::App* command = program.add_subcommand("tail", "Show the latest events, and follow");
  auto options = std::make_shared<TailArguments>();  // kept by the callback
  options->connection.add_to(*command);
  command->add_option("--lines,-n", options->lines, "Events to begin with")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  command->add_flag("--no-follow", options->no_follow, "End after these");
  command->add_option("--where,-w", options->where, "Only these events, e.g. 'event = purchase'");
  command->add_option("--range", options->range, "How far back by event time; late events beyond it are not shown")
      ->capture_default_str();
  command->footer(
      "Examples:\n  millrace tail\n  millrace tail -n 100 --no-follow --where 'properties.plan = pro' | jq .user_id");
  command->callback([options, &outcome] { outcome.exit_code = run(*options); });
}

}  // namespace millrace::cmd
