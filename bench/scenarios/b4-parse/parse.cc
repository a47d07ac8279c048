// B4: Millrace's event parser (validates, makes records for the log) beside its floor, simdjson alone over the same
// bytes.
//
//   parse_events EVENTS SECONDS

#include "base/check.h"
#include "events.h"
#include "floor.h"
#include "ingest/native/event_parser.h"

int main(int count, char** arguments) {
  int events = count > 1 ? std::atoi(arguments[1]) : 1'000'000;
  double seconds = count > 2 ? std::atof(arguments[2]) : 1;
  for (b4::Form form : {b4::Form::kUsual, b4::Form::kShuffled, b4::Form::kEscapes, b4::Form::kMalformed}) {
    b4::Load load = b4::make_load(form, events);
    std::size_t sink = 0;
    b4::measure_floor("simdjson alone (floor)", load, form, seconds, sink);
    millrace::EventParser parser(1, millrace::ParseLimits());
    millrace::ParsedBatch batch;
    b4::measure("Millrace", load, form, seconds, [&](std::string_view request) {
      MR_CHECK(parser.parse(request, {"default", "", 1, true}, batch).ok());
      return static_cast<std::size_t>(batch.accepted);
    });
    if (sink == 42) {
      std::puts("");  // so that nothing of the floor is left out
    }
  }
  return 0;
}
