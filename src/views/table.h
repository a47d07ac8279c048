#pragma once
// A view as people see it: its rows from all partitions, joined and put into JSON, each with the version at which it
// changed last. Reading a table costs the processors nothing but for the rows that changed; these are told to one table
// alone, so a view has one.

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

#include "base/json.h"
#include "views/views.h"

namespace millrace {

// One thread at a time.
class ViewTable {
 public:
  ViewTable(Views& views, ViewSpecPtr spec);

  // Takes what the processors have folded since. While any of them is not live, what there was is kept.
  void refresh();

  const ViewSpec& spec() const { return *spec_; }
  bool live() const { return live_; }
  // Rises by one with each refresh() that changed something.
  std::uint64_t version() const { return version_; }
  // The version at which rows may have gone that had changed before: everything is told anew then.
  std::uint64_t reset_version() const { return reset_version_; }
  // Buckets that begin earlier are gone. INT64_MIN: none is.
  TimeNs kept_from() const { return kept_from_; }

  struct Stats {
    std::uint64_t rows = 0;
    std::uint64_t other = 0;    // events in rows "(other)"
    std::uint64_t outside = 0;  // too late, or dated too far ahead
    std::uint64_t missing = 0;  // rows of the store whose bytes in the log are damaged
    std::uint64_t bytes = 0;    // in the processors
  };
  const Stats& stats() const { return stats_; }

  // "columns":[…],"rows":n: of buckets that begin in [from, to), rows that changed after `version`. Gives the number.
  std::size_t write(JsonWriter& json, TimeNs from, TimeNs to, std::uint64_t after_version) const;
  // Whether there is a bucket that begins in [from, to).
  bool any_bucket(TimeNs from, TimeNs to) const;

 private:
  struct Row {
    std::string cells;  // JSON texts of dimensions and measures, with kSeparator between
    std::uint64_t version = 0;
  };
  struct Bucket {
    std::uint64_t version = 0;
    std::unordered_map<std::string, Row> rows;
  };
  void drop_old();
  std::string join(TimeNs time, const std::string& key, bool other, const std::vector<const ViewState*>& states) const;

  Views& views_;
  const ViewSpecPtr spec_;
  std::vector<std::uint64_t> incarnations_;
  bool live_ = false;
  std::uint64_t version_ = 0;
  std::uint64_t reset_version_ = 0;
  TimeNs kept_from_ = INT64_MIN;
  Stats stats_;
  std::map<TimeNs, Bucket> buckets_;
};

}  // namespace millrace
