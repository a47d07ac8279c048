#include "load/answer.h"

#include <charconv>
#include <cstring>

namespace millrace::load {
namespace {

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

template <typename Number>
bool parse(std::string_view text, Number& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

Answer strange() {
  Answer answer;
  answer.state = Answer::State::kStrange;
  return answer;
}

}  // namespace

Answer read_answer(std::string_view bytes) {
  Answer answer;
  std::size_t head = bytes.find("\r\n\r\n");
  if (head == std::string_view::npos) {
    return bytes.size() > 16'384 ? strange() : answer;
  }
  constexpr std::string_view kVersion = "HTTP/1.1 ";
  if (!bytes.starts_with(kVersion) || !parse(bytes.substr(kVersion.size(), 3), answer.status)) {
    return strange();
  }
  std::size_t length = 0;
  bool has_length = answer.status == 204;
  std::string_view lines = bytes.substr(0, head + 2);
  for (std::size_t at = lines.find("\r\n") + 2; at < lines.size();) {
    std::size_t end = lines.find("\r\n", at);
    std::string_view line = lines.substr(at, end - at);
    at = end + 2;
    std::size_t colon = line.find(':');
    std::string_view name = line.substr(0, colon);
    std::string_view value = colon == std::string_view::npos ? "" : trim(line.substr(colon + 1));
    if (same_word(name, "content-length")) {
      has_length = parse(value, length);
    } else if (same_word(name, "connection")) {
      answer.close = same_word(value, "close");
    }
  }
  if (!has_length) {
    return strange();
  }
  answer.bytes = head + 4 + length;
  if (bytes.size() >= answer.bytes) {
    answer.state = Answer::State::kWhole;
    answer.body = bytes.substr(head + 4, length);
  }
  return answer;
}

std::uint64_t number_after(std::string_view json, std::string_view name) {
  for (std::size_t at = json.find(name); at != std::string_view::npos; at = json.find(name, at + 1)) {
    std::size_t end = at + name.size();
    if (at > 0 && json[at - 1] == '"' && json.substr(end, 2) == "\":") {
      std::uint64_t number = 0;
      std::from_chars(json.data() + end + 2, json.data() + json.size(), number);
      return number;
    }
  }
  return 0;
}

}  // namespace millrace::load
