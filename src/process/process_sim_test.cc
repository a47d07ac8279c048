#include <cstdlib>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/sabotage.h"
#include "model/record.h"
#include "model/row_hash.h"
#include "process/sim_world_for_test.h"

namespace millrace {
namespace {

constexpr PartitionId kOnlyPartition{0};
constexpr TimeNs kHour = 3600 * 1'000'000'000LL;
constexpr TimeNs kSimStart = 1'700'000'000'000'000'000LL;

class IgnoreListener final : public AppendListener {
 public:
  void appended(PartitionId, Result<SequenceRange>) override {}
};

ProcessorOptions draw_options(SimRandom& random, bool with_damage) {
  ProcessorOptions options;
  options.folder = "/process";
  options.batch_rows_max = static_cast<std::uint32_t>(1 + random.below(12));
  options.batch_age_ns_max = static_cast<std::int64_t>(random.below(3)) * 200'000'000;
  options.checkpoint_interval_ns = 1'500'000 + static_cast<std::int64_t>(random.below(4)) * 300'000'000;
  options.checkpoint_trail_ns = random.chance(200) ? 2'000'000'000 : 0;
  options.snapshot_log_bytes = 300 + random.below(3000);
  options.ids.chunk_ids = 4;
  options.ids.ids_max = with_damage ? 10'000 : 4 + random.below(24);
  options.ids.window_ns = with_damage ? 1'000'000 * kHour : static_cast<std::int64_t>(1 + random.below(24)) * kHour;
  options.step_events_max = static_cast<std::uint32_t>(1 + random.below(12));
  options.scan_events = static_cast<std::uint32_t>(1 + random.below(12));
  return options;
}

MemoryStoreFaults draw_faults(SimRandom& random, bool with_parts) {
  MemoryStoreFaults faults;
  faults.seed = random.next();
  int strength = static_cast<int>(random.below(4));  // calm stores too
  faults.unknown_stored = static_cast<int>(random.below(40)) * strength;
  faults.unknown_nothing = static_cast<int>(random.below(40)) * strength;
  faults.unknown_part = with_parts ? static_cast<int>(random.below(40)) * strength : 0;
  faults.unknown_late = with_parts ? static_cast<int>(random.below(60)) * strength : 0;
  faults.full = static_cast<int>(random.below(30)) * strength;
  faults.unavailable = static_cast<int>(random.below(30)) * strength;
  faults.settle_fails = static_cast<int>(random.below(60)) * strength;
  faults.ask_fails = static_cast<int>(random.below(20)) * strength;
  faults.flush_fails = static_cast<int>(random.below(60)) * strength;
  faults.take_over_fails = static_cast<int>(random.below(100)) * strength;
  faults.state_fails = static_cast<int>(random.below(40)) * strength;
  return faults;
}

}  // namespace

EventView SimWorld::Sent::view() const {
  EventView view;
  view.project = project;
  view.event = event;
  view.user_id = user;
  view.id_kind = id_kind;
  view.id = id;
  view.time = time;
  view.received = received;
  view.properties = properties;
  return view;
}

SimWorld::SimWorld(std::uint64_t seed)
    : random_(seed * 7919 + 1),
      shared_(random_.chance(500)),
      with_damage_(random_.chance(200)),
      with_thefts_(random_.chance(400)),
      with_old_owners_(!with_damage_ || random_.chance(500)),
      with_parts_(!with_damage_ || !with_old_owners_),
      with_retention_(!with_damage_ && !with_thefts_ && random_.chance(500)),
      with_copies_(!with_damage_ && !with_thefts_ && random_.chance(500)),
      options_(draw_options(random_, with_damage_)),
      stream_(MemoryStreamOptions{Generation(1), 1, 64 << 20, false}),
      faults_(draw_faults(random_, with_parts_)),
      store_(faults_),
      wall_(kSimStart),
      received_(kSimStart) {
  start_owner(std::make_unique<SimDisk>(random_.next()));
}

SimWorld::~SimWorld() = default;

// Asked at every call that an owner makes: whether it lives on, and whether a disk's call fails.
Result<void> SimWorld::fate_of_call(Owner*) {
  if (crash_in_calls_ > 0 && --crash_in_calls_ == 0) {
    throw SimCrash{};
  }
  if (!calm_ && random_.chance(5)) {
    return unavailable("the simulated disk failed");
  }
  return {};
}

void SimWorld::start_owner(std::unique_ptr<SimDisk> disk) {
  owner_.disk = std::move(disk);
  owner_.files = std::make_unique<SimFiles>(*owner_.disk);
  SequenceNumber released = !shared_ && owner_.topic != nullptr ? owner_.topic->released : SequenceNumber(0);
  owner_.topic = std::make_unique<SimTopic>(stream_);
  owner_.topic->released = released;
  owner_.store = std::make_unique<SimConnection>(store_);
  owner_.failed = std::make_unique<SimFailedEvents>(failed_);
  owner_.failed->hook = [this] { return fate_of_call(&owner_); };
  owner_.files->before = [this](SimCall call, const std::string&) {
    return call == SimCall::kRead ? Result<void>() : fate_of_call(&owner_);
  };
  owner_.files->after = [this](SimCall, const std::string&) { (void)fate_of_call(&owner_).ok(); };
  owner_.store->hook = [this] { return fate_of_call(&owner_); };
  owner_.store->keep_back = [this](const EventBatch& batch, std::size_t begin, std::size_t end) {
    // A repair writes for an older epoch; that it may come late is a limit that docs/exactly-once.md states.
    bool kept = with_old_owners_ && !calm_ && random_.chance(6) && batch.epoch == owner_.processor->epoch();
    if (kept) {
      late_.push_back({batch, begin, end});
    }
    return kept;
  };
  owner_.store->keep_state_back = [this](const Takeover& owner, const std::string& name, std::string_view bytes) {
    bool kept = with_old_owners_ && !calm_ && random_.chance(10) && !owner_.processor->recovering();
    if (kept) {
      late_states_.push_back({owner, name, std::string(bytes)});
    }
    return kept;
  };
  owner_.store->copy_goes = [this] { return with_copies_ && !calm_ && random_.chance(15); };
  owner_.views = sim_views();
  owner_.processor =
      std::make_unique<Processor>(ProcessorParts{*owner_.topic, *owner_.store, *owner_.failed, *owner_.files, metrics_,
                                                 owner_.views.get(), shared_ ? owner_.store.get() : nullptr},
                                  options_);
}

SimWorld::Sent SimWorld::make_event() {
  Sent sent;
  sent.project = "p";
  sent.event = with_parts_ && random_.chance(30) ? std::string(MemoryStore::kRefusedEvent)
                                                 : "e" + std::to_string(random_.below(3));
  sent.user = "u" + std::to_string(random_.below(3));
  sent.time = received_ - static_cast<TimeNs>(random_.below(1000));
  sent.received = received_;
  sent.properties = fmt::format("{{\"n\":{}}}", sent_.size());
  if (!random_.chance(150)) {
    sent.id_kind = random_.chance(800) ? IdKind::kMessage : IdKind::kBatch;
    // Mostly from among the latest, so that repeats come soon as well as late.
    std::uint64_t newest = sent_.size() / 2;
    sent.id = "i" + std::to_string(newest - std::min(newest, random_.below(1 + random_.below(40))));
  }
  return sent;
}

void SimWorld::append() {
  if (random_.chance(60)) {
    received_ += static_cast<TimeNs>(random_.below(40)) * kHour;  // nights, and now and then a month's end
  }
  received_ += static_cast<TimeNs>(random_.below(2'000'000'000));
  wall_ = std::max(wall_, received_);
  std::string record;
  begin_record(record, "p");
  std::uint64_t first = sent_.size();
  std::uint32_t events = static_cast<std::uint32_t>(1 + random_.below(6));
  for (std::uint32_t i = 0; i < events; ++i) {
    sent_.push_back(make_event());
    sent_.back().record = first;
    append_event(record, sent_.back().view());
  }
  IgnoreListener listener;
  bool taken = stream_.append({kOnlyPartition, events, received_, record, &listener}).ok();
  EXPECT_TRUE(taken);
  stream_.flush();
}

void SimWorld::die(Death death) {
  bool power = death == Death::kPower;
  // One that has not taken over yet would rightly do so when it wakes.
  bool pauses =
      with_old_owners_ && (shared_ || !with_retention_) && death == Death::kPause && !owner_.processor->recovering();
  std::unique_ptr<SimDisk> disk = shared_  ? std::make_unique<SimDisk>(random_.next())
                                  : pauses ? owner_.disk->copy(random_.next())
                                           : std::move(owner_.disk);
  if (pauses) {
    owner_.store->stays = true;                // the store knows of one copy that is asked, the new owner's
    old_owners_.push_back(std::move(owner_));  // it doesn't know that it was taken for dead
    owner_ = {};
  } else {
    owner_.processor.reset();
    owner_.views.reset();
  }
  if (power) {
    disk->cut_power();
    if (!shared_ || old_owners_.empty()) {  // a store that several share has tables that sync for themselves
      store_.cut_power();
    }
  }
  check_checkpoint(*disk);
  if (with_thefts_) {
    steal();
  }
  start_owner(std::move(disk));
}

// Rows vanish from the store. Old owners are out of the way: one that is in doubt about an insert would put the stolen
// rows back beside the new owner's repair, a limit that docs/exactly-once.md states.
void SimWorld::steal() {
  std::uint64_t begin = stream_.state(kOnlyPartition).begin.value;
  if (random_.chance(80) && begin == 0) {
    store_.wipe();
  } else if (random_.chance(150) && !sent_.empty()) {
    begin = std::max(begin, random_.below(sent_.size()));
    store_.lose(kOnlyPartition, {SequenceNumber(begin), SequenceNumber(begin + random_.below(20))});
  } else {
    return;
  }
  late_.clear();
  late_states_.clear();
  old_owners_.clear();
}

Result<Checkpoint> SimWorld::last_checkpoint(FileSystem& files) {
  store_.set_faults({});
  SharedFolder folder(store_, files, options_.folder, kOnlyPartition);
  Takeover owner = store_.owner(kOnlyPartition).value();
  EXPECT_TRUE(folder.open(owner).ok());
  faults_.seed = random_.next();
  store_.set_faults(faults_);
  return load_checkpoint(shared_ ? static_cast<FileSystem&>(folder) : files, options_.folder, Generation(1),
                         kOnlyPartition);
}

// What a checkpoint has passed is still there, whatever happened, as long as nobody steals it.
void SimWorld::check_checkpoint(SimDisk& disk) {
  SimFiles files(disk);
  Result<Checkpoint> checkpoint = last_checkpoint(files);
  if (with_thefts_ || !checkpoint.ok()) {
    return;
  }
  std::uint64_t rows = 0;
  for (const MemoryStore::Row& row : store_.rows()) {
    rows += row.place.sequence < checkpoint->counts.position ? 1 : 0;
  }
  if (rows != checkpoint->counts.rows && !stopped_) {
    stopped_ = fmt::format("the checkpoint at {} says {} rows, {} survived", checkpoint->counts.position.value,
                           checkpoint->counts.rows, rows);
  }
}

void SimWorld::step_owner() {
  try {
    StepResult result = owner_.processor->step(wall_, monotonic_);
    if (result.next == StepResult::Next::kStopped) {
      const std::optional<Error>& error = owner_.processor->error();
      stopped_ = "stopped: " + (error ? error->message : "drained");
    } else if (result.next == StepResult::Next::kTime) {
      monotonic_ = std::max(monotonic_, result.until);
    } else if (result.next == StepResult::Next::kEvents) {
      monotonic_ += 50'000'000;
    }
    monotonic_ += 1'000'000;
  } catch (const SimCrash&) {
    crash_in_calls_ = 0;
    die(random_.chance(400) ? Death::kPower : Death::kKill);
  }
}

void SimWorld::step_old_owners() {
  // The store holds unknown outcomes against the partition, not against the owner that has to settle them.
  MemoryStoreFaults faults = faults_;
  faults_ = {};
  faults_.seed = random_.next();
  store_.set_faults(faults_);
  std::size_t rules = store_.broken_rules().size();
  for (Owner& old : old_owners_) {
    if (!old.processor) {
      continue;
    }
    try {
      (void)old.processor->step(wall_, monotonic_);
    } catch (const SimCrash&) {
      crash_in_calls_ = 0;
      old.processor.reset();  // for good
    }
  }
  rules_excused_ += store_.broken_rules().size() - rules;
  faults_ = faults;
  faults_.seed = random_.next();
  store_.set_faults(faults_);
}

void SimWorld::wake_late_insert() {
  if (!late_states_.empty()) {
    (void)store_.write(late_states_.front().owner, late_states_.front().name, late_states_.front().bytes).ok();
    late_states_.erase(late_states_.begin());
  }
  if (late_.empty()) {
    return;
  }
  Late late = std::move(late_.front());
  late_.erase(late_.begin());
  store_.script(InsertFate::kStored);
  std::size_t rules = store_.broken_rules().size();
  (void)store_.insert(late.batch, late.begin, late.end).ok();
  rules_excused_ += store_.broken_rules().size() - rules;  // its owner had settled nothing: it is that bad
}

void SimWorld::hurt() {
  if (with_damage_ && random_.chance(300) && !sent_.empty()) {
    std::uint64_t at = sent_[random_.below(sent_.size())].record;
    stream_.damage(kOnlyPartition, {SequenceNumber(at), SequenceNumber(at + 1)});
    for (Sent& sent : sent_) {
      sent.damaged |= sent.record == at;
    }
  } else if (with_retention_) {
    stream_.release(kOnlyPartition, owner_.topic->released);
    stream_.retain_from(kOnlyPartition, SequenceNumber(random_.below(sent_.size() + 1)));
  }
}

void SimWorld::act() {
  std::uint64_t draw = random_.below(1000);
  if (draw < 150) {
    append();
  } else if (draw < 165 && crash_in_calls_ == 0) {
    crash_in_calls_ = 1 + random_.below(30);
  } else if (draw < 175) {
    constexpr Death kDeaths[] = {Death::kPower, Death::kKill, Death::kPause};
    die(kDeaths[random_.below(3)]);
  } else if (draw < 190) {
    wake_late_insert();
  } else if (draw < 230) {
    step_old_owners();
  } else if (draw < 250) {
    hurt();
  } else {
    step_owner();
  }
}

void SimWorld::calm_down() {
  calm_ = true;
  crash_in_calls_ = 0;
  faults_ = {};
  faults_.seed = random_.next();
  store_.set_faults(faults_);
  while (!late_.empty() || !late_states_.empty()) {
    wake_late_insert();
  }
  die(Death::kKill);
  catch_up();
}

void SimWorld::catch_up() {
  for (int i = 0; i < 5000 && !stopped_; ++i) {
    PartitionProgress progress = owner_.processor->progress();
    if (!owner_.processor->recovering() && progress.stored_until.value == sent_.size()) {
      break;
    }
    step_owner();
    if (i % 8 == 0) {
      step_old_owners();
    }
  }
}

std::optional<std::string> SimWorld::run() {
  std::uint64_t actions = 50 + random_.below(400);
  for (std::uint64_t i = 0; i < actions && !stopped_; ++i) {
    act();
  }
  calm_down();
  if (stopped_) {
    return stopped_;
  }
  return check();
}

std::optional<std::string> SimWorld::check_rows(const std::vector<MemoryStore::Row>& rows) {
  PlainIds ids(options_.ids);
  std::size_t at = 0;
  std::map<std::string, bool> first_damaged;
  for (std::uint64_t place = 0; place < sent_.size(); ++place) {
    const Sent& sent = sent_[place];
    if (sent.record == place) {
      ids.forget(sent.received);
    }
    std::string key = sent.user + "/" + sent.id + "/" + std::to_string(static_cast<int>(sent.id_kind));
    bool repeat = sent.id_kind != IdKind::kNone && ids.repeat(key, place, sent.received);
    if (!repeat && sent.id_kind != IdKind::kNone) {
      first_damaged[key] = sent.damaged;
    }
    bool there = at < rows.size() && rows[at].place.sequence.value == place;
    bool twice = there && at + 1 < rows.size() && rows[at + 1].place.sequence.value == place;
    bool refused = sent.event == MemoryStore::kRefusedEvent;
    if (twice) {
      return fmt::format("event {} is stored twice", place);
    }
    bool may_stand_in = repeat && first_damaged[key];  // the one that it repeats can't be read
    if (there && (refused || (repeat && !may_stand_in))) {
      return fmt::format("event {} is stored, but is {}", place, refused ? "unstorable" : "a repeat");
    }
    if (!there && !repeat && !refused && !sent.damaged) {
      return fmt::format("event {} is missing", place);
    }
    if (refused && !repeat && !sent.damaged && !failed_.contains(place)) {
      return fmt::format("event {} was refused and is not among the failed events", place);
    }
    if (there) {
      EventView wanted = sent.view();
      if (row_hash(rows[at].view(), rows[at].place) != row_hash(
                                                           [&] {
                                                             wanted.id = sent.id_kind == IdKind::kMessage
                                                                             ? wanted.id
                                                                             : std::string_view();
                                                             return wanted;
                                                           }(),
                                                           {Generation(1), kOnlyPartition, SequenceNumber(place)})) {
        return fmt::format("event {} is stored with other contents", place);
      }
      ++at;
    }
  }
  if (at != rows.size()) {
    return std::string("there are rows of no event");
  }
  return std::nullopt;
}

std::optional<std::string> SimWorld::check() {
  std::vector<MemoryStore::Row> rows = store_.rows();
  if (std::optional<std::string> wrong = check_rows(rows)) {
    PartitionProgress now = owner_.processor->progress();
    const std::optional<Error>& error = owner_.processor->error();
    return fmt::format("{} (stored until {} of {}, lost {}, {})", *wrong, now.stored_until.value, sent_.size(),
                       now.lost, error ? error->message : "no error");
  }
  PartitionProgress progress = owner_.processor->progress();
  std::uint64_t until = progress.stored_until.value;
  if (until != sent_.size()) {
    return fmt::format("stored until {} of {}, {}", until, sent_.size(),
                       owner_.processor->recovering() ? "recovering" : "running");
  }
  if (until != progress.rows + progress.repeats + progress.failed + progress.lost || progress.rows != rows.size()) {
    return fmt::format("{} != {} rows (of {}) + {} repeats + {} failed + {} lost", until, progress.rows, rows.size(),
                       progress.repeats, progress.failed, progress.lost);
  }
  if (!with_damage_ && progress.lost > 0) {
    return fmt::format("{} events are said to be lost", progress.lost);
  }
  if (store_.broken_rules().size() > rules_excused_) {
    return store_.broken_rules().back();
  }
  if (std::optional<std::string> wrong = check_views(rows)) {
    return wrong;
  }
  return check_last_checkpoint(rows);
}

// Views equal a recount, unless bytes that they need are gone: then they say that they begin later, or miss rows.
std::optional<std::string> SimWorld::check_views(const std::vector<MemoryStore::Row>& rows) {
  if (with_damage_ || with_retention_) {
    return std::nullopt;
  }
  PartitionViews& partition = owner_.views->partition(kOnlyPartition);
  for (int i = 0; i < 1000 && (partition.lanes().empty() || partition.behind()) && !stopped_; ++i) {
    step_owner();
  }
  if (partition.lanes().empty() || partition.behind()) {
    return std::string("the views do not become live");
  }
  return views_differ(*owner_.views, kOnlyPartition, rows);
}

std::optional<std::string> SimWorld::check_last_checkpoint(const std::vector<MemoryStore::Row>& rows) {
  options_.checkpoint_trail_ns = 0;  // so that the last one is of the end
  // A later record may have taken a damaged one's place in a repair that was broken off: then the sum is of the old
  // rows.
  bool hash_is_known = !with_damage_ || !with_thefts_;
  with_thefts_ = false;
  die(Death::kKill);
  catch_up();
  owner_.processor->drain();
  while (!stopped_) {
    step_owner();
  }
  Result<Checkpoint> last = last_checkpoint(*owner_.files);
  std::uint64_t hash = 0;
  for (const MemoryStore::Row& row : rows) {
    hash += row_hash(row.view(), row.place);
  }
  bool right = last.ok() && last->counts.position.value == sent_.size() && last->counts.rows == rows.size();
  if (!right || (hash_is_known && last->counts.hash != hash)) {
    return last.ok() ? fmt::format("the last checkpoint is at {} of {} with {} rows of {}, hash {} of {}",
                                   last->counts.position.value, sent_.size(), last->counts.rows, rows.size(),
                                   last->counts.hash, hash)
                     : last.error().message;
  }
  return std::nullopt;
}

namespace {

std::uint64_t seeds_to_run(std::uint64_t otherwise) {
  const char* text = std::getenv("MILLRACE_SIM_SEEDS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

class ProcessSimulation : public testing::Test {
 protected:
  // Thousands of simulated disasters would drown the report in their complaints.
  void SetUp() override {
    if (std::getenv("MILLRACE_SIM_LOG") == nullptr) {
      terminal_ = ::dup(STDERR_FILENO);
      int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
      ::dup2(nowhere, STDERR_FILENO);
      ::close(nowhere);
    }
  }
  void TearDown() override {
    sabotage = Sabotage::kNone;
    if (terminal_ >= 0) {
      ::dup2(terminal_, STDERR_FILENO);
      ::close(terminal_);
    }
  }

 private:
  int terminal_ = -1;
};

TEST_F(ProcessSimulation, EveryEventIsStoredOnceWhateverHappens) {
  const char* only = std::getenv("MILLRACE_SIM_SEED");
  std::uint64_t first = only != nullptr ? std::strtoull(only, nullptr, 10) : 1;
  std::uint64_t count = only != nullptr ? 1 : seeds_to_run(2000);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    SimWorld world(seed);
    std::optional<std::string> wrong = world.run();
    ASSERT_FALSE(wrong) << "MILLRACE_SIM_SEED=" << seed << ": " << *wrong;
  }
}

class SabotagedProcess : public ProcessSimulation, public testing::WithParamInterface<Sabotage> {};

TEST_P(SabotagedProcess, IsFoundOut) {
  sabotage = GetParam();
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    SimWorld world(seed);
    if (std::optional<std::string> wrong = world.run()) {
      std::printf("found with seed %llu: %s\n", static_cast<unsigned long long>(seed), wrong->c_str());
      return;
    }
  }
  FAIL() << "no seed shows this fault";
}

INSTANTIATE_TEST_SUITE_P(Process, SabotagedProcess,
                         testing::Values(Sabotage::kPositionAfterFlush, Sabotage::kCheckpointOffByOne,
                                         Sabotage::kForgetIds, Sabotage::kAskTooEarly, Sabotage::kCountOldEpochs,
                                         Sabotage::kWriteTwice, Sabotage::kForgetByClock, Sabotage::kHalfFailedPassed,
                                         Sabotage::kViewsCountGaps, Sabotage::kViewsNotRestarted,
                                         Sabotage::kSharedByAll, Sabotage::kRepairBehind, Sabotage::kGoOnElsewhere));

}  // namespace
}  // namespace millrace
