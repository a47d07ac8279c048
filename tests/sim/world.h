#pragma once
// One machine, its clients and its store, in one thread, from a seed: requests come, the parts take their steps in any
// order, calls fail, disks fill up, clocks jump, the process dies at any call, power is cut, old owners wake up too
// late. In the end all calms down, and what was promised is checked against the clients' ledger.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/json.h"
#include "client.h"
#include "node.h"
#include "shadow.h"

namespace millrace {

class World {
 public:
  World(std::uint64_t seed, bool trace);
  ~World();
  // Nothing when all went well; else what is wrong.
  std::optional<std::string> run();
  std::uint64_t requests() const { return ledger_.requests.size(); }

 private:
  enum class Death { kKill, kPower, kPause };
  struct LateInsert {  // begun by an owner and not yet sent
    EventBatch batch;
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  struct PlannedFault {
    SimCall call = SimCall::kWrite;
    std::uint64_t in_calls = 0;  // 0: none
    Code code = Code::kUnavailable;
  };

  // world.cc: what happens
  void act();
  void start_node();
  void join_node(Node& node);
  void send();
  void told(std::uint64_t request, std::uint64_t process, const http::Response& response);
  void step_writer();
  void step_housekeeping();
  void step_processor(std::size_t partition);
  void pass_time();
  void die(Death death);
  void stop_gracefully();
  void wake_late_insert();
  void step_old_nodes();
  void calm_down();
  void catch_up();
  // Runs something that may be the last that the process does.
  template <typename Work>
  void live(Work work) {
    try {
      work();
    } catch (const SimCrash&) {
      die(random_.chance(400) ? Death::kPower : Death::kKill);
    }
  }
  bool all_stored();

  // fate.cc: what goes wrong
  void draw_world();
  void hurt();
  Result<void> fate_of_call(SimCall call, const std::string& path);
  void may_die();

  // check.cc: what must hold
  void fail(std::string what);
  void check_answer(const SentRequest& request, const Json& answer);
  void look_at_log(bool again);
  void check_after_death();
  void check_checkpoint(PartitionId partition, bool last);
  void check_node();
  void check_requests();
  void check_partition(PartitionId partition);
  void check_failed_events();
  void check_views();
  void check_end();

  template <typename... Args>
  void trace(fmt::format_string<Args...> format, Args&&... args) {
    if (trace_) {
      fmt::print("{:9.3f} {}\n", static_cast<double>(monotonic_) / 1e9,
                 fmt::format(format, std::forward<Args>(args)...));
    }
  }

  const bool trace_;
  SimRandom random_;
  NodeOptions options_;
  bool with_old_owners_ = false;
  std::uint64_t faults_per_thousand_ = 0;  // of a node's calls
  MemoryStoreFaults store_faults_;

  ManualClock clock_;
  TimeNs monotonic_ = 0;  // since the world began; for traces
  std::unique_ptr<SimDisk> disk_;
  MemoryStore store_;
  Ledger ledger_;
  Client client_;
  std::vector<Shadow> shadows_;  // of each partition

  std::unique_ptr<Node> node_;
  struct OldNode {
    std::unique_ptr<SimDisk> disk;
    std::unique_ptr<Node> node;
  };
  std::vector<OldNode> old_nodes_;
  std::vector<LateInsert> late_;
  std::vector<std::pair<PartitionId, std::uint64_t>> unstorable_;  // places whose events the store must have refused
  std::uint64_t processes_ = 0;
  std::uint64_t dies_in_calls_ = 0;  // 0: not
  PlannedFault planned_;
  bool quiet_ = false;  // nothing fails: calm, or the simulation itself looks
  bool writing_ = false;
  bool distrusted_ = false;  // a write or sync of the log failed in this process
  std::size_t rules_excused_ = 0;
  std::optional<std::string> wrong_;
};

}  // namespace millrace
