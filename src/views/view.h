#pragma once
// A view: a question that is kept answered. Plain data; query/ reads it from JSON, the configuration declares some, and
// the processors fold events into it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/strong.h"
#include "model/query.h"

namespace millrace {

struct ViewMeasure {
  enum class Kind { kCount, kUniq, kSum, kMean, kMin, kMax, kQuantile, kTop };
  Kind kind = Kind::kCount;
  FieldRef field;         // unused for kCount
  double quantile = 0;    // for kQuantile
  std::uint32_t top = 0;  // for kTop: how many
  std::string text;       // as it was asked: the name of its column
};

enum class ViewOrigin { kBuiltIn, kConfig, kApi };

struct ViewSpec {
  std::string name;
  std::string project;  // empty: of every project
  std::optional<Filter> where;
  std::vector<FieldRef> by;
  Every grain = Every::kMinute;  // second to fifteen minutes
  std::vector<ViewMeasure> measures;
  TimeNs horizon = 0;               // buckets that ended so long before the newest event's received time are dropped
  std::uint32_t keys_max = 10'000;  // rows in one bucket; what comes beyond them goes into the row "(other)"
  std::string json;                 // its declaration in one canonical form: equal for equal views
  ViewOrigin origin = ViewOrigin::kApi;
};

TimeNs grain_ns(Every grain);

// What a declared property's typed column makes of a value (see store/): the view counts what the store would.
struct DeclaredField {
  enum class Type { kInteger, kNumber, kString, kBoolean };
  std::vector<std::string> path;
  Type type = Type::kString;
};

}  // namespace millrace
