#include "client.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "store/memory/memory_store.h"

namespace millrace {

SentEvent Client::draw_event(TimeNs now) {
  SentEvent event;
  event.event = random_.chance(20) ? std::string(MemoryStore::kRefusedEvent) : fmt::format("e{}", random_.below(3));
  if (!random_.chance(200)) {
    event.user_id = fmt::format("u{}", random_.below(5));
  } else if (!random_.chance(200)) {
    event.anonymous_id = fmt::format("a{}", random_.below(5));
  }
  if (random_.chance(600)) {  // mostly one of the latest, so that repeats come soon as well as late
    std::uint64_t newest = ledger_.events.size() / 2;
    event.id = fmt::format("m{}", newest - std::min(newest, random_.below(1 + random_.below(40))));
    event.id_kind = IdKind::kMessage;
  }
  if (random_.chance(500)) {
    TimeNs late = static_cast<TimeNs>(random_.chance(100) ? random_.below(100'000'000) : random_.below(100));
    event.time = now / 1'000'000'000 * 1'000'000'000 - late * 1'000'000'000;
  }
  event.valid = !random_.chance(60);
  return event;
}

std::string Client::write(const SentEvent& event, std::uint64_t number) {
  if (!event.valid) {
    switch (random_.below(3)) {
      case 0:
        return fmt::format(R"({{"event":7,"properties":{{"n":{},"f":0}}}})", number);
      case 1:
        return fmt::format(R"({{"properties":{{"n":{},"f":0}}}})", number);
      default:
        return fmt::format(R"({{"event":"e","user_id":"u","properties":{{"n":{},"x":1e400}}}})", number);
    }
  }
  std::string text = fmt::format(R"({{"event":"{}")", event.event);
  const std::pair<const char*, const std::string*> texts[] = {{"user_id", &event.user_id},
                                                              {"anonymous_id", &event.anonymous_id}};
  for (const auto& [key, value] : texts) {
    if (!value->empty()) {
      text += fmt::format(R"(,"{}":"{}")", key, *value);
    }
  }
  if (event.id_kind == IdKind::kMessage) {
    text += fmt::format(R"(,"message_id":"{}")", event.id);
  }
  if (event.time != kNoTime) {
    text += fmt::format(R"(,"timestamp":{})", event.time / 1'000'000);
  }
  std::string filler(random_.chance(50) ? random_.below(3000) : random_.below(60), 'x');
  return text + fmt::format(R"(,"properties":{{"n":{},"f":"{}"}}}})", number, filler);
}

std::uint64_t Client::make_new(TimeNs now) {
  SentRequest request;
  request.first = ledger_.events.size();
  request.count = 1 + random_.below(random_.chance(100) ? 20 : 4);
  request.lines = random_.coin();
  if (random_.chance(250)) {
    request.idempotency_key = fmt::format("k{}", keys_++);
  }
  bool array = !request.lines && (request.count > 1 || random_.coin());
  for (std::uint64_t i = 0; i < request.count; ++i) {
    SentEvent event = draw_event(now);
    event.request = ledger_.requests.size();
    request.body += i > 0 ? (array ? "," : "\n") : "";
    request.body += write(event, request.first + i);
    if (event.id_kind == IdKind::kNone && !request.idempotency_key.empty()) {
      event.id_kind = IdKind::kBatch;
      event.id = request.idempotency_key + '\0' + fmt::format("{}", i);
    }
    ledger_.events.push_back(std::move(event));
  }
  request.body = array ? "[" + request.body + "]" : request.body;
  if (array && random_.chance(30)) {
    request.readable = false;
    request.body.pop_back();
  }
  ledger_.requests.push_back(std::move(request));
  return ledger_.requests.size() - 1;
}

// The same events once more, each under a number of its own.
std::uint64_t Client::repeat() {
  std::uint64_t newest = ledger_.requests.size() - 1;
  SentRequest request = ledger_.requests[newest - std::min(newest, random_.below(1 + random_.below(20)))];
  std::uint64_t first = ledger_.events.size();
  for (std::uint64_t i = 0; i < request.count; ++i) {
    SentEvent event = ledger_.events[request.first + i];
    event.acknowledged = false;
    event.request = ledger_.requests.size();
    std::string old_number = fmt::format("\"n\":{},", request.first + i);
    std::size_t at = request.body.find(old_number);
    request.body.replace(at, old_number.size(), fmt::format("\"n\":{},", first + i));
    ledger_.events.push_back(std::move(event));
  }
  request.first = first;
  request.status = 0;
  ledger_.requests.push_back(std::move(request));
  return ledger_.requests.size() - 1;
}

std::uint64_t Client::make(TimeNs now) {
  return !ledger_.requests.empty() && random_.chance(250) ? repeat() : make_new(now);
}

}  // namespace millrace
