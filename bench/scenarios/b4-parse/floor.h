#pragma once
// B4's floor: simdjson alone, on demand, one pass over the fields in whatever order they come, every value read and
// nothing kept. Compiled twice: as Millrace is (x86-64-v2), and for this very processor, as the peers are.

#include <cstdlib>

#include <simdjson.h>

#include "events.h"

namespace b4 {

inline void read_value(simdjson::ondemand::value value, std::size_t& sink) {
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

inline void measure_floor(const char* name, const Load& load, Form form, double seconds, std::size_t& sink) {
  // A broken line ends simdjson's stream: what comes behind it would not be read, and the floor would look too low.
  if (form == Form::kMalformed) {
    return;
  }
  simdjson::ondemand::parser parser;
  measure(name, load, form, seconds, [&](std::string_view request) {
    simdjson::ondemand::document_stream stream;
    if (parser.iterate_many(request.data(), request.size(), 1 << 20).get(stream)) {
      std::abort();
    }
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

}  // namespace b4
