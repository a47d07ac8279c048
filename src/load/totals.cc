#include "load/totals.h"

namespace millrace::load {

void Totals::add(const Totals& other) {
  for (Count Totals::*count :
       {&Totals::requests, &Totals::accepted, &Totals::rejected, &Totals::repeats, &Totals::malformed,
        &Totals::refused_requests, &Totals::refused, &Totals::failed_requests, &Totals::failed,
        &Totals::unknown_requests, &Totals::unknown, &Totals::unsent_requests, &Totals::unsent_unconnected,
        &Totals::unsent_at_end, &Totals::connects, &Totals::bytes}) {
    (this->*count).add((other.*count).get());
  }
  latency.add(other.latency);
  service.add(other.service);
  refusals.add(other.refusals);
}

}  // namespace millrace::load
