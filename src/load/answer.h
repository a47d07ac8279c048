#pragma once
// Just enough of HTTP/1.1 to read the answers of POST /v1/events.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::load {

struct Answer {
  enum class State { kWhole, kMore, kStrange };  // kStrange: this is no answer that can be understood
  State state = State::kMore;
  std::size_t bytes = 0;  // of the whole answer
  int status = 0;
  bool close = false;  // the server closes the connection behind it
  std::string_view body;
};

// Reads the answer that `bytes` begin with. Only answers with a Content-Length (or without a body: 204) are understood.
Answer read_answer(std::string_view bytes);

// The number behind `"name":` in `json`; 0 when it isn't there. For flat objects whose names are known.
std::uint64_t number_after(std::string_view json, std::string_view name);

}  // namespace millrace::load
