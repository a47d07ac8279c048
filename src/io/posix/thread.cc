#include "io/thread.h"

#include <cstring>
#include <string>
#include <utility>

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

namespace millrace {
namespace {

constexpr int kNiceness = 5;

}  // namespace

Thread::Thread(const char* name, std::function<void()> body)
    : thread_([thread_name = std::string(name, strnlen(name, 15)), run = std::move(body)] {
        pthread_setname_np(pthread_self(), thread_name.c_str());
        run();
      }) {}

Thread::~Thread() { join(); }

void Thread::join() {
  if (thread_.joinable()) {
    thread_.join();
  }
}

// On Linux a thread has a niceness of its own. It can't fail: more of it is always allowed.
void stand_back() { (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNiceness); }

}  // namespace millrace
