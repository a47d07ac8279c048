#include "views/table.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace millrace {
namespace {

constexpr char kSeparator = '\x1f';  // no JSON text has it unescaped
constexpr char kOtherKey = '\x02';   // begins the key of a row "(other)"; keys of others begin with 0 or 1

const char* type_of(const ViewMeasure& measure) {
  switch (measure.kind) {
    case ViewMeasure::Kind::kCount:
    case ViewMeasure::Kind::kUniq:
      return "integer";
    case ViewMeasure::Kind::kTop:
      return "list";
    case ViewMeasure::Kind::kMin:
    case ViewMeasure::Kind::kMax:
      return measure.field.kind == FieldRef::Kind::kBase ? "time" : "number";
    default:
      return "number";
  }
}

std::string cells_of(const ViewSpec& spec, const AggregateRow& aggregates, std::string_view key, bool other,
                     const std::byte* states) {
  std::string cells;
  auto add = [&](JsonWriter& json) {
    cells += cells.empty() ? "" : std::string(1, kSeparator);
    cells += json.text();
  };
  auto dimensions = ViewState::decode_key(key);
  for (std::size_t i = 0; i < spec.by.size(); ++i) {
    JsonWriter json;
    other || i >= dimensions.size() ? json.string("(other)")
    : dimensions[i]                 ? json.string(*dimensions[i])
                                    : json.null();
    add(json);
  }
  for (std::size_t i = 0; i < spec.measures.size(); ++i) {
    JsonWriter json;
    aggregates.finalize(states, i, json);
    add(json);
  }
  return cells;
}

std::string name_of(std::string_view key, bool other) { return other ? std::string(1, kOtherKey) : std::string(key); }

}  // namespace

ViewTable::ViewTable(Views& views, ViewSpecPtr spec)
    : views_(views), spec_(std::move(spec)), incarnations_(views.partitions(), 0) {}

void ViewTable::refresh() {
  std::vector<std::unique_lock<std::mutex>> locks;
  std::vector<const PartitionViews::Lane*> lanes;
  bool live = true;
  bool anew = false;
  for (std::uint16_t i = 0; i < views_.partitions(); ++i) {
    PartitionViews& partition = views_.partition(PartitionId(i));
    locks.emplace_back(partition.lock());
    const auto& all = partition.lanes();
    auto found = std::find_if(all.begin(), all.end(), [this](const auto& lane) { return lane.spec == spec_; });
    live = live && found != all.end() && found->live;
    if (!live) {
      break;
    }
    anew = anew || incarnations_[i] != found->incarnation;
    lanes.push_back(&*found);
  }
  live_ = live;
  if (!live) {
    return;
  }
  std::uint64_t next = version_ + 1;
  bool changed = anew;
  if (anew) {
    buckets_.clear();
    reset_version_ = next;
    stats_.rows = 0;
  }
  TimeNs kept_from = INT64_MIN;
  Stats stats;
  std::vector<const ViewState*> states;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    incarnations_[i] = lanes[i]->incarnation;
    const ViewState& state = *lanes[i]->state;
    states.push_back(&state);
    kept_from = std::max(kept_from, state.kept_from());
    stats.other += state.other();
    stats.outside += state.outside();
    stats.missing += lanes[i]->missing;
    stats.bytes += state.bytes();
  }
  kept_from_ = std::max(kept_from_, kept_from);
  if (anew) {
    kept_from_ = kept_from;
  }
  std::set<std::tuple<TimeNs, std::string, bool>> to_join;
  for (const PartitionViews::Lane* lane : lanes) {
    if (anew) {  // what was told of the other partitions is forgotten too
      lane->state->tell_again(ViewState::Listener::kTable);
    }
    lane->state->take_changed([&](const ViewState::Row& row) {
      changed = true;
      if (lanes.size() > 1) {
        to_join.emplace(row.time, std::string(row.key), row.other);
        return;
      }
      Bucket& bucket = buckets_[row.time];
      bucket.version = next;
      bucket.rows[name_of(row.key, row.other)] = {
          cells_of(*spec_, lane->state->aggregates(), row.key, row.other, row.states), next};
    });
  }
  for (const auto& [time, key, other] : to_join) {
    Bucket& bucket = buckets_[time];
    bucket.version = next;
    bucket.rows[name_of(key, other)] = {join(time, key, other, states), next};
  }
  drop_old();
  stats.rows = 0;
  for (const auto& [time, bucket] : buckets_) {
    stats.rows += bucket.rows.size();
  }
  stats_ = stats;
  version_ += changed ? 1 : 0;
}

// The states of all partitions, in one.
std::string ViewTable::join(TimeNs time, const std::string& key, bool other,
                            const std::vector<const ViewState*>& states) const {
  const AggregateRow& aggregates = states[0]->aggregates();
  std::vector<std::uint64_t> memory(aggregates.bytes() / sizeof(std::uint64_t) + 1);
  auto* joined = reinterpret_cast<std::byte*>(memory.data());
  aggregates.init(joined);
  for (const ViewState* state : states) {
    ViewState::Row row;
    if (state->find(time, key, other, row)) {
      aggregates.combine(joined, row.states);
    }
  }
  std::string cells = cells_of(*spec_, aggregates, key, other, joined);
  aggregates.destroy(joined);
  return cells;
}

void ViewTable::drop_old() {
  while (!buckets_.empty() && buckets_.begin()->first < kept_from_) {
    buckets_.erase(buckets_.begin());
  }
}

bool ViewTable::any_bucket(TimeNs from, TimeNs to) const {
  auto found = buckets_.lower_bound(from);
  return found != buckets_.end() && found->first < to;
}

std::size_t ViewTable::write(JsonWriter& json, TimeNs from, TimeNs to, std::uint64_t after_version) const {
  std::size_t columns = spec_->by.size() + spec_->measures.size();
  std::vector<std::string> values(columns + 1);
  std::size_t rows = 0;
  for (auto bucket = buckets_.lower_bound(from); bucket != buckets_.end() && bucket->first < to; ++bucket) {
    if (bucket->second.version <= after_version) {
      continue;
    }
    std::string time = std::to_string(bucket->first / 1'000'000);
    for (const auto& [key, row] : bucket->second.rows) {
      if (row.version <= after_version) {
        continue;
      }
      std::string_view comma = rows++ > 0 ? "," : "";
      values[0].append(comma).append(time);
      std::string_view rest = row.cells;
      for (std::size_t i = 1; i <= columns; ++i) {
        std::size_t end = std::min(rest.find(kSeparator), rest.size());
        values[i].append(comma).append(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
    }
  }
  auto column = [&](const std::string& name, const char* type, std::size_t i) {
    json.begin_object().key("name").string(name).key("type").string(type);
    if (std::string_view(type) == "time") {
      json.key("unit").string("ms");
    }
    json.key("values").raw("[" + values[i] + "]").end_object();
  };
  json.key("columns").begin_array();
  column("time", "time", 0);
  for (std::size_t i = 0; i < spec_->by.size(); ++i) {
    column(spec_->by[i].text, "string", i + 1);
  }
  for (std::size_t i = 0; i < spec_->measures.size(); ++i) {
    column(spec_->measures[i].text, type_of(spec_->measures[i]), i + 1 + spec_->by.size());
  }
  json.end_array().key("rows").unsigned_integer(rows);
  return rows;
}

}  // namespace millrace
