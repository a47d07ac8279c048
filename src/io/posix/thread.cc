#include "io/thread.h"

#include <cstring>
#include <string>
#include <utility>

#include <pthread.h>

namespace millrace {

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

}  // namespace millrace
