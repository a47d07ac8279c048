#pragma once
// By what viewers were let in: a key, a session, a link. It is looked at again once a second, however many came by it;
// when it is good no longer, their streams end.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "http/fan_out.h"
#include "http/server.h"

namespace millrace {

// Safe from any thread.
class Passes {
 public:
  // Whether a request with this head would be let in now.
  using Admits = std::function<bool(const http::Head&)>;
  explicit Passes(Admits admits) : admits_(std::move(admits)) {}

  // The pass of a request that was let in.
  http::PassPtr of(const http::Head& head);
  // Ends those that are good no longer, and forgets those that nobody holds.
  void check();
  std::size_t size() const;

 private:
  struct Held {
    http::Head head;
    std::shared_ptr<http::Pass> pass;  // shared_ptr: see http::PassPtr
  };
  const Admits admits_;
  mutable std::mutex mutex_;
  std::map<std::string, Held> held_;
};

}  // namespace millrace
