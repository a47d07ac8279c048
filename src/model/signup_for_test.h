#pragma once
// An event with all that is usual, for the tests of how events are written.

#include "model/event.h"

namespace millrace {

inline EventView signup() {
  EventView event;
  event.event = "signup";
  event.user_id = "u1";
  event.id_kind = IdKind::kMessage;
  event.id = "m-1";
  event.time = 1'332'051'369'000'000'000;  // 2012-03-18T06:16:09Z
  event.properties = R"({"plan":"pro","seats":3})";
  return event;
}

}  // namespace millrace
