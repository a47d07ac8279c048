#pragma once
// What a load did, in words, as JSON and as a picture.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "load/load.h"

namespace millrace::load {

// What the server says afterwards. Numbers are events.
struct Proof {
  std::uint64_t log = 0;      // that the log grew by
  std::uint64_t stored = 0;   // rows that the store grew by
  std::uint64_t repeats = 0;  // recognised as sent before
  std::uint64_t failed = 0;   // could not be stored
  std::uint64_t lost = 0;
  std::uint64_t counted = 0;      // by a query for this run's events alone
  std::uint64_t counted_min = 0;  // what `counted` has to be at least: accepted and not a repeat
  std::uint64_t counted_max = 0;  // and at most: with those whose outcome is unknown
  bool others = false;            // somebody else sent meanwhile, so `log` and `stored` aren't this run's alone
  bool audit_holds = false;       // the server's own: stored until = rows + repeats + failed, none lost
  double seconds = 0;             // from the last answer until everything was stored

  bool holds() const {
    return audit_holds && lost == 0 && counted >= counted_min && counted <= counted_max &&
           (others || stored == counted);
  }
};

// Lines for a terminal. Without a proof it says why in `no_proof`.
std::string report_text(const LoadOptions& options, const LoadReport& report, const std::optional<Proof>& proof,
                        const std::string& no_proof);
// One object: what was asked for, totals, latencies in microseconds, seconds, proof.
std::string report_json(const LoadOptions& options, const LoadReport& report, const std::optional<Proof>& proof);
// SVG: events a second, accepted and refused, above latencies by the second on a logarithmic scale.
std::string report_picture(const LoadOptions& options, const LoadReport& report);

// What happened in a second, for whoever watches: a line without its end.
std::string second_text(const Second& second);

// "why; advice", whether or not the reason is a sentence with its full stop.
std::string with_advice(std::string why, std::string_view advice);

// "1.24 ms"
std::string format_latency(TimeNs duration);
// 1234567 as "1,234,567"
std::string format_count(std::uint64_t number);

}  // namespace millrace::load
