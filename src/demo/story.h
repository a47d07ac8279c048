#pragma once
// What happened to the made-up product, and when: how much traffic there was at any time, and how well it went. All
// times are nanoseconds since 1970, UTC; `now` is the moment at which the demonstration was begun.

#include <string_view>

#include "base/strong.h"

namespace millrace {

struct StoryOptions {
  TimeNs now = 0;
  int days = 14;                   // of history before `now`
  double events_per_second = 500;  // from `now` on
};

class Story {
 public:
  explicit Story(const StoryOptions& options) : options_(options) {}

  TimeNs begin() const;
  // Quiet weeks with the rhythm of days and weekdays; five hours before `now` the product is launched and traffic
  // grows until it is what it stays at.
  double events_per_second(TimeNs at) const;
  // Share of calls that fail: an incident of 25 minutes, two hours before `now`.
  double failing(TimeNs at) const;
  // How many times slower than usual: the incident, and a release three days before `now` that was rolled back after
  // nine hours.
  double slowness(TimeNs at) const;
  std::string_view version(TimeNs at) const;
  bool launched(TimeNs at) const { return at >= launch_begin(); }

 private:
  TimeNs launch_begin() const;
  double rhythm(TimeNs at) const;
  bool in_incident(TimeNs at) const;
  bool in_slow_release(TimeNs at) const;

  const StoryOptions options_;
};

}  // namespace millrace
