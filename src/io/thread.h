#pragma once
// Threads are started here alone, so that each has a name that tools show and each is joined by its owner.

#include <functional>
#include <thread>

namespace millrace {

// Runs `body` at once; the destructor waits for its end. The owner tells the body to end in its own way.
class Thread {
 public:
  // `name` is cut to 15 characters, the kernel's limit.
  Thread(const char* name, std::function<void()> body);
  ~Thread();
  Thread(Thread&&) = default;
  Thread& operator=(Thread&&) = delete;

  void join();  // at once when it has been joined already

 private:
  std::thread thread_;
};

// From now on the calling thread gets less of a CPU that isn't enough for all than threads that have not said so.
void stand_back();

}  // namespace millrace
