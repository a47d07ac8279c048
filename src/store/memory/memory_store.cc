#include "store/memory/memory_store.h"

#include <algorithm>

#include "base/json.h"
#include "base/time_format.h"
#include "model/row_hash.h"

namespace millrace {
namespace {

MemoryStore::Row copy_row(const EventBatch& batch, std::size_t index, std::uint64_t insert) {
  MemoryStore::Row row;
  row.place = {batch.generation, batch.partition, SequenceNumber(batch.sequence[index])};
  row.epoch = batch.epoch;
  row.project = batch.project.at(index);
  row.event = batch.event.at(index);
  row.user_id = batch.user_id.at(index);
  row.anonymous_id = batch.anonymous_id.at(index);
  row.session_id = batch.session_id.at(index);
  row.message_id = batch.message_id.at(index);
  row.properties = batch.properties.at(index);
  row.context = batch.context.at(index);
  row.time = batch.time[index];
  row.sent = batch.sent[index];
  row.received = batch.received[index];
  row.insert = insert;
  return row;
}

bool in_range(const MemoryStore::Row& row, PartitionId partition, SequenceRange range) {
  return row.place.partition == partition && row.place.sequence >= range.begin && row.place.sequence < range.end;
}

std::string event_json(const MemoryStore::Row& row) {
  JsonWriter json;
  json.begin_object().key("event").string(row.event).key("user_id").string(row.user_id);
  json.key("time").string(format_rfc3339(row.time)).key("properties").raw(row.properties).end_object();
  return json.take();
}

}  // namespace

EventView MemoryStore::Row::view() const {
  EventView view;
  view.project = project;
  view.event = event;
  view.user_id = user_id;
  view.anonymous_id = anonymous_id;
  view.session_id = session_id;
  view.id_kind = message_id.empty() ? IdKind::kNone : IdKind::kMessage;
  view.id = message_id;
  view.time = time;
  view.sent = sent;
  view.received = received;
  view.properties = properties;
  view.context = context;
  return view;
}

std::uint64_t MemoryStore::random() {  // SplitMix64
  std::uint64_t mixed = random_state_ += 0x9e3779b97f4a7c15ULL;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
  return mixed ^ (mixed >> 31);
}

InsertFate MemoryStore::draw() {
  if (!script_.empty()) {
    InsertFate fate = script_.front();
    script_.pop_front();
    return fate;
  }
  const std::pair<int, InsertFate> chances[] = {{faults_.unknown_stored, InsertFate::kUnknownStored},
                                                {faults_.unknown_nothing, InsertFate::kUnknownNothing},
                                                {faults_.unknown_part, InsertFate::kUnknownPart},
                                                {faults_.unknown_late, InsertFate::kUnknownLate},
                                                {faults_.full, InsertFate::kFull},
                                                {faults_.unavailable, InsertFate::kUnavailable}};
  int draw = static_cast<int>(random() % 1000);
  for (const auto& [per_thousand, fate] : chances) {
    if (draw < per_thousand) {
      return fate;
    }
    draw -= per_thousand;
  }
  return InsertFate::kStored;
}

bool MemoryStore::visible(const Row& row) const {
  auto found = takeovers_.find(row.place.partition);
  if (found == takeovers_.end()) {
    return true;
  }
  return std::none_of(found->second.begin(), found->second.end(), [&](const Takeover& takeover) {
    return takeover.epoch > row.epoch && row.place.sequence >= takeover.first;
  });
}

void MemoryStore::expect_settled(PartitionId partition, const char* call) {
  if (unsettled_[partition]) {
    broken_rules_.push_back(std::string(call) + " of partition " + std::to_string(partition.value) +
                            " while the outcome of an insert was unknown and settle() had not been called");
  }
}

void MemoryStore::land(Rows rows, bool in_part) {
  for (Row& row : rows) {
    if (!in_part || random() % 2 == 0) {
      rows_.push_back(std::move(row));
    }
  }
}

void MemoryStore::land_some_late() {
  if (!lagging_.empty() && random() % 8 == 0) {
    lagging_.clear();
  }
  for (std::size_t index = 0; index < late_.size();) {
    if (random() % 4 != 0) {
      ++index;
      continue;
    }
    land(std::move(late_[index].rows), random() % 2 == 0);
    late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(index));
  }
}

