#include "stream/progress.h"

#include <charconv>

namespace millrace {
namespace {

// Takes a decimal number and the one character behind it, which must be `stop` (0: the end of the text).
template <typename Number>
bool take_number(std::string_view& text, char stop, Number& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) {
    return false;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.empty()) {
    return stop == 0;
  }
  if (stop == 0 || text.front() != stop) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

Error not_a_position(std::string_view text) {
  return invalid("not a position: \"" + std::string(text.substr(0, 64)) +
                 "\"; pass on what an ingest answer gave, like 1/0:1024,3:88");
}

}  // namespace

std::string format_position(const Position& position) {
  std::string text = std::to_string(position.generation.value) + "/";
  for (std::size_t i = 0; i < position.ends.size(); ++i) {
    const Position::End& end = position.ends[i];
    text += (i == 0 ? "" : ",") + std::to_string(end.partition.value) + ":" + std::to_string(end.end.value);
  }
  return text;
}

Result<Position> parse_position(std::string_view text) {
  Position position;
  std::string_view rest = text;
  if (rest.find('/') == std::string_view::npos || !take_number(rest, '/', position.generation.value)) {
    return not_a_position(text);
  }
  while (!rest.empty()) {
    Position::End end;
    bool last = rest.find(',') == std::string_view::npos;
    if (!take_number(rest, ':', end.partition.value) || !take_number(rest, last ? '\0' : ',', end.end.value)) {
      return not_a_position(text);
    }
    if (!last && rest.empty()) {
      return not_a_position(text);  // a comma with nothing behind it
    }
    position.ends.push_back(end);
  }
  return position;
}

}  // namespace millrace
