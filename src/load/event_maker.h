#pragma once
// Requests with events, made before the load begins and brought up to date in place: ids, users, times and paths are
// overwritten where they stand, so that an event costs some ten nanoseconds and no allocation.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/strong.h"
#include "load/options.h"
#include "load/popularity.h"

namespace millrace::load {

// An event that may be sent again once it is acknowledged.
struct Sent {
  std::uint64_t number = 0;
  std::uint32_t user = 0;
};

struct Request {
  std::string_view bytes;  // head and body
  std::uint32_t events = 0;
  std::uint32_t repeats = 0;    // of them: acknowledged before
  std::uint32_t malformed = 0;  // of them
  std::array<Sent, 4> sent{};   // some of the others
  std::uint32_t sent_count = 0;
};

class EventMaker {
 public:
  // Makers with different `process` numbers (below 256) make different ids.
  EventMaker(const EventOptions& options, std::uint32_t batch, std::uint64_t seed, std::uint32_t process);

  // The next request, as of `now` (wall clock). Its bytes hold until next() has been called requests() times more.
  Request next(TimeNs now);
  // Everything of `request` was accepted: its events may be repeated from now on.
  void acknowledged(const Request& request);

  std::size_t requests() const { return templates_.size(); }

 private:
  // Where an event's changing parts begin in its request.
  struct Places {
    std::uint32_t user, session, time, id, path, end;
  };
  struct Template {
    std::string bytes;
    std::vector<Places> places;
  };

  Template make_template(std::uint32_t batch);
  void append_event(std::string& to, Places& places);
  void write_time(char* to, TimeNs time);

  const EventOptions options_;
  Chance chance_;
  Popularity users_;
  std::uint32_t process_;
  std::vector<Template> templates_;
  std::size_t next_template_ = 0;
  std::uint64_t next_number_ = 0;
  std::vector<Sent> known_;  // a ring of acknowledged events
  std::size_t next_known_ = 0;
  std::array<char, 24> second_text_{};  // the time in text, of `second_`
  TimeNs second_ = -1;
};

}  // namespace millrace::load
