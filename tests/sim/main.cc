// millrace_sim [--seed FIRST] [--seeds COUNT] [--seconds MOST] [--jobs N] [--trace] [--sabotage NAME [--expect]]
//
// Runs worlds (world.h) from their seeds. With --trace what happens in them is told; the log of the program goes to
// standard error then. Ends with 1 at the first seed that fails; with --expect, when none does.

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sabotage.h"
#include "world.h"

namespace millrace {
namespace {

struct Arguments {
  std::uint64_t seed = 1;
  std::uint64_t seeds = 1000;
  double seconds = 0;  // 0: no bound
  unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
  bool trace = false;
  std::string sabotage;
  bool expect = false;
};

thread_local std::uint64_t current_seed = 0;
std::atomic<bool> failure_is_expected = false;

// An invariant of the program that breaks ends the process: the seed is told first. A sabotage is found out by that,
// too.
void tell_seed(int) {
  char line[64];
  int size = std::snprintf(line, sizeof line, "%s with SEED=%llu: it ended itself\n",
                           failure_is_expected ? "found" : "FAILED", static_cast<unsigned long long>(current_seed));
  (void)!::write(STDOUT_FILENO, line, static_cast<std::size_t>(size));
  if (failure_is_expected) {
    std::_Exit(0);
  }
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

class Campaign {
 public:
  explicit Campaign(const Arguments& arguments) : arguments_(arguments) {}

  int run() {
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < arguments_.jobs; ++i) {
      threads.emplace_back([this] { work(); });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    double seconds = seconds_since(begin_);
    fmt::print("{} seeds from {} on, {} requests, {:.1f} s, {:.0f} seeds a minute: {}\n", done_.load(), arguments_.seed,
               requests_.load(), seconds, static_cast<double>(done_) * 60 / seconds, verdict());
    return failed_ != arguments_.expect ? 1 : 0;
  }

 private:
  std::string_view verdict() const {
    if (arguments_.expect) {
      return failed_ ? "the sabotage was found" : "FAILED, the sabotage was not found";
    }
    return failed_ ? "FAILED" : "all that was promised held";
  }

  void work() {
#ifdef MILLRACE_SABOTAGE_SWITCH
    sabotage = sabotage_named(arguments_.sabotage);
#endif
    while (!failed_) {
      std::uint64_t at = next_++;
      bool late = arguments_.seconds > 0 && seconds_since(begin_) >= arguments_.seconds;
      if (at >= arguments_.seeds || late) {
        return;
      }
      current_seed = arguments_.seed + at;
      World world(current_seed, arguments_.trace);
      std::optional<std::string> wrong = world.run();
      requests_ += world.requests();
      std::lock_guard lock(mutex_);
      ++done_;
      if (wrong) {
        failed_ = true;
        fmt::print("{} with SEED={}, seed {} of this run, after {:.1f} s: {}\n", arguments_.expect ? "found" : "FAILED",
                   current_seed, at + 1, seconds_since(begin_), *wrong);
      } else if (seconds_since(begin_) >= told_ + 10) {
        told_ = seconds_since(begin_);
        fmt::print("    {} of {} seeds, {:.0f} s\n", done_.load(), arguments_.seeds, told_);
      }
      std::fflush(stdout);
    }
  }

  const Arguments arguments_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::atomic<std::uint64_t> next_ = 0;
  std::atomic<std::uint64_t> done_ = 0;
  std::atomic<std::uint64_t> requests_ = 0;
  std::atomic<bool> failed_ = false;
  std::mutex mutex_;  // for lines, and told_
  double told_ = 0;
};

bool parse(int count, char** words, Arguments& into) {
  for (int i = 1; i < count; ++i) {
    std::string word = words[i];
    bool has_value = i + 1 < count;
    if (word == "--trace") {
      into.trace = true;
    } else if (word == "--expect") {
      into.expect = true;
    } else if (word == "--seed" && has_value) {
      into.seed = std::strtoull(words[++i], nullptr, 10);
    } else if (word == "--seeds" && has_value) {
      into.seeds = std::strtoull(words[++i], nullptr, 10);
    } else if (word == "--seconds" && has_value) {
      into.seconds = std::strtod(words[++i], nullptr);
    } else if (word == "--jobs" && has_value) {
      into.jobs = static_cast<unsigned>(std::max(1L, std::strtol(words[++i], nullptr, 10)));
    } else if (word == "--sabotage" && has_value) {
      into.sabotage = words[++i];
    } else {
      return false;
    }
  }
#ifdef MILLRACE_SABOTAGE_SWITCH
  return into.sabotage.empty() || sabotage_named(into.sabotage) != Sabotage::kNone;
#else
  return into.sabotage.empty();  // it is built in, or it isn't there
#endif
}

int run(int count, char** words) {
  Arguments arguments;
  if (!parse(count, words, arguments)) {
    fmt::print(stderr, "see the head of tests/sim/main.cc for what {} understands\n", words[0]);
    return 2;
  }
  if (arguments.trace) {
    arguments.jobs = 1;
  } else {
    configure_log(LogLevel::kNothing, LogFormat::kText);  // thousands of disasters, each with its complaints
  }
  failure_is_expected = arguments.expect;
  std::signal(SIGABRT, tell_seed);
  return Campaign(arguments).run();
}

}  // namespace
}  // namespace millrace

int main(int count, char** words) { return millrace::run(count, words); }