Result<void> MemoryStore::insert(const EventBatch& batch, std::size_t begin, std::size_t end) {
  std::lock_guard lock(mutex_);
  expect_settled(batch.partition, "insert");
  land_some_late();
  ++inserts_;
  Rows rows;
  for (std::size_t index = begin; index < end; ++index) {
    rows.push_back(copy_row(batch, index, inserts_));
  }
  InsertFate fate = draw();
  if (fate == InsertFate::kFull) {
    return full("the memory store was told to be full");
  }
  if (fate == InsertFate::kUnavailable) {
    return unavailable("the memory store was told to be down");
  }
  if (std::any_of(rows.begin(), rows.end(), [](const Row& row) { return row.event == kRefusedEvent; })) {
    return invalid("the memory store refuses events of this name");
  }
  if (fate == InsertFate::kStored) {
    land(std::move(rows), false);
    return {};
  }
  unsettled_[batch.partition] = true;
  if (fate == InsertFate::kUnknownLate) {
    late_.push_back({batch.partition, std::move(rows), false});
  } else if (fate != InsertFate::kUnknownNothing) {
    land(std::move(rows), fate == InsertFate::kUnknownPart);
  }
  return unknown_outcome("the memory store was told to hide what became of this insert");
}

void MemoryStore::change_copy(PartitionId partition) {
  std::lock_guard lock(mutex_);
  constexpr std::uint64_t kLatest = 6;
  for (std::uint64_t insert = inserts_ - std::min(inserts_, kLatest); insert <= inserts_; ++insert) {
    if (random() % 3 == 0) {
      lagging_.insert(insert);
    }
  }
  for (Late& late : late_) {
    late.elsewhere |= late.partition == partition;
  }
  unsettled_[partition] = false;
}

Result<void> MemoryStore::catch_up(PartitionId) {
  std::lock_guard lock(mutex_);
  if (!lagging_.empty() && chance(faults_.ask_fails)) {
    return unavailable("the memory store was told not to answer");
  }
  lagging_.clear();
  return {};
}

Result<void> MemoryStore::settle(PartitionId partition) {
  std::lock_guard lock(mutex_);
  if (chance(faults_.settle_fails)) {
    return unavailable("the memory store was told not to settle");
  }
  for (std::size_t index = 0; index < late_.size();) {
    if (late_[index].partition != partition || late_[index].elsewhere) {
      ++index;
      continue;
    }
    if (random() % 2 == 0) {
      land(std::move(late_[index].rows), random() % 2 == 0);
    }
    late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(index));
  }
  unsettled_[partition] = false;
  return {};
}

