#include "demo/story.h"

#include <algorithm>
#include <cmath>

namespace millrace {
namespace {

constexpr TimeNs kSecond = 1'000'000'000;
constexpr TimeNs kMinute = 60 * kSecond;
constexpr TimeNs kHour = 60 * kMinute;
constexpr TimeNs kDay = 24 * kHour;

constexpr TimeNs kLaunchAge = 5 * kHour;
constexpr double kQuietShare = 1.0 / 150;  // of the traffic after the launch
constexpr TimeNs kIncidentAge = 2 * kHour;
constexpr TimeNs kIncidentLength = 25 * kMinute;
constexpr TimeNs kSlowReleaseAge = 3 * kDay;
constexpr TimeNs kSlowReleaseLength = 9 * kHour;

double seconds(TimeNs time) { return static_cast<double>(time) / static_cast<double>(kSecond); }

// 0 … 1 … 0 over the length of something that begins at `begin`.
double swell(TimeNs at, TimeNs begin, TimeNs length) {
  double share = seconds(at - begin) / seconds(length);
  return share < 0 || share > 1 ? 0 : std::sin(share * M_PI);
}

}  // namespace

TimeNs Story::begin() const { return options_.now - options_.days * kDay; }
TimeNs Story::launch_begin() const { return options_.now - std::min(kLaunchAge, options_.days * kDay); }

// Users in Europe and America: busiest at 15:00 UTC, a third as busy at night; weekends have 60%.
double Story::rhythm(TimeNs at) const {
  double hour = static_cast<double>(at % kDay) / static_cast<double>(kHour);
  double daily = 1.0 + 0.55 * std::cos((hour - 15.0) / 24.0 * 2.0 * M_PI) + 0.1 * std::cos((hour - 20.0) / 6.0 * M_PI);
  TimeNs weekday = (at / kDay + 3) % 7;  // 1970-01-01 was a Thursday; 0 is Monday
  return daily * (weekday >= 5 ? 0.6 : 1.0);
}

double Story::events_per_second(TimeNs at) const {
  double loud = options_.events_per_second;
  if (at >= options_.now) {
    return loud * (1.0 + 0.12 * std::sin(seconds(at % kHour) / 47.0) + 0.05 * std::sin(seconds(at % kHour) / 7.0));
  }
  double quiet = loud * kQuietShare * rhythm(at) * (1.0 + 0.02 * seconds(at - begin()) / seconds(kDay));
  double progress = std::clamp(seconds(at - launch_begin()) / seconds(options_.now - launch_begin()), 0.0, 1.0);
  double lost = in_incident(at) ? 0.55 * swell(at, options_.now - kIncidentAge, kIncidentLength) : 0.0;
  return quiet * std::pow(loud / quiet, progress) * (1.0 - lost);
}

bool Story::in_incident(TimeNs at) const {
  TimeNs begin = options_.now - kIncidentAge;
  return at >= begin && at < begin + kIncidentLength;
}

bool Story::in_slow_release(TimeNs at) const {
  TimeNs begin = options_.now - kSlowReleaseAge;
  return at >= begin && at < begin + kSlowReleaseLength;
}

double Story::failing(TimeNs at) const {
  return 0.004 + 0.35 * swell(at, options_.now - kIncidentAge, kIncidentLength);
}

double Story::slowness(TimeNs at) const {
  double release = in_slow_release(at) ? 1.6 : 0.0;
  return 1.0 + release + 6.0 * swell(at, options_.now - kIncidentAge, kIncidentLength);
}

std::string_view Story::version(TimeNs at) const {
  if (in_slow_release(at)) {
    return "4.2.0";
  }
  if (at < options_.now - kSlowReleaseAge + kSlowReleaseLength) {
    return "4.1.3";
  }
  return launched(at) ? "5.0.0" : "4.1.4";
}

}  // namespace millrace
