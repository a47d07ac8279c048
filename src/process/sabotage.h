#pragma once
// Checks the checkers: the test program is built with MILLRACE_SABOTAGE and can switch a fault of the program on, which
// the simulation must then find. In every other build the condition is the constant false.

namespace millrace {

#ifdef MILLRACE_SABOTAGE
enum class Sabotage {
  kNone,
  kPositionAfterFlush,   // the checkpoint's position is taken after the flush
  kCheckpointOffByOne,   // the checkpoint says one more than is stored
  kIdsForgottenOnStart,  // the snapshot's ids are not put back
  kRepeatIfEqual,        // an event read again is taken for its own repeat
  kNoSettle,             // the store is asked while a write may be under way
  kNoTakeover,           // rows of an older epoch go on counting
  kRetryWholeRange,      // after an unknown outcome everything is inserted again
  kForgetByClock,        // what is forgotten depends on when it is read
  kHalfFailedPassed,     // a refused batch is given up as a whole
};
inline thread_local Sabotage sabotage = Sabotage::kNone;
inline bool sabotaged(Sabotage what) { return sabotage == what; }
inline thread_local long long sabotage_clock = 0;  // for kForgetByClock
#define MR_SABOTAGED(what) ::millrace::sabotaged(::millrace::Sabotage::what)
#define MR_SABOTAGED_TIME(time) (MR_SABOTAGED(kForgetByClock) ? ::millrace::sabotage_clock : (time))
#else
#define MR_SABOTAGED(what) false
#define MR_SABOTAGED_TIME(time) (time)
#endif

}  // namespace millrace
