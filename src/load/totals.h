#pragma once
// What a sending process counts, in memory that it shares with whoever started it.

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "load/histogram.h"

namespace millrace::load {

// Written by one process, read by others at any time.
class Count {
 public:
  Count() = default;
  Count(const Count& other) { *this = other; }
  Count& operator=(const Count& other) {
    value_.store(other.get(), std::memory_order_relaxed);
    return *this;
  }
  void add(std::uint64_t by) { value_.store(get() + by, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

struct Totals {
  Count requests;          // answered with 200, or with 400 because every event was bad
  Count accepted;          // events, by the server's word
  Count rejected;          // events, by the server's word
  Count repeats;           // of the accepted ones: acknowledged before
  Count malformed;         // events sent in requests that were answered so
  Count refused_requests;  // 429 and 503
  Count refused;           // events in them
  Count failed_requests;   // answered otherwise
  Count failed;            // events in them
  Count unknown_requests;  // sent, at least in part, and not answered
  Count unknown;           // events in them
  Count unsent_requests;   // due, but not sent until the end: every connection was waiting for an answer, or, of them,
  Count unsent_unconnected;  // there was none,
  Count unsent_at_end;       // or one was free, but the end came first
  Count connects;
  Count bytes;  // of the answered requests
  Histogram
      latency;  // of `requests`, from the moment they were due; unsent ones with how long they waited until the end
  Histogram service;   // of `requests`, from the moment they were sent
  Histogram refusals;  // of `refused_requests`, from the moment they were sent

  void add(const Totals& other);
};

// The first thing that went wrong, in a process's own words.
class Trouble {
 public:
  void say(std::string_view text) {
    if (size_.load(std::memory_order_relaxed) == 0) {
      std::size_t size = text.copy(text_.data(), text_.size());
      size_.store(size, std::memory_order_release);
    }
  }
  std::string_view text() const { return {text_.data(), size_.load(std::memory_order_acquire)}; }

 private:
  std::array<char, 400> text_{};
  std::atomic<std::size_t> size_ = 0;
};

// One process's part of the shared memory.
struct Slot {
  Totals totals;
  Trouble trouble;
  std::atomic<bool> connected = false;  // has sent its first request
  // The last answer's time (monotonic), 0 before the first; and the longest time that requests waited and none came.
  std::atomic<TimeNs> answered_at = 0;
  std::atomic<TimeNs> silence = 0;
};

}  // namespace millrace::load
