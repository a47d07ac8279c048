#pragma once
// What an answer is a picture of: how far each partition was stored when the question was asked of the store.

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "stream/progress.h"
#include "stream/stream.h"

namespace millrace {

struct AsOf {
  Generation generation;
  std::vector<PartitionProgress> partitions;
};

AsOf take_as_of(const Progress& progress, const Stream& stream);

// Every event before `needed` is in the picture.
bool covers(const AsOf& as_of, const Position& needed);
// Both have the same events.
bool same_events(const AsOf& a, const AsOf& b);

// kInvalid when `position` is not one that this server can have given.
Result<void> check_position(const Position& position, Stream& stream);

// "as_of": {…} as a member of an object.
void write_as_of(JsonWriter& json, const AsOf& as_of);

}  // namespace millrace
