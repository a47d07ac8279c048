#pragma once
// Days, weeks and months in a query's time zone. UTC is worked out here; every other zone by the store, whose engine
// carries the rules of all of them (this machine may have none).

#include <string>
#include <vector>

#include "base/result.h"
#include "base/strong.h"
#include "model/query.h"
#include "store/store.h"

namespace millrace {

// Length of a bucket; of a month the mean.
TimeNs length_of(Every every);

class Calendar {
 public:
  // `store` may be null: then only UTC is known. Both must outlive the calendar.
  Calendar(StoreReader* store, std::string time_zone);

  const std::string& time_zone() const { return time_zone_; }
  // Ok when there is such a zone.
  Result<void> check() const;
  // The begin of the day, week (Monday) or month that holds `at`, moved by `steps` of it.
  Result<TimeNs> begin(Every unit, TimeNs at, int steps) const;
  // The instant at which clocks of the zone show `local` (as if it were UTC).
  Result<TimeNs> instant(TimeNs local) const;
  // The begin of the day that clocks and calendars of the zone call by the date of `local_midnight`.
  Result<TimeNs> day(TimeNs local_midnight) const;
  // The begins of all buckets that overlap [from, to), ascending.
  Result<std::vector<TimeNs>> buckets(Every every, TimeNs from, TimeNs to) const;

 private:
  bool utc() const { return time_zone_ == "UTC"; }
  Result<StoreReader*> store() const;

  StoreReader* store_;
  std::string time_zone_;
};

}  // namespace millrace
