// What goes wrong in a world.

#include <algorithm>

#include "world.h"

namespace millrace {
namespace {

constexpr TimeNs kHour = 3600LL * 1'000'000'000;

MemoryStoreFaults draw_store_faults(SimRandom& random) {
  MemoryStoreFaults faults;
  faults.seed = random.next();
  int strength = static_cast<int>(random.below(4));  // calm stores too
  faults.unknown_stored = static_cast<int>(random.below(40)) * strength;
  faults.unknown_nothing = static_cast<int>(random.below(40)) * strength;
  faults.unknown_part = static_cast<int>(random.below(40)) * strength;
  faults.unknown_late = static_cast<int>(random.below(60)) * strength;
  faults.full = static_cast<int>(random.below(30)) * strength;
  faults.unavailable = static_cast<int>(random.below(30)) * strength;
  faults.settle_fails = static_cast<int>(random.below(60)) * strength;
  faults.ask_fails = static_cast<int>(random.below(20)) * strength;
  faults.flush_fails = static_cast<int>(random.below(60)) * strength;
  faults.take_over_fails = static_cast<int>(random.below(100)) * strength;
  faults.cut_tears = 300;
  return faults;
}

ProcessorOptions draw_processor(SimRandom& random) {
  ProcessorOptions options;
  options.batch_rows_max = static_cast<std::uint32_t>(1 + random.below(12));
  options.batch_age_ns_max = static_cast<std::int64_t>(random.below(3)) * 200'000'000;
  options.checkpoint_interval_ns = 1'500'000 + static_cast<std::int64_t>(random.below(4)) * 300'000'000;
  options.checkpoint_trail_ns = random.chance(200) ? 2'000'000'000 : 0;
  options.snapshot_log_bytes = 300 + random.below(3000);
  options.ids.chunk_ids = 4;
  bool forgets = random.coin();
  options.ids.ids_max = forgets ? 4 + random.below(24) : 100'000;
  options.ids.window_ns = forgets ? static_cast<std::int64_t>(1 + random.below(24)) * kHour : 1'000'000 * kHour;
  options.step_events_max = static_cast<std::uint32_t>(1 + random.below(12));
  options.scan_events = static_cast<std::uint32_t>(1 + random.below(12));
  return options;
}

LogOptions draw_log(SimRandom& random) {
  LogOptions options;
  options.partitions = static_cast<std::uint16_t>(1 + random.below(3));
  options.segment_bytes = (16 << 10) << random.below(2);
  options.retain_bytes =
      random.chance(600) ? options.partitions * options.segment_bytes * (1 + random.below(3)) : 1ULL << 40;
  options.retain_ms = random.chance(300) ? 1000 : 1'000'000'000;
  options.free_bytes_min = random.chance(300) ? 64 << 10 : 0;
  options.waiting_bytes_max = random.chance(100) ? 4 << 10 : 64 << 20;
  return options;
}

}  // namespace

void World::draw_world() {
  options_.log = draw_log(random_);
  options_.processor = draw_processor(random_);
  options_.ingest.in_flight_bytes_max = random_.chance(100) ? 8 << 10 : 64 << 20;
  options_.ingest.batch_events_max = random_.chance(100) ? 15 : 10'000;
  with_old_owners_ = random_.chance(700);
  faults_per_thousand_ = random_.below(4) * random_.below(3);
  store_faults_ = draw_store_faults(random_);
  store_.set_faults(store_faults_);
  disk_ = std::make_unique<SimDisk>(random_.next(), random_.chance(300) ? 400 << 10 : 1 << 30);
  for (std::uint16_t i = 0; i < options_.log.partitions; ++i) {
    shadows_.emplace_back(ledger_);
  }
}

void World::hurt() {
  switch (random_.below(6)) {
    case 0:
      dies_in_calls_ = 1 + random_.below(40);
      break;
    case 1: {
      constexpr SimCall kCalls[] = {SimCall::kOpen,     SimCall::kRead,   SimCall::kWrite,  SimCall::kSync,
                                    SimCall::kTruncate, SimCall::kRename, SimCall::kRemove, SimCall::kSyncFolder};
      planned_ = {kCalls[random_.below(8)], 1 + random_.below(6),
                  random_.chance(700) ? Code::kUnavailable : Code::kFull};
      break;
    }
    case 2: {
      std::uint64_t available = disk_->available_bytes();
      disk_->set_foreign_bytes(random_.coin() ? 0 : available - std::min(available, random_.below(100'000)));
      trace("{} bytes of the disk are free", disk_->available_bytes());
      break;
    }
    case 3: {
      TimeNs jump = static_cast<TimeNs>(random_.below(48)) * kHour - 24 * kHour;
      trace("the clock jumps by {} h", jump / kHour);
      clock_.set_wall(clock_.wall() + jump);
      break;
    }
    case 4:
      store_faults_ = draw_store_faults(random_);
      store_.set_faults(store_faults_);
      break;
    case 5:
      live([&] { (void)node_->failed().sync().ok(); });
      break;
  }
}

void World::may_die() {
  if (!quiet_ && dies_in_calls_ > 0 && --dies_in_calls_ == 0) {
    throw SimCrash{};
  }
}

Result<void> World::fate_of_call(SimCall call, const std::string& path) {
  if (quiet_) {
    return {};
  }
  may_die();
  bool planned = call == planned_.call && planned_.in_calls > 0 && --planned_.in_calls == 0;
  if (!planned && !random_.chance(faults_per_thousand_)) {
    return {};
  }
  Code code = planned ? planned_.code : random_.chance(800) ? Code::kUnavailable : Code::kFull;
  trace("a call fails: {} of {} ({})", static_cast<int>(call), path, name(code));
  distrusted_ |= writing_ && (call == SimCall::kWrite || call == SimCall::kSync);
  return Error{code, "the simulated disk failed: " + path};
}

}  // namespace millrace
