#pragma once
// A processor with everything it touches in memory, driven step by step.

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/time_format.h"
#include "model/record.h"
#include "process/processor.h"
#include "process/sim_parts_for_test.h"
#include "stream/memory/memory_stream.h"

namespace millrace {

inline constexpr PartitionId kPartition{0};
inline constexpr TimeNs kStart = 1'700'000'000'000'000'000LL;  // 2023-11-14T22:13:20Z
inline constexpr TimeNs kHourNs = 3'600'000 * kMillisecond;

struct TestEvent {
  TestEvent(std::string its_name = "e", std::string its_id = "",
            std::string its_user = "u")  // NOLINT(google-explicit-constructor)
      : event(std::move(its_name)), id(std::move(its_id)), user(std::move(its_user)) {}
  std::string event;
  std::string id;  // none when empty
  std::string user;
};

class ProcessFixture : public testing::Test {
 protected:
  ProcessFixture() {
    options_.folder = "/process";
    options_.checkpoint_interval_ns = 1000 * kMillisecond;
  }

  // One record; its first sequence.
  std::uint64_t append(const std::vector<TestEvent>& events, TimeNs received = kStart) {
    class Ignore final : public AppendListener {
      void appended(PartitionId, Result<SequenceRange>) override {}
    } listener;
    std::string record;
    begin_record(record, "p");
    for (const TestEvent& event : events) {
      EventView view;
      view.project = "p";
      view.event = event.event;
      view.user_id = event.user;
      view.id = event.id;
      view.id_kind = event.id.empty() ? IdKind::kNone : IdKind::kMessage;
      view.time = view.received = received;
      append_event(record, view);
    }
    std::uint64_t first = end();
    Append batch{kPartition, static_cast<std::uint32_t>(events.size()), received, record, &listener};
    EXPECT_TRUE(stream_.append(batch).ok());
    stream_.flush();
    return first;
  }
  void append_plain(int events, int in_one_record = 1) {
    for (int i = 0; i < events; i += in_one_record) {
      append(std::vector<TestEvent>(static_cast<std::size_t>(in_one_record)));
    }
  }
  std::uint64_t end() { return stream_.state(kPartition).durable_end.value; }

  void start() {
    processor_ = std::make_unique<Processor>(
        ProcessorParts{stream_, connection_, failed_, files_, metrics_, views_.get()}, options_);
  }
  StepResult step() {
    StepResult result = processor_->step(wall_, now_);
    return result;
  }
  // Steps until there is nothing to do but wait for events; time passes as it is asked for.
  void run() {
    for (int i = 0; i < 20'000; ++i) {
      StepResult result = step();
      bool idle = result.next == StepResult::Next::kEvents && progress().stored_until.value == end() &&
                  progress().checkpoint_until.value == end();
      if (result.next == StepResult::Next::kStopped || idle) {
        return;
      }
      if (result.next != StepResult::Next::kAgain) {
        now_ = std::max(now_, result.until);
      }
    }
    ADD_FAILURE() << "it never comes to rest: " << (processor_->error() ? processor_->error()->message : "");
  }
  void restart() {
    start();
    run();
  }
  void drain() {
    processor_->drain();
    while (step().next != StepResult::Next::kStopped) {
    }
  }
  PartitionProgress progress() { return processor_->progress(); }
  std::string error() { return processor_->error() ? processor_->error()->message : ""; }

  std::vector<std::uint64_t> stored() {
    std::vector<std::uint64_t> places;
    for (const MemoryStore::Row& row : store_.rows()) {
      places.push_back(row.place.sequence.value);
    }
    return places;
  }
  Checkpoint checkpoint() {
    Result<Checkpoint> loaded = load_checkpoint(files_, options_.folder, stream_.generation(), kPartition);
    EXPECT_TRUE(loaded.ok()) << loaded.error().message;
    return loaded.ok() ? *loaded : Checkpoint{};
  }
  void damage_file(const std::string& path, std::size_t at) {
    std::string bytes = read_file(files_, path, 1 << 20).value();
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    EXPECT_TRUE(replace_file(files_, path, bytes).ok());
  }
  std::vector<std::string> files_named(const std::string& prefix) {
    std::vector<std::string> found;
    std::vector<std::string> names = files_.list(options_.folder).value();
    for (const std::string& name : names) {
      if (name.starts_with(prefix)) {
        found.push_back(options_.folder + "/" + name);
      }
    }
    return found;
  }

  ProcessorOptions options_;
  MemoryStream stream_{MemoryStreamOptions{Generation(1), 1, 64 << 20, false}};
  MemoryStore store_;
  SimConnection connection_{store_};
  SimFailedEvents failed_;
  SimMachine machine_{"/process"};
  SimFiles& files_ = machine_.files;
  Metrics metrics_;
  std::unique_ptr<Views> views_;  // none, unless a test makes some
  TimeNs wall_ = kStart;
  TimeNs now_ = 0;
  std::unique_ptr<Processor> processor_;
};

}  // namespace millrace
