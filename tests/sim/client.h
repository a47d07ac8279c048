#pragma once
// Makes requests as real clients do: single events, arrays and lines; repeats with the same id or the same
// Idempotency-Key; late events; events that make no sense among good ones; bodies that are no JSON at all.

#include <string>

#include "io/sim_random.h"
#include "ledger.h"

namespace millrace {

class Client {
 public:
  Client(Ledger& ledger, SimRandom& random) : ledger_(ledger), random_(random) {}
  // A new request, or a former one once more; gives its number in the ledger.
  std::uint64_t make(TimeNs now);

 private:
  std::uint64_t make_new(TimeNs now);
  std::uint64_t repeat();
  SentEvent draw_event(TimeNs now);
  std::string write(const SentEvent& event, std::uint64_t number);

  Ledger& ledger_;
  SimRandom& random_;
  std::uint64_t keys_ = 0;
};

}  // namespace millrace