Result<std::vector<SequenceNumber>> MemoryStore::present(PartitionId partition, SequenceRange range) {
  std::lock_guard lock(mutex_);
  expect_settled(partition, "present");
  land_some_late();
  if (chance(faults_.ask_fails)) {
    return unavailable("the memory store was told not to answer");
  }
  std::vector<SequenceNumber> found;
  for (const Row& row : rows_) {
    if (in_range(row, partition, range) && seen(row)) {
      found.push_back(row.place.sequence);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

Result<StoredRange> MemoryStore::count(PartitionId partition, SequenceRange range, bool with_hash) {
  std::lock_guard lock(mutex_);
  expect_settled(partition, "count");
  land_some_late();
  if (chance(faults_.ask_fails)) {
    return unavailable("the memory store was told not to answer");
  }
  StoredRange stored;
  for (const Row& row : rows_) {
    if (in_range(row, partition, range) && seen(row)) {
      ++stored.rows;
      stored.hash += with_hash ? row_hash(row.view(), row.place) : 0;
    }
  }
  return stored;
}

Result<void> MemoryStore::flush() {
  std::lock_guard lock(mutex_);
  land_some_late();
  if (chance(faults_.flush_fails)) {
    std::map<std::uint64_t, bool> reached;
    for (Row& row : rows_) {
      row.durable |= reached.try_emplace(row.insert, random() % 2 == 0).first->second;
    }
    return unavailable("the memory store was told not to flush");
  }
  for (Row& row : rows_) {
    row.durable = true;
  }
  return {};
}

Result<Takeover> MemoryStore::owner(PartitionId partition) {
  std::lock_guard lock(mutex_);
  if (chance(faults_.ask_fails)) {
    return unavailable("the memory store was told not to answer");
  }
  auto found = takeovers_.find(partition);
  if (found == takeovers_.end() || found->second.empty()) {
    return Takeover{partition, Epoch(0), SequenceNumber(0)};
  }
  return found->second.back();
}

Result<void> MemoryStore::take_over(const Takeover& takeover) {
  std::lock_guard lock(mutex_);
  std::vector<Takeover>& past = takeovers_[takeover.partition];
  if (!past.empty() && past.back().epoch >= takeover.epoch) {
    return invalid("partition " + std::to_string(takeover.partition.value) + " belongs to epoch " +
                   std::to_string(past.back().epoch.value) + ", this owner is an older one");
  }
  bool fails = chance(faults_.take_over_fails);
  if (fails && random() % 2 == 0) {
    return unknown_outcome("the memory store was told to hide that this takeover was not recorded");
  }
  past.push_back(takeover);
  rows_.erase(std::remove_if(rows_.begin(), rows_.end(), [&](const Row& row) { return !visible(row); }), rows_.end());
  if (fails) {
    return unknown_outcome("the memory store was told to hide that this takeover was recorded");
  }
  return {};
}

template <typename Change>
Result<void> MemoryStore::change_state(Change change) {
  std::lock_guard lock(mutex_);
  bool fails = chance(faults_.state_fails);
  if (fails && random() % 2 == 0) {
    return unknown_outcome("the memory store was told to hide that this state was not changed");
  }
  change();
  return fails ? Result<void>(unknown_outcome("the memory store was told to hide that this state was changed"))
               : Result<void>();
}

Result<std::vector<std::string>> MemoryStore::names(const Takeover& owner) {
  std::lock_guard lock(mutex_);
  std::vector<std::string> all;
  for (const auto& [name, bytes] : states_[of(owner)]) {
    all.push_back(name);
  }
  return all;
}

Result<std::string> MemoryStore::read(const Takeover& owner, const std::string& name) {
  std::lock_guard lock(mutex_);
  auto found = states_[of(owner)].find(name);
  return found == states_[of(owner)].end() ? Result<std::string>(not_found(name)) : found->second;
}

Result<void> MemoryStore::write(const Takeover& owner, const std::string& name, std::string_view bytes) {
  return change_state([&] { states_[of(owner)][name] = bytes; });
}

Result<void> MemoryStore::remove(const Takeover& owner, const std::vector<std::string>& names) {
  return change_state([&] {
    for (const std::string& name : names) {
      states_[of(owner)].erase(name);
    }
  });
}

Result<void> MemoryStore::copy(const Takeover& from, const Takeover& to) {
  return change_state([&] {
    for (const auto& [name, bytes] : states_[of(from)]) {
      states_[of(to)].emplace(name, bytes);
    }
  });
}

Result<void> MemoryStore::forget_before(const Takeover& owner) {
  return change_state([&] {
    std::erase_if(states_, [&](const auto& state) {
      auto [partition, epoch, claim] = state.first;
      return partition == owner.partition && epoch < owner.epoch;
    });
  });
}

Result<QueryAnswer> MemoryStore::query(const MetricQuery& query, const QueryBudget&) {
  std::lock_guard lock(mutex_);
  bool by_event = query.by.size() == 1 && query.by[0].text == "event";
  if (query.measures.size() != 1 || query.measures[0].kind != Measure::Kind::kCount || query.where ||
      query.every != Every::kNone || (!query.by.empty() && !by_event)) {
    return invalid("the memory store only counts events, broken down by nothing or by `event`");
  }
  std::map<std::string, std::int64_t> counts;
  if (!by_event) {
    counts[""] = 0;
  }
  for (const Row& row : rows_) {
    if (visible(row) && row.project == query.project && row.time >= query.from && row.time < query.to) {
      ++counts[by_event ? row.event : ""];
    }
  }
  JsonWriter events, values;
  events.begin_array(), values.begin_array();
  for (const auto& [event, number] : counts) {
    events.string(event), values.integer(number);
  }
  events.end_array(), values.end_array();
  QueryAnswer answer;
  if (by_event) {
    answer.columns.push_back({query.by[0].text, ColumnType::kString, events.take()});
  }
  answer.columns.push_back({query.measures[0].text, ColumnType::kInteger, values.take()});
  answer.rows = counts.size();
  answer.rows_read = rows_.size();
  return answer;
}

Result<std::vector<std::string>> MemoryStore::events(const EventsQuery& query, const QueryBudget&) {
  if (query.where) {
    return invalid("the memory store has no filters");
  }
  Rows all = rows();
  std::stable_sort(all.begin(), all.end(), [](const Row& a, const Row& b) { return a.time > b.time; });
  std::vector<std::string> found;
  for (const Row& row : all) {
    bool wanted = row.project == query.project && row.time >= query.from && row.time < query.to;
    if (wanted && found.size() < query.limit) {
      found.push_back(event_json(row));
    }
  }
  return found;
}

Result<SchemaAnswer> MemoryStore::schema(const std::string& project, const QueryBudget&) {
  std::map<std::string, EventSummary> events;
  for (const Row& row : rows()) {
    if (row.project != project) {
      continue;
    }
    EventSummary& summary = events.try_emplace(row.event, EventSummary{row.event, 0, row.time, row.time}).first->second;
    ++summary.count;
    summary.first = std::min(summary.first, row.time);
    summary.last = std::max(summary.last, row.time);
  }
  SchemaAnswer answer;
  for (const auto& [name, summary] : events) {
    answer.events.push_back(summary);
  }
  return answer;
}

Result<TimeNs> MemoryStore::calendar(Every unit, TimeNs at, int steps, const std::string& time_zone) {
  if (unit != Every::kDay || time_zone != "UTC") {
    return invalid("the memory store knows days of UTC alone");
  }
  constexpr TimeNs kDayNs = 86'400 * kSecond;
  TimeNs into_day = ((at % kDayNs) + kDayNs) % kDayNs;
  return at - into_day + steps * kDayNs;
}

void MemoryStore::script(InsertFate fate) {
  std::lock_guard lock(mutex_);
  script_.push_back(fate);
}

void MemoryStore::cut_power() {
  std::lock_guard lock(mutex_);
  enum class Fate { kKept, kLost, kTorn };
  std::map<std::uint64_t, Fate> fates;
  Rows left;
  for (Row& row : rows_) {
    auto [fate, is_new] = fates.try_emplace(row.insert, Fate::kKept);
    if (is_new) {
      fate->second = chance(faults_.cut_tears) ? Fate::kTorn : random() % 2 == 0 ? Fate::kKept : Fate::kLost;
    }
    bool reached = fate->second == Fate::kKept || (fate->second == Fate::kTorn && random() % 2 == 0);
    if (row.durable || reached) {
      row.durable = true;
      left.push_back(std::move(row));
    }
  }
  rows_ = std::move(left);
  late_.clear();
  unsettled_.clear();
}

void MemoryStore::lose(PartitionId partition, SequenceRange range) {
  std::lock_guard lock(mutex_);
  auto lost = [&](const Row& row) { return in_range(row, partition, range); };
  rows_.erase(std::remove_if(rows_.begin(), rows_.end(), lost), rows_.end());
}

void MemoryStore::wipe() {
  std::lock_guard lock(mutex_);
  rows_.clear();
  late_.clear();
  unsettled_.clear();
  takeovers_.clear();
  states_.clear();
}

void MemoryStore::set_faults(MemoryStoreFaults faults) {
  std::lock_guard lock(mutex_);
  faults_ = faults;
  random_state_ = faults.seed;
}

std::vector<MemoryStore::Row> MemoryStore::rows() const {
  std::lock_guard lock(mutex_);
  Rows found;
  std::copy_if(rows_.begin(), rows_.end(), std::back_inserter(found), [&](const Row& row) { return visible(row); });
  std::stable_sort(found.begin(), found.end(), [](const Row& a, const Row& b) {
    return std::pair(a.place.partition, a.place.sequence) < std::pair(b.place.partition, b.place.sequence);
  });
  return found;
}

std::uint64_t MemoryStore::inserts() const {
  std::lock_guard lock(mutex_);
  return inserts_;
}

std::vector<std::string> MemoryStore::broken_rules() const {
  std::lock_guard lock(mutex_);
  return broken_rules_;
}

}  // namespace millrace
