// B4's peers: simdjson alone compiled for this processor, yyjson (its fastest reader, into a pool that is used again)
// and nlohmann/json (SAX would keep nothing; the DOM is what programs use). Each reads every line, and looks at every
// member as the floor does.
//
//   peers EVENTS SECONDS

#include <cstddef>
#include <vector>

#include <nlohmann/json.hpp>

#include "events.h"
#include "floor.h"
#include "yyjson.h"

namespace {

std::size_t walk(yyjson_val* value) {
  if (yyjson_is_str(value)) {
    return yyjson_get_len(value);
  }
  if (yyjson_is_num(value)) {
    return static_cast<std::size_t>(yyjson_get_num(value));
  }
  if (!yyjson_is_obj(value)) {
    return yyjson_is_true(value) ? 1 : 0;
  }
  std::size_t sink = 0;
  yyjson_obj_iter members = yyjson_obj_iter_with(value);
  while (yyjson_val* key = yyjson_obj_iter_next(&members)) {
    sink += yyjson_get_len(key) + walk(yyjson_obj_iter_get_val(key));
  }
  return sink;
}

std::size_t walk(const nlohmann::json& value) {
  if (value.is_string()) {
    return value.get_ref<const std::string&>().size();
  }
  if (value.is_number()) {
    return static_cast<std::size_t>(value.get<double>());
  }
  std::size_t sink = value.is_boolean() && value.get<bool>() ? 1 : 0;
  if (value.is_object()) {
    for (const auto& [key, member] : value.items()) {
      sink += key.size() + walk(member);
    }
  }
  return sink;
}

template <typename Line>
std::size_t for_lines(std::string_view request, Line line) {
  std::size_t taken = 0;
  while (!request.empty()) {
    std::size_t end = request.find('\n');
    taken += line(request.substr(0, end)) ? 1 : 0;
    request.remove_prefix(end + 1);
  }
  return taken;
}

}  // namespace

int main(int count, char** arguments) {
  int events = count > 1 ? std::atoi(arguments[1]) : 1'000'000;
  double seconds = count > 2 ? std::atof(arguments[2]) : 1;
  std::size_t sink = 0;
  std::vector<char> pool(1 << 20);
  for (b4::Form form : {b4::Form::kUsual, b4::Form::kShuffled, b4::Form::kEscapes, b4::Form::kMalformed}) {
    b4::Load load = b4::make_load(form, events);
    b4::measure_floor("simdjson alone, -march=native", load, form, seconds, sink);
    b4::measure("yyjson", load, form, seconds, [&](std::string_view request) {
      return for_lines(request, [&](std::string_view line) {
        yyjson_alc allocator;
        yyjson_alc_pool_init(&allocator, pool.data(), pool.size());
        yyjson_doc* document = yyjson_read_opts(const_cast<char*>(line.data()), line.size(), 0, &allocator, nullptr);
        if (document == nullptr) {
          return false;
        }
        sink += walk(yyjson_doc_get_root(document));
        return true;
      });
    });
    b4::measure("nlohmann/json", load, form, seconds, [&](std::string_view request) {
      return for_lines(request, [&](std::string_view line) {
        nlohmann::json document = nlohmann::json::parse(line, nullptr, false);
        if (document.is_discarded()) {
          return false;
        }
        sink += walk(document);
        return true;
      });
    });
  }
  return sink == 42 ? 1 : 0;
}
