#include "app/backend.h"

#include <algorithm>
#include <chrono>

#include "app/stream_kind.h"
#include "base/log.h"

namespace millrace {
namespace {

constexpr std::int64_t kHandOverMs = 10'000;  // for what a partition's owner stores before it goes to another

}  // namespace

Backend::Backend(BackendParts parts) : parts_(std::move(parts)), hand_over_ms_(kHandOverMs) {
  opener_ = std::make_unique<Thread>("open-store", [this] { keep_opening(); });
}

Backend::~Backend() { stop(0); }

void Backend::keep_opening() {
  auto pause = std::chrono::milliseconds(100);
  for (;;) {
    Result<void> opened = open();
    if (opened.ok()) {
      parts_.health.store_trouble("");
      return;
    }
    parts_.health.store_trouble(opened.error().message);
    log_error("the store can't be opened; events are kept in the log meanwhile, and it is tried again",
              {{"reason", opened.error().message}});
    std::unique_lock lock(mutex_);
    if (woken_.wait_for(lock, pause, [this] { return stopping_; })) {
      return;
    }
    pause = std::min(pause * 2, std::chrono::milliseconds(10'000));
  }
}

Result<void> Backend::open_engine() {
  MR_ASSIGN(engine::SupervisorOptions options, engine_options(parts_.settings, parts_.data, parts_.program));
  MR_ASSIGN(engine_, engine::Supervisor::start(std::move(options), parts_.metrics));
  parts_.health.engine(engine_.get());
  engine::EngineStatus status = engine_->status();
  if (status.landlock_abi == 0) {
    log_warning(
        "this kernel has no Landlock: SQL at the engine's port could read this user's files; see docs/engine.md");
  }
  log_info("the engine is up",
           {{"pid", status.pid}, {"version", status.version}, {"public", engine_->public_address()}});
  return {};
}

ClickHouseOptions Backend::store_options() {
  ClickHouseOptions options;
  options.generation = parts_.stream.generation();
  options.declared = declared_properties(parts_.settings);
  if (engine_ == nullptr) {
    set_store(options, parts_.settings);
    return options;
  }
  options.url = "unix:" + engine_->socket_path();
  options.user = engine_->user();
  options.password = engine_->secret();
  options.restart_engine = [this] { return engine_->restart(); };
  options.flush_disk = [this] { return engine_->flush(); };
  return options;
}

Result<void> Backend::open() {
  if (parts_.settings.store_url.empty() && engine_ == nullptr) {
    MR_TRY(open_engine());
  }
  MR_ASSIGN(store_, ClickHouseStore::open(store_options(), parts_.metrics));
  if (parts_.roles.process) {
    bool shared = !parts_.roles.group.empty();
    ProcessorParts parts{parts_.stream,
                         *store_,
                         parts_.failed,
                         parts_.files,
                         parts_.metrics,
                         &parts_.views,
                         shared ? store_.get() : nullptr};
    runner_ = std::make_unique<ProcessorRunner>(parts, processor_options(parts_.settings, parts_.data), parts_.clock);
    if (shared) {
      MR_ASSIGN(group_, join_kafka_group(kafka_client_options(parts_.settings), parts_.roles.group,
                                         {[this](PartitionId partition) { runner_->begin(partition); },
                                          [this](const std::vector<PartitionId>& partitions, bool lost) {
                                            (void)runner_->end(partitions, lost, hand_over_ms_);
                                          }}));
    } else {
      runner_->start();
    }
    parts_.progress.arrive(*runner_);  // nothing of it can fail any more, to be tried again with another
  }
  parts_.store.arrive(*store_);
  std::lock_guard lock(mutex_);
  opened_ = true;
  return {};
}

Result<std::unique_ptr<ClickHouseStore>> Backend::open_store() {
  std::lock_guard lock(mutex_);
  if (!opened_ || stopping_) {
    return unavailable("the store is still starting; try again in a moment");
  }
  return ClickHouseStore::open(store_options(), parts_.metrics);
}

void Backend::stop(std::int64_t drain_ms) {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  opener_->join();
  hand_over_ms_ = drain_ms;
  group_.reset();  // the partitions go to others now, not when this member is missed
  if (runner_ != nullptr) {
    if (!runner_->stop(drain_ms) && drain_ms > 0) {
      log_warning("not everything was stored before the end; the rest is in the log and goes on at the next start");
    }
  }
  parts_.health.engine(nullptr);
}

}  // namespace millrace
