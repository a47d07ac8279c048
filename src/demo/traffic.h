#pragma once
// The traffic of a made-up product, "Fable", in which teams draw and write together: users come, look around, work,
// buy, meet errors, and leave. From a seed; the same seed and story give the same events with the same ids.

#include <cstdint>
#include <queue>
#include <string>
#include <vector>

#include "base/chance.h"
#include "demo/story.h"

namespace millrace {

struct TrafficOptions {
  std::uint64_t seed = 1;
  std::uint32_t users = 100'000;
  std::string id_prefix;     // of every message_id: letters and digits, at most 40
  std::uint64_t people = 1;  // seed of the users: the same ones in every traffic that has it
};

class Traffic {
 public:
  // Events from `from` on, of sessions that began before it too.
  Traffic(const Story& story, const TrafficOptions& options, TimeNs from);

  // Appends events before `until` as lines of JSON, in the order of their times, at most `events_max`; gives their
  // number. Less than `events_max` means that all before `until` have been given.
  std::size_t write_until(TimeNs until, std::size_t events_max, std::string& lines);
  // Time of the newest event that was given.
  TimeNs at() const { return at_; }

 private:
  struct Session {
    TimeNs next = 0;  // of its next event
    std::uint64_t number = 0;
    std::uint32_t user = 0;  // rank: 0 is the most active one
    std::uint16_t step = 0;
    std::uint16_t steps = 0;
    bool known = true;  // has logged in; else it has an anonymous id alone
    bool operator>(const Session& other) const { return next > other.next; }
  };

  void plan_arrival();
  void begin_session();
  std::uint32_t draw_user();
  void write_event(Session& session, std::string& lines);
  void write_step(const Session& session, const char*& name, std::string& properties);

  const Story& story_;
  const TrafficOptions options_;
  Chance chance_;
  TimeNs at_;
  TimeNs arrival_;
  std::uint64_t sessions_ = 0;
  std::uint64_t events_ = 0;
  std::priority_queue<Session, std::vector<Session>, std::greater<>> active_;
  std::string properties_;
};

}  // namespace millrace
