#pragma once
// Ctrl-C and SIGTERM, for commands that work on for a while: asked for, or waited for, in the place of a handler.

#include <signal.h>

#include "base/strong.h"

namespace millrace::cmd {

// Made before any other thread, so that they are blocked in each; one thread asks for them between its steps.
class Interrupts {
 public:
  Interrupts() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    signal(SIGPIPE, SIG_IGN);
  }
  // Waits that long at most; true when it is time to stop.
  bool within(TimeNs wait) {
    timespec time{wait / 1'000'000'000, wait % 1'000'000'000};
    caught_ = caught_ || sigtimedwait(&signals_, nullptr, &time) > 0;
    return caught_;
  }

 private:
  sigset_t signals_;
  bool caught_ = false;
};

}  // namespace millrace::cmd
