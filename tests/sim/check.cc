// What must hold in a world, while it runs and in its end.

#include <algorithm>
#include <set>
#include <utility>

#include "model/row_hash.h"
#include "process/checkpoint.h"
#include "process/plain_ids_for_test.h"
#include "stream/progress.h"
#include "world.h"

namespace millrace {

void World::fail(std::string what) {
  trace("WRONG: {}", what);
  if (!wrong_) {
    wrong_ = std::move(what);
  }
}

// An acknowledgement names exactly the events that were good, and they are where it says.
void World::check_answer(const SentRequest& request, const Json& answer) {
  std::vector<bool> rejected(request.count);
  for (const Json& one : answer.find("rejected")->items()) {
    rejected[static_cast<std::size_t>(*one.find("index")->integer())] = true;
  }
  std::uint64_t good = 0;
  for (std::uint64_t i = 0; i < request.count; ++i) {
    SentEvent& event = ledger_.events[request.first + i];
    if (event.valid == rejected[i]) {
      return fail(fmt::format("event {} was {}", request.first + i, rejected[i] ? "rejected" : "not rejected"));
    }
    event.acknowledged = event.valid;
    good += event.valid ? 1 : 0;
  }
  look_at_log(false);
  Result<Position> position = parse_position(answer.find("position")->text());
  std::uint64_t there = 0;
  for (const Position::End& end : position->ends) {
    const std::vector<ShadowEvent>& events = shadows_[end.partition.value].events();
    if (end.end.value > events.size()) {
      return fail(fmt::format("events up to {} of partition {} are acknowledged, the log has {}", end.end.value,
                              end.partition.value, events.size()));
    }
    auto ours = [&](const ShadowEvent& event) { return event.number - request.first < request.count; };
    for (std::uint64_t at = end.end.value; at > 0 && ours(events[at - 1]); --at) {
      ++there;
    }
  }
  if (there != good || *answer.find("accepted")->integer() != static_cast<std::int64_t>(good)) {
    fail(fmt::format("{} of {} acknowledged events are where the answer says", there, good));
  }
}

// What readers are shown is durable, and stays so.
void World::look_at_log(bool again) {
  if (node_ == nullptr || wrong_) {
    return;
  }
  bool was_quiet = std::exchange(quiet_, true);
  for (std::size_t i = 0; i < shadows_.size(); ++i) {
    PartitionId partition(static_cast<std::uint16_t>(i));
    if (std::optional<std::string> wrong = shadows_[i].look(node_->log(), partition, again)) {
      fail(*wrong);
    }
  }
  quiet_ = was_quiet;
}

void World::check_node() {
  if (node_->files.syncs_after_failure() > 0) {
    fail("a file was synced after a write or sync of it had failed");
  }
}

void World::check_after_death() {
  for (std::size_t i = 0; i < shadows_.size() && !wrong_; ++i) {
    check_checkpoint(PartitionId(static_cast<std::uint16_t>(i)), false);
  }
}

// What a checkpoint has passed is in the store, whatever happened.
void World::check_checkpoint(PartitionId partition, bool last) {
  SimFiles files(*disk_);
  Result<Checkpoint> checkpoint = load_checkpoint(files, "/data/process", options_.log.generation, partition);
  if (!checkpoint.ok()) {
    if (last || checkpoint.error().code != Code::kNotFound) {
      fail("a checkpoint can't be read: " + checkpoint.error().message);
    }
    return;
  }
  const Counts& counts = checkpoint->counts;
  std::uint64_t rows = 0;
  std::uint64_t hash = 0;
  for (const MemoryStore::Row& row : store_.rows()) {
    if (row.place.partition == partition && row.place.sequence < counts.position) {
      ++rows;
      hash += row_hash(row.view(), row.place);
    }
  }
  std::uint64_t durable = shadows_[partition.value].size();
  bool right = counts.position.value <= durable && counts.rows == rows && counts.hash == hash && counts.lost == 0;
  if (!right || (last && counts.position.value != durable)) {
    fail(fmt::format(
        "the checkpoint of partition {} is at {} of {}, with {} rows, hash {:x}, {} lost; the store has {}, "
        "hash {:x}",
        partition.value, counts.position.value, durable, counts.rows, counts.hash, counts.lost, rows, hash));
  }
}

// Each acknowledged event is in the log once, any other at most once, and nothing of what was refused.
void World::check_requests() {
  std::vector<std::uint8_t> times(ledger_.events.size());
  for (const Shadow& shadow : shadows_) {
    for (const ShadowEvent& event : shadow.events()) {
      ++times[event.number];
    }
  }
  for (std::uint64_t number = 0; number < times.size(); ++number) {
    const SentEvent& event = ledger_.events[number];
    int status = ledger_.requests[event.request].status;
    bool refused = status >= 400 && status != 429 && status != 503;
    if (times[number] > 1 || (event.acknowledged && times[number] == 0) || (refused && times[number] > 0)) {
      return fail(fmt::format("event {}, answered {}, is in the log {} times", number, status, times[number]));
    }
  }
}

// Each event of the log is a row, or repeats one, or was refused by the store and is kept; and nothing else is a row.
void World::check_partition(PartitionId partition) {
  std::vector<MemoryStore::Row> rows = store_.rows();
  std::erase_if(rows, [&](const MemoryStore::Row& row) { return row.place.partition != partition; });
  PlainIds ids(options_.processor.ids);
  std::uint64_t repeats = 0;
  std::uint64_t failed = 0;
  std::size_t at = 0;
  const std::vector<ShadowEvent>& events = shadows_[partition.value].events();
  for (std::uint64_t place = 0; place < events.size(); ++place) {
    const ShadowEvent& logged = events[place];
    const SentEvent& sent = ledger_.events[logged.number];
    if (logged.record == place) {
      ids.forget(logged.received);
    }
    std::string key =
        fmt::format("{}/{}/{}/{}", sent.user_id, sent.anonymous_id, static_cast<int>(sent.id_kind), sent.id);
    bool repeat = sent.id_kind != IdKind::kNone && ids.repeat(key, place, logged.received);
    bool refused = !repeat && sent.event == MemoryStore::kRefusedEvent;
    repeats += repeat ? 1 : 0;
    if (refused) {
      ++failed;
      unstorable_.emplace_back(partition, place);
    }
    bool there = at < rows.size() && rows[at].place.sequence.value == place;
    if (there != (!repeat && !refused)) {
      return fail(fmt::format("event {} at {}/{} is {}a row, and {}", logged.number, partition.value, place,
                              there ? "" : "not ",
                              repeat    ? "a repeat"
                              : refused ? "unstorable"
                                        : "neither repeat nor "
                                          "unstorable"));
    }
    if (!there) {
      continue;
    }
    const MemoryStore::Row& row = rows[at++];
    bool same = row.event == sent.event && row.user_id == sent.user_id && row.anonymous_id == sent.anonymous_id &&
                row.message_id == (sent.id_kind == IdKind::kMessage ? sent.id : "") && row.time == logged.time &&
                row.received == logged.received && row.properties == logged.properties;
    if (!same) {
      return fail(
          fmt::format("event {} at {}/{} is stored with other contents", logged.number, partition.value, place));
    }
    if (at < rows.size() && rows[at].place.sequence.value == place) {
      return fail(fmt::format("event {} at {}/{} is stored twice", logged.number, partition.value, place));
    }
  }
  if (at != rows.size()) {
    return fail("there are rows of no event");
  }
  PartitionProgress told = node_->processors()[partition.value]->progress();
  bool adds_up = told.stored_until.value == events.size() && told.rows == rows.size() && told.repeats == repeats &&
                 told.failed == failed && told.lost == 0;
  if (!adds_up) {
    fail(fmt::format("partition {} says {} = {} rows + {} repeats + {} failed + {} lost; it is {} = {} + {} + {}",
                     partition.value, told.stored_until.value, told.rows, told.repeats, told.failed, told.lost,
                     events.size(), rows.size(), repeats, failed));
  }
}

void World::check_failed_events() {
  std::set<std::pair<std::uint16_t, std::uint64_t>> kept;
  for (const FailedEvent& event : node_->failed().latest("p", 1'000'000)) {
    if (event.stage == "store") {
      kept.emplace(event.partition.value, event.sequence.value);
    }
  }
  for (const auto& [partition, place] : unstorable_) {
    if (kept.count({partition.value, place}) == 0) {
      fail(fmt::format("place {}/{} was refused by the store and is not among the failed events", partition.value,
                       place));
    }
  }
}

// Views are what a recount of the store's rows says, also after a restart.
void World::check_views() {
  for (std::uint16_t i = 0; i < shadows_.size() && !wrong_; ++i) {
    PartitionId partition(i);
    std::vector<MemoryStore::Row> rows = store_.rows();
    std::erase_if(rows, [&](const MemoryStore::Row& row) { return row.place.partition != partition; });
    if (std::optional<std::string> wrong = views_differ(node_->views(), partition, rows)) {
      fail(fmt::format("partition {}: {}", i, *wrong));
    }
  }
}

void World::check_end() {
  look_at_log(true);
  check_requests();
  for (std::uint16_t i = 0; i < shadows_.size() && !wrong_; ++i) {
    check_partition(PartitionId(i));
  }
  if (store_.broken_rules().size() > rules_excused_) {
    fail(store_.broken_rules().back());
  }
  check_node();
  check_views();
  options_.processor.checkpoint_trail_ns = 0;  // so that the last checkpoint is of the end
  if (!wrong_) {
    die(Death::kKill);
    catch_up();
  }
  if (!wrong_) {
    check_views();
    check_failed_events();
    stop_gracefully();
  }
  for (std::uint16_t i = 0; i < shadows_.size() && !wrong_; ++i) {
    check_checkpoint(PartitionId(i), true);
  }
}

}  // namespace millrace
