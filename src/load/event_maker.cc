#include "load/event_maker.h"

#include <algorithm>
#include <cstring>
#include <ctime>

#include <fmt/format.h>

namespace millrace::load {
namespace {

constexpr std::uint32_t kTemplateEvents = 8192;  // different events at least, over all requests
constexpr std::size_t kTemplatesMin = 16;
constexpr std::size_t kKnownMax = 4096;

constexpr const char* kNames[] = {"page_view", "click", "search", "add_to_cart", "checkout", "purchase", "login",
                                  "logout",    "share", "like",   "comment",     "upload",   "download", "play",
                                  "pause",     "error", "signup", "invite",      "rate",     "refund"};
constexpr const char* kPlans[] = {"free", "pro", "team", "enterprise"};

// "0000" … "9999", one behind the other.
std::string four_digits() {
  std::string table;
  for (int i = 0; i < 10'000; ++i) {
    table += fmt::format("{:04}", i);
  }
  return table;
}

void write4(char* to, std::uint32_t number) {
  static const std::string table = four_digits();
  std::memcpy(to, table.data() + std::size_t{4} * number, 4);
}

void write8(char* to, std::uint32_t number) {
  write4(to, number / 10'000);
  write4(to + 4, number % 10'000);
}

// An event's id: 8 digits of the run, 2 of the process, 10 of its number.
constexpr std::size_t kIdPrefix = 8;

void write_number(char* to, std::uint64_t number) {
  write4(to + 6, static_cast<std::uint32_t>(number % 10'000));
  write4(to + 2, static_cast<std::uint32_t>(number / 10'000 % 10'000));
  to[1] = static_cast<char>('0' + number / 100'000'000 % 10);
  to[0] = static_cast<char>('0' + number / 1'000'000'000 % 10);
}

}  // namespace

EventMaker::EventMaker(const EventOptions& options, std::uint32_t batch, std::uint64_t seed, std::uint32_t process)
    : options_(options),
      chance_(seed * 1'000'003 + process),
      users_(options.users, options.zipf),
      process_(process),
      next_number_(0) {
  std::size_t count = std::max<std::size_t>(kTemplatesMin, kTemplateEvents / batch);
  templates_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    templates_.push_back(make_template(batch));
  }
  known_.reserve(kKnownMax);
}

EventMaker::Template EventMaker::make_template(std::uint32_t batch) {
  std::string body;
  std::vector<Places> places(batch);
  for (Places& event : places) {
    append_event(body, event);
  }
  std::string head = fmt::format("POST {}Content-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
                                 options_.head, body.size());
  auto by = static_cast<std::uint32_t>(head.size());
  for (Places& event : places) {
    for (std::uint32_t* place : {&event.user, &event.session, &event.time, &event.id, &event.path, &event.end}) {
      *place += by;
    }
  }
  return {head + body, std::move(places)};
}

void EventMaker::append_event(std::string& to, Places& places) {
  std::size_t begin = to.size();
  auto here = [&to] { return static_cast<std::uint32_t>(to.size()); };
  to += fmt::format(R"({{"event":"{}","user_id":"u)", kNames[chance_.below(std::size(kNames))]);
  places.user = here();
  to += R"(00000000","session_id":"s)";
  places.session = here();
  to += fmt::format(R"(00000000x{:02}","timestamp":")", chance_.below(50));
  places.time = here();
  to += R"(2000-01-01T00:00:00.000Z","message_id":")";
  places.id = here();
  to += fmt::format(R"({}{:02x}0000000000","properties":{{"path":"/p/)", options_.run, process_);
  places.path = here();
  to += fmt::format(R"(0000","project":"project-{:02}","plan":"{}","price":{}.{:02},"items":{},"mobile":{},"run":"{}")",
                    chance_.below(options_.projects), kPlans[chance_.below(4)], chance_.below(500), chance_.below(100),
                    chance_.below(20), chance_.below(2) == 0 ? "true" : "false", options_.run);
  constexpr std::string_view kNote = R"(,"note":"")";
  std::size_t wanted = options_.bytes_min + chance_.below(options_.bytes_max - options_.bytes_min + 1);
  std::size_t has = to.size() - begin + 3;  // with the end of the line
  if (has + kNote.size() < wanted) {
    to += kNote;
    to.pop_back();
    for (std::size_t left = wanted - has - kNote.size(); left > 0; --left) {
      to += static_cast<char>('a' + chance_.below(26));
    }
    to += '"';
  }
  to += '}';
  places.end = here();
  to += "}\n";
}

void EventMaker::write_time(char* to, TimeNs time) {
  TimeNs second = time / 1'000'000'000;
  if (second != second_) {
    auto seconds = static_cast<std::time_t>(second);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    fmt::format_to_n(second_text_.data(), second_text_.size(), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.000Z",
                     parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
    second_ = second;
  }
  std::memcpy(to, second_text_.data(), second_text_.size());
  auto ms = static_cast<unsigned>(time % 1'000'000'000 / 1'000'000);
  to[20] = static_cast<char>('0' + ms / 100);
  to[21] = static_cast<char>('0' + ms / 10 % 10);
  to[22] = static_cast<char>('0' + ms % 10);
}

Request EventMaker::next(TimeNs now) {
  Template& at = templates_[next_template_];
  next_template_ = next_template_ + 1 == templates_.size() ? 0 : next_template_ + 1;
  Request request;
  request.bytes = at.bytes;
  request.events = static_cast<std::uint32_t>(at.places.size());
  for (const Places& places : at.places) {
    char* bytes = at.bytes.data();
    Sent event{next_number_, users_.pick(chance_)};
    bool malformed = chance_.happens(options_.malformed);
    bytes[places.end] = malformed ? ',' : '}';
    if (malformed) {
      ++request.malformed;
      ++next_number_;
    } else if (!known_.empty() && chance_.happens(options_.repeats)) {
      event = known_[chance_.below(static_cast<std::uint32_t>(known_.size()))];
      ++request.repeats;
    } else {
      ++next_number_;
      if (request.sent_count < request.sent.size()) {
        request.sent[request.sent_count++] = event;
      }
    }
    write8(bytes + places.user, event.user);
    write8(bytes + places.session, event.user);
    write_number(bytes + places.id + kIdPrefix + 2, event.number);
    write4(bytes + places.path, chance_.below(options_.paths));
    if (chance_.happens(options_.late)) {
      auto ms = static_cast<std::uint32_t>(options_.late_max / 1'000'000);
      TimeNs kept = second_;
      std::array<char, 24> kept_text = second_text_;
      write_time(bytes + places.time, now - TimeNs{chance_.below(ms)} * 1'000'000);
      second_ = kept;
      second_text_ = kept_text;
    } else {
      write_time(bytes + places.time, now);
    }
  }
  return request;
}

void EventMaker::acknowledged(const Request& request) {
  for (std::uint32_t i = 0; i < request.sent_count; ++i) {
    if (known_.size() < kKnownMax) {
      known_.push_back(request.sent[i]);
    } else {
      known_[next_known_] = request.sent[i];
      next_known_ = (next_known_ + 1) % kKnownMax;
    }
  }
}

}  // namespace millrace::load
