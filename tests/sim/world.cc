#include "world.h"

#include <algorithm>
#include <utility>

namespace millrace {
namespace {

constexpr TimeNs kStart = 1'700'000'000'000'000'000;
constexpr TimeNs kOneSecond = 1'000'000'000;

}  // namespace

World::World(std::uint64_t seed, bool trace)
    : trace_(trace), random_(seed * 7919 + 1), clock_(kStart), client_(ledger_, random_) {
  draw_world();
}

World::~World() = default;

std::optional<std::string> World::run() {
  std::uint64_t actions = 50 + random_.below(500);
  for (std::uint64_t i = 0; i < actions && !wrong_; ++i) {
    act();
  }
  if (!wrong_) {
    calm_down();
  }
  if (!wrong_) {
    check_end();
  }
  return wrong_;
}

void World::act() {
  if (node_ == nullptr) {
    start_node();
    return;
  }
  std::uint64_t draw = random_.below(1000);
  if (draw < 220) {
    send();
  } else if (draw < 450) {
    step_writer();
  } else if (draw < 550) {
    step_housekeeping();
  } else if (draw < 850) {
    step_processor(random_.below(shadows_.size()));
  } else if (draw < 890) {
    pass_time();
  } else if (draw < 920) {
    step_old_nodes();
  } else if (draw < 930) {
    wake_late_insert();
  } else if (draw < 940) {
    constexpr Death kDeaths[] = {Death::kPower, Death::kKill, Death::kPause};
    die(kDeaths[random_.below(3)]);
  } else if (draw < 945) {
    stop_gracefully();
  } else {
    hurt();
  }
}

void World::start_node() {
  auto node = std::make_unique<Node>(++processes_, *disk_, store_, clock_, options_);
  distrusted_ = false;
  node->files.before = [this](SimCall call, const std::string& path) { return fate_of_call(call, path); };
  node->files.after = [this](SimCall, const std::string&) { may_die(); };
  Result<void> started;
  try {
    started = node->start();
  } catch (const SimCrash&) {
    trace("process {} dies while it starts", processes_);
    node.reset();
    die(random_.chance(400) ? Death::kPower : Death::kKill);
    return;
  }
  if (!started.ok()) {
    trace("process {} can't start: {}", processes_, started.error().message);
    if (quiet_) {
      fail("it can't be started: " + started.error().message);
    }
    return;
  }
  trace("process {} is up", processes_);
  node_ = std::move(node);
  join_node(*node_);
  look_at_log(true);
}

void World::join_node(Node& node) {
  for (std::size_t i = 0; i < node.connections().size(); ++i) {
    SimConnection& store = *node.connections()[i];
    store.hook = [this] {
      may_die();
      return Result<void>();
    };
    Processor* processor = node.processors()[i].get();
    store.keep_back = [this, processor](const EventBatch& batch, std::size_t begin, std::size_t end) {
      // A repair writes for an older epoch; that it may come late is a limit that docs/exactly-once.md states.
      bool kept = with_old_owners_ && !quiet_ && random_.chance(6) && batch.epoch == processor->epoch();
      if (kept) {
        trace("an insert of partition {} is begun and not sent", batch.partition.value);
        late_.push_back({batch, begin, end});
      }
      return kept;
    };
  }
}

void World::send() {
  std::uint64_t number = client_.make(clock_.wall());
  SentRequest& request = ledger_.requests[number];
  request.process = node_->number;
  trace("request {}: events {} to {}{}", number, request.first, request.first + request.count - 1,
        request.readable ? "" : ", no JSON");
  live([&] {
    node_->post(
        request.body, request.idempotency_key, request.lines,
        [this, number, process = node_->number](const http::Response& response) { told(number, process, response); });
  });
}

void World::told(std::uint64_t number, std::uint64_t process, const http::Response& response) {
  SentRequest& request = ledger_.requests[number];
  trace("request {} is answered {}", number, response.status);
  if (request.status != 0 || request.process != process) {
    return fail(fmt::format("request {} is answered twice", number));
  }
  request.status = response.status;
  if (response.status != 200) {
    return;
  }
  if (distrusted_) {
    return fail(fmt::format("request {} is acknowledged after a write or sync of the log has failed", number));
  }
  Result<Json> answer = Json::parse(response.body);
  if (!answer.ok()) {
    return fail("an answer is not JSON: " + response.body);
  }
  check_answer(request, *answer);
}

void World::step_writer() {
  PartitionId partition(static_cast<std::uint16_t>(random_.below(shadows_.size())));
  writing_ = true;
  live([&] {
    if (node_->log().step_writer(partition) == WriterStep::kNoSpare && random_.coin()) {
      writing_ = false;
      node_->log().step_housekeeping();
    }
  });
  writing_ = false;
}

void World::step_housekeeping() {
  live([&] { node_->log().step_housekeeping(); });
}

void World::step_processor(std::size_t partition) {
  live([&] {
    StepResult result = node_->processors()[partition]->step(clock_.wall(), clock_.monotonic());
    if (result.next == StepResult::Next::kStopped) {
      const std::optional<Error>& error = node_->processors()[partition]->error();
      if (error) {
        return fail(fmt::format("partition {} stopped: {}", partition, error->message));
      }
    } else if (result.next == StepResult::Next::kTime && result.until > clock_.monotonic() && random_.coin()) {
      clock_.advance(result.until - clock_.monotonic());
    }
    clock_.advance(1'000'000);
    monotonic_ += 1'000'000;
  });
}

void World::pass_time() {
  TimeNs passed = static_cast<TimeNs>(random_.below(2 * kOneSecond));
  if (random_.chance(60)) {
    passed += static_cast<TimeNs>(random_.below(40)) * 3600 * kOneSecond;  // nights, and now and then a month's end
  }
  monotonic_ += passed;
  clock_.advance(passed);
}

void World::die(Death death) {
  dies_in_calls_ = 0;
  planned_ = {};
  writing_ = false;
  if (node_ != nullptr) {
    look_at_log(false);
    check_node();
  }
  bool pauses = death == Death::kPause && with_old_owners_ && node_ != nullptr &&
                std::none_of(node_->processors().begin(), node_->processors().end(),
                             [](const auto& processor) { return processor->recovering(); });
  if (pauses) {
    trace("process {} pauses; another goes on without it", node_->number);
    std::unique_ptr<SimDisk> fresh = disk_->copy(random_.next());
    old_nodes_.push_back({std::exchange(disk_, std::move(fresh)), std::move(node_)});
  } else {
    trace("the process dies{}", death == Death::kPower ? ", power is cut" : "");
    node_.reset();
  }
  if (death == Death::kPower) {
    std::uint64_t which = random_.below(4);  // the log's disk, the store's, mostly both
    if (which != 0) {
      disk_->cut_power();
    }
    if (which != 1) {
      store_.cut_power();
    }
  }
  check_after_death();
}

void World::stop_gracefully() {
  trace("process {} is told to end", node_->number);
  live([&] {
    node_->log().stop();
    look_at_log(false);
    for (std::size_t i = 0; i < shadows_.size(); ++i) {
      node_->processors()[i]->drain();
      for (int steps = 0; steps < 300 && node_ != nullptr && !wrong_; ++steps) {
        StepResult result = node_->processors()[i]->step(clock_.wall(), clock_.monotonic());
        if (result.next == StepResult::Next::kStopped) {
          break;
        }
        clock_.advance(std::max<TimeNs>(result.until - clock_.monotonic(), 0) + 1'000'000);
      }
    }
    (void)node_->failed().sync().ok();
    die(Death::kKill);
  });
}

void World::wake_late_insert() {
  if (late_.empty()) {
    return;
  }
  LateInsert late = std::move(late_.front());
  late_.erase(late_.begin());
  trace("an old insert of partition {} is sent", late.batch.partition.value);
  store_.script(InsertFate::kStored);
  std::size_t rules = store_.broken_rules().size();
  (void)store_.insert(late.batch, late.begin, late.end).ok();
  rules_excused_ += store_.broken_rules().size() - rules;  // its owner had settled nothing: it is that bad
}

void World::step_old_nodes() {
  if (old_nodes_.empty()) {
    return;
  }
  // The store holds unknown outcomes against the partition, not against the owner that has to settle them.
  MemoryStoreFaults none;
  none.seed = random_.next();
  store_.set_faults(none);
  std::size_t rules = store_.broken_rules().size();
  for (OldNode& old : old_nodes_) {
    if (old.node == nullptr) {
      continue;
    }
    try {
      (void)old.node->processors()[random_.below(shadows_.size())]->step(clock_.wall(), clock_.monotonic());
    } catch (const SimCrash&) {
      dies_in_calls_ = 0;
      trace("process {}, an old one, dies", old.node->number);
      old.node.reset();  // for good
    }
  }
  rules_excused_ += store_.broken_rules().size() - rules;
  store_faults_.seed = random_.next();
  store_.set_faults(store_faults_);
}

bool World::all_stored() {
  for (std::size_t i = 0; i < shadows_.size(); ++i) {
    Processor& processor = *node_->processors()[i];
    PartitionViews& views = node_->views().partition(PartitionId(static_cast<std::uint16_t>(i)));
    bool stored = !processor.recovering() && processor.progress().stored_until.value == shadows_[i].size();
    if (!stored || views.lanes().empty() || views.behind()) {
      return false;
    }
  }
  return true;
}

void World::calm_down() {
  trace("all calms down");
  quiet_ = true;
  disk_->set_foreign_bytes(0);
  disk_->set_capacity_bytes(1ULL << 40);
  store_faults_ = {};
  store_faults_.seed = random_.next();
  store_.set_faults(store_faults_);
  while (!late_.empty()) {
    wake_late_insert();
  }
  // A process whose disk has failed it needs a restart.
  if (random_.coin() || node_ == nullptr || !node_->log().health().ok() || !node_->failed().sync().ok()) {
    die(Death::kKill);
  }
  catch_up();
}

void World::catch_up() {
  if (node_ == nullptr && !wrong_) {
    start_node();
  }
  for (int round = 0; round < 5000 && !wrong_; ++round) {
    bool idle = true;
    for (std::size_t i = 0; i < shadows_.size() && !wrong_; ++i) {
      PartitionId partition(static_cast<std::uint16_t>(i));
      idle &= node_->log().step_writer(partition) == WriterStep::kIdle;
      step_processor(i);
    }
    node_->log().step_housekeeping();
    if (round % 8 == 0) {
      step_old_nodes();
    }
    look_at_log(false);
    if (idle && all_stored()) {
      return;
    }
    clock_.advance(50'000'000);
  }
  if (!wrong_) {
    fail("it doesn't catch up");
  }
}

}  // namespace millrace
