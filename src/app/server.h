#pragma once
// Everything that `millrace serve` runs, from its settings: the one place where kinds are chosen and parts are joined.
//
// Events are taken as soon as the log is open; engine, store and processors follow on a thread of their own, which
// tries until they are there, so that a broken store never closes the door.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/settings.h"
#include "control/keys.h"

namespace millrace {

// Keys whose secrets somebody chose in the environment; an empty one is none.
struct ChosenKeys {
  std::string bootstrap;  // all scopes
  std::string feed;       // the scope feed
};

class Server {
 public:
  // `program`: absolute path of this program, which is started again as the engine's process. Errors are for people:
  // they say what to do.
  static Result<std::unique_ptr<Server>> start(const Settings& settings, const std::string& program,
                                               const ChosenKeys& chosen);
  virtual ~Server() = default;

  // "http://127.0.0.1:8080"
  virtual std::string address() const = 0;
  // Of the first start on a folder without a bootstrap key: to be shown once, now.
  virtual const std::vector<KeyStore::Created>& first_keys() const = 0;
  // Takes nothing new, answers what is under way, brings everything into the store if that takes no longer than
  // `drain_ms` (what is left is in the log and goes on at the next start), then ends the engine.
  virtual void stop(std::int64_t drain_ms) = 0;
};

}  // namespace millrace
