// B4: Millrace's event parser (validates, makes records for the log) beside its floor, simdjson alone over the same
// bytes: on demand, one pass over the fields in whatever order they come, every value read and nothing kept.
//
//   parse_events EVENTS SECONDS

#include <simdjson.h>

#include "base/check.h"
#include "events.h"
#include "ingest/native/event_parser.h"

namespace {

void read_value(simdjson::ondemand::value value, std::size_t& sink) {
  switch (value.type().value_unsafe()) {
    case simdjson::ondemand::json_type::string:
      sink += value.get_string().value_unsafe().size();
      break;
    case simdjson::ondemand::json_type::number:
      sink += static_cast<std::size_t>(value.get_double().value_unsafe());
      break;
    case simdjson::ondemand::json_type::boolean:
      sink += value.get_bool().value_unsafe() ? 1 : 0;
      break;
    case simdjson::ondemand::json_type::object:
      for (auto field : value.get_object()) {
        sink += field.unescaped_key().value_unsafe().size();
        read_value(field.value(), sink);
      }
      break;
    default:
      break;
  }
}

}  // namespace

int main(int count, char** arguments) {
  int events = count > 1 ? std::atoi(arguments[1]) : 1'000'000;
  double seconds = count > 2 ? std::atof(arguments[2]) : 1;
  for (b4::Form form : {b4::Form::kUsual, b4::Form::kShuffled, b4::Form::kEscapes, b4::Form::kMalformed}) {
    b4::Load load = b4::make_load(form, events);
    simdjson::ondemand::parser floor;
    std::size_t sink = 0;
    // A broken line ends simdjson's stream: what comes behind it would not be read, and the floor would look too low.
    if (form != b4::Form::kMalformed) {
      b4::measure("simdjson alone (floor)", load, form, seconds, [&](std::string_view request) {
        simdjson::ondemand::document_stream stream;
        MR_CHECK(!floor.iterate_many(request.data(), request.size(), 1 << 20).get(stream));
        std::size_t taken = 0;
        for (auto document : stream) {
          for (auto field : document.get_object()) {
            sink += field.unescaped_key().value_unsafe().size();
            read_value(field.value(), sink);
          }
          ++taken;
        }
        return taken;
      });
    }
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
