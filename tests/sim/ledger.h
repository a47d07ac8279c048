#pragma once
// What the clients know: the oracle of the simulation, outside of the program under test. An event that was sent has a
// number, which it carries in its properties.

#include <cstdint>
#include <string>
#include <vector>

#include "base/strong.h"
#include "model/event.h"

namespace millrace {

struct SentEvent {
  std::string event, user_id, anonymous_id, id;  // id: as the log has it
  IdKind id_kind = IdKind::kNone;
  TimeNs time = kNoTime;  // none: the server's
  bool valid = true;      // else it is rejected at the door
  bool acknowledged = false;
  std::uint64_t request = 0;
};

struct SentRequest {
  std::string body;
  std::string idempotency_key;
  bool lines = false;
  bool readable = true;                // else all of it is refused
  std::uint64_t first = 0, count = 0;  // its events
  std::uint64_t process = 0;           // that it was sent to
  int status = 0;                      // 0: no answer (yet)
};

struct Ledger {
  std::vector<SentEvent> events;
  std::vector<SentRequest> requests;
};

}  // namespace millrace
