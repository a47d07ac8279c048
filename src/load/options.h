#pragma once
// What a load is made of.

#include <cstdint>
#include <string>

#include "base/strong.h"

namespace millrace::load {

// Events as an application's users cause them.
struct EventOptions {
  std::uint32_t users = 100'000;
  double zipf = 1.1;  // exponent of the users' popularity
  std::uint32_t paths = 5'000;
  std::uint32_t projects = 50;
  std::uint32_t bytes_min = 200;  // of an event with its newline; what an event needs at least is about 270
  std::uint32_t bytes_max = 400;
  double repeats = 0.01;              // share of events that were acknowledged before
  double late = 0.02;                 // share of events that happened up to late_max ago
  TimeNs late_max = 600'000'000'000;  // ns
  double malformed = 0.001;           // share of lines that are no JSON
  std::string run = "00000000";       // 8 hexadecimal digits: begin of every message_id, and the property `run`
  std::string head = "/v1/events HTTP/1.1\r\nHost: load\r\n";  // target and header fields of each request
};

struct LoadOptions {
  EventOptions events;
  std::string host = "127.0.0.1";
  std::string port = "8080";
  double rate = 20'000;            // events a second over all processes; 0: closed loop, as fast as answers come
  std::uint32_t batch = 100;       // events a request
  std::uint32_t connections = 64;  // over all processes
  std::uint32_t processes = 1;
  TimeNs duration = 10'000'000'000;
  TimeNs ramp = 0;
  std::uint64_t requests_max = 0;  // ends the load earlier; 0: no bound
  TimeNs drain = 10'000'000'000;   // for answers that are still missing at the end
  std::uint64_t seed = 1;
};

}  // namespace millrace::load
