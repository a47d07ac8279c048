#pragma once
// A world of one partition in one thread, from a seed: a log that grows, a store that misbehaves, owners that die at
// any call and come back, wake up too late, or find that something was taken from under them. At the end everything
// calms down, and every event must be in the store exactly once.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "process/plain_ids_for_test.h"
#include "process/processor.h"
#include "process/sim_parts_for_test.h"
#include "process/sim_views_for_test.h"
#include "stream/memory/memory_stream.h"

namespace millrace {

class SimWorld {
 public:
  explicit SimWorld(std::uint64_t seed);
  ~SimWorld();
  // Nothing when all went well; else what is wrong.
  std::optional<std::string> run();

 private:
  struct Owner {
    std::unique_ptr<SimDisk> disk;
    std::unique_ptr<SimFiles> files;
    std::unique_ptr<SimTopic> topic;
    std::unique_ptr<SimConnection> store;
    std::unique_ptr<SimFailedEvents> failed;
    std::unique_ptr<Views> views;
    std::unique_ptr<Processor> processor;
  };
  struct Late {  // an insert that an old owner has begun and not yet sent
    EventBatch batch;
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  struct LateState {  // the same of what it leaves for the next owner
    Takeover owner;
    std::string name, bytes;
  };
  struct Sent {
    std::string project, event, user, id, properties;
    IdKind id_kind = IdKind::kNone;
    TimeNs time = 0, received = 0;
    bool damaged = false;
    std::uint64_t record = 0;  // its first sequence
    EventView view() const;
  };

  void act();
  void append();
  void start_owner(std::unique_ptr<SimDisk> disk);
  void step_owner();
  void step_old_owners();
  enum class Death { kKill, kPower, kPause };
  void die(Death death);
  void steal();
  void check_checkpoint(SimDisk& disk);
  Result<Checkpoint> last_checkpoint(FileSystem& files);
  void wake_late_insert();
  void hurt();
  void calm_down();
  void catch_up();
  std::optional<std::string> check();
  std::optional<std::string> check_views(const std::vector<MemoryStore::Row>& rows);
  std::optional<std::string> check_last_checkpoint(const std::vector<MemoryStore::Row>& rows);
  std::optional<std::string> check_rows(const std::vector<MemoryStore::Row>& rows);
  Sent make_event();
  Result<void> fate_of_call(Owner* owner);

  SimRandom random_;
  bool shared_;  // owners with folders of their own, and what moves between them in the store
  bool with_damage_;
  bool with_thefts_;
  // Damage to a record of which an old owner has stored a part, and stores the rest when it wakes, is a limit that
  // docs/exactly-once.md states: a world has damage and parts, or damage and old owners.
  bool with_old_owners_;
  bool with_parts_;
  // What was stolen must still be in the log; and a log is cut by one folder's checkpoints, not by a paused owner's
  // too. A topic that several share is cut by its age, long after the partition's owner has passed.
  bool with_retention_;
  // The store has several copies, which go and lag. Damage beside what comes late from one that has gone is a limit
  // that docs/exactly-once.md states.
  bool with_copies_;
  ProcessorOptions options_;
  MemoryStream stream_;
  MemoryStoreFaults faults_;
  MemoryStore store_;
  std::set<std::uint64_t> failed_;  // durably
  Metrics metrics_;
  TimeNs wall_;
  TimeNs monotonic_ = 0;
  TimeNs received_;
  std::vector<Sent> sent_;
  Owner owner_;
  std::vector<Owner> old_owners_;
  std::vector<Late> late_;
  std::vector<LateState> late_states_;
  bool calm_ = false;
  std::uint64_t crash_in_calls_ = 0;  // 0: not
  std::size_t rules_excused_ = 0;
  std::optional<std::string> stopped_;
};

}  // namespace millrace
