#pragma once
// Views against a recount of the store's rows, for the simulation.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/check.h"
#include "store/memory/memory_store.h"
#include "views/views.h"

namespace millrace {

inline constexpr TimeNs kSimGrain = 900 * 1'000'000'000LL;

// Counts, users and (of few rows in a bucket) what falls into "(other)".
inline std::unique_ptr<Views> sim_views(std::uint16_t partitions = 1) {
  auto views = std::make_unique<Views>(Generation(1), partitions, ViewLimits{}, std::vector<DeclaredField>());
  ViewSpec spec;
  spec.name = spec.json = "by_event";
  spec.by = {FieldRef{FieldRef::Kind::kBase, "event", {}, "event"}};
  spec.grain = Every::kFifteenMinutes;
  spec.horizon = 100'000 * kSimGrain;
  ViewMeasure uniq;
  uniq.kind = ViewMeasure::Kind::kUniq;
  uniq.field = FieldRef{FieldRef::Kind::kBase, "user_id", {}, "user_id"};
  spec.measures = {ViewMeasure{}, uniq};
  MR_CHECK(views->declare(spec).ok());
  spec.name = spec.json = "few_keys";
  spec.keys_max = 1;
  MR_CHECK(views->declare(spec).ok());
  return views;
}

struct SimCount {
  std::uint64_t count = 0;
  std::set<std::string> users;
};

// The view's rows as "bucket event": events, users.
inline std::map<std::string, std::string> rows_of_view(Views& views, PartitionId id, std::size_t number,
                                                       bool with_key) {
  std::map<std::string, std::uint64_t> counts;
  std::map<std::string, std::string> rows;
  PartitionViews& partition = views.partition(id);
  ViewState& state = *partition.lanes()[number].state;
  std::string again;
  state.append_to(again);
  FieldReader reader;
  ViewState copy(*partition.lanes()[number].spec, reader, views.limits().bytes_max);
  MR_CHECK(copy.read(again).ok());
  copy.take_changed([&](const ViewState::Row& row) {
    auto key = ViewState::decode_key(row.key);
    std::string name = std::to_string(row.time / kSimGrain) + (with_key ? " " + std::string(*key[0]) : "");
    JsonWriter uniq;
    copy.aggregates().finalize(row.states, 1, uniq);
    counts[name] += row.count;
    rows[name] = std::to_string(counts[name]) + (with_key ? " " + uniq.take() : "");
  });
  return rows;
}

inline std::map<std::string, std::string> recount(const std::vector<MemoryStore::Row>& rows, bool with_key) {
  std::map<std::string, SimCount> counts;
  for (const MemoryStore::Row& row : rows) {
    SimCount& count = counts[std::to_string(row.time / kSimGrain) + (with_key ? " " + row.event : "")];
    ++count.count;
    if (!row.user_id.empty()) {
      count.users.insert(row.user_id);
    }
  }
  std::map<std::string, std::string> texts;
  for (const auto& [name, count] : counts) {
    texts[name] = std::to_string(count.count) + (with_key ? " " + std::to_string(count.users.size()) : "");
  }
  return texts;
}

inline std::optional<std::string> views_differ(Views& views, PartitionId id,
                                               const std::vector<MemoryStore::Row>& rows) {
  const PartitionViews::Audit& audit = views.partition(id).last_audit();
  if (!audit.live || !audit.holds || audit.events != rows.size()) {
    return fmt::format("the views' own audit says {} events of {} rows", audit.events, rows.size());
  }
  for (bool with_key : {true, false}) {
    auto shown = rows_of_view(views, id, with_key ? 0 : 1, with_key);
    auto counted = recount(rows, with_key);
    if (shown == counted) {
      continue;
    }
    std::uint64_t inside = 0;
    bool more = false;
    for (const auto& [name, text] : shown) {
      inside += std::stoull(text);
      more = more || counted.count(name) == 0 || std::stoull(text) > std::stoull(counted[name]);
    }
    // The state has seen others, and says that they lie outside of its horizon, or it says that rows were there before
    // what is left of the log: then it has at most what there is.
    const PartitionViews::Lane& lane = views.partition(id).lanes()[with_key ? 0 : 1];
    if (!more && (inside < lane.state->folded() || lane.before > 0)) {
      continue;
    }
    for (const auto& [name, text] : counted) {
      if (shown[name] != text) {
        return fmt::format("the view says '{}' of {}, a recount '{}'", shown[name], name, text);
      }
    }
    return std::string("the view has rows of no event");
  }
  return std::nullopt;
}

}  // namespace millrace
