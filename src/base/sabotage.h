#pragma once
// Checks the checkers: faults of the program that can be switched on, and that a test must then find.
//
//   cmake -DMILLRACE_SABOTAGE=skip-fsync …   a build that is wrong in this one way
//   MILLRACE_SABOTAGE_SWITCH                 defined for test programs that choose while they run
//
// In every other build sabotaged() is the constant false. docs/reliability.md says what finds each of them.

#include <string_view>

#include "base/strong.h"

namespace millrace {

enum class Sabotage {
  kNone,
  kSkipFsync,           // the log is written and not synced
  kAcknowledgeEarly,    // the answer goes out before the sync
  kCheckpointOffByOne,  // the checkpoint says one more than is stored
  kForgetIds,           // the snapshot's ids are not put back at a start
  kRepeatOfItself,      // an event that is read again is taken for its own repeat
  kAskTooEarly,         // the store is asked while a write may be under way
  kCountOldEpochs,      // rows of an older epoch go on counting
  kWriteTwice,          // after an unknown outcome everything is inserted again
  kPositionAfterFlush,  // the checkpoint's position is taken after the flush
  kForgetByClock,       // what is forgotten depends on when it is read
  kHalfFailedPassed,    // a refused batch is given up as a whole
  kViewsCountGaps,      // a view that is read from the log again counts places without a row
  kSharedByAll,         // what owners leave in the store is one for all of them: an old one's counts, too
  kRepairBehind,        // rows that a lagging copy of the store lacks are taken for lost, and written again
  kGoOnElsewhere,       // another copy of the store is gone on with as if it were the same
  kViewsNotRestarted,   // a view keeps what it has counted of events that the store then refused
};

struct SabotageName {
  Sabotage what;
  std::string_view name;
};
inline constexpr SabotageName kSabotages[] = {
    {Sabotage::kSkipFsync, "skip-fsync"},
    {Sabotage::kAcknowledgeEarly, "acknowledge-early"},
    {Sabotage::kCheckpointOffByOne, "checkpoint-off-by-one"},
    {Sabotage::kForgetIds, "forget-ids"},
    {Sabotage::kRepeatOfItself, "repeat-of-itself"},
    {Sabotage::kAskTooEarly, "ask-too-early"},
    {Sabotage::kCountOldEpochs, "count-old-epochs"},
    {Sabotage::kWriteTwice, "write-twice"},
    {Sabotage::kPositionAfterFlush, "position-after-flush"},
    {Sabotage::kForgetByClock, "forget-by-clock"},
    {Sabotage::kHalfFailedPassed, "half-failed-passed"},
    {Sabotage::kViewsCountGaps, "views-count-gaps"},
    {Sabotage::kSharedByAll, "shared-by-all"},
    {Sabotage::kRepairBehind, "repair-behind"},
    {Sabotage::kGoOnElsewhere, "go-on-elsewhere"},
    {Sabotage::kViewsNotRestarted, "views-not-restarted"},
};

// kNone when there is none of this name.
constexpr Sabotage sabotage_named(std::string_view name) {
  for (const SabotageName& one : kSabotages) {
    if (one.name == name) {
      return one.what;
    }
  }
  return Sabotage::kNone;
}

#if defined(MILLRACE_SABOTAGE_SWITCH)
inline thread_local Sabotage sabotage = Sabotage::kNone;
inline bool sabotaged(Sabotage what) { return sabotage == what; }
#elif defined(MILLRACE_SABOTAGE)
static_assert(sabotage_named(MILLRACE_SABOTAGE) != Sabotage::kNone, "MILLRACE_SABOTAGE names no sabotage");
constexpr bool sabotaged(Sabotage what) { return what == sabotage_named(MILLRACE_SABOTAGE); }
#else
constexpr bool sabotaged(Sabotage) { return false; }
#endif

// For kForgetByClock: the time at which an entry is read.
#if defined(MILLRACE_SABOTAGE_SWITCH) || defined(MILLRACE_SABOTAGE)
inline thread_local TimeNs sabotage_clock = 0;
inline void tell_sabotage_clock(TimeNs now) { sabotage_clock = now; }
inline TimeNs sabotaged_time(TimeNs time) { return sabotaged(Sabotage::kForgetByClock) ? sabotage_clock : time; }
#else
inline void tell_sabotage_clock(TimeNs) {}
constexpr TimeNs sabotaged_time(TimeNs time) { return time; }
#endif

}  // namespace millrace
