#include "stream/kafka/message.h"

#include <charconv>

#include <fmt/format.h>

namespace millrace {
namespace {

// Takes "name=NUMBER" and the blank behind it, if there is one.
template <typename Number>
bool take(std::string_view& text, std::string_view name, Number& number, int base = 10) {
  if (!text.starts_with(name) || text.size() <= name.size() || text[name.size()] != '=') {
    return false;
  }
  const char* begin = text.data() + name.size() + 1;
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(begin, end, number, base);
  if (error != std::errc() || (stop != end && *stop != ' ')) {
    return false;
  }
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()) + (stop == end ? 0 : 1));
  return true;
}

Error not_ours() { return not_found("a message of the topic is not one of Millrace"); }

}  // namespace

void format_message_info(const MessageInfo& info, std::string& text) {
  text.clear();
  fmt::format_to(std::back_inserter(text),
                 "v={} format=packed generation={} events={} received={} producer={:016x} number={}", kMessageVersion,
                 info.generation.value, info.events, info.received, info.producer, info.number);
}

Result<MessageInfo> parse_message_info(std::string_view text) {
  constexpr std::string_view kFormat = "format=packed ";
  std::uint64_t version = 0;
  if (!take(text, "v", version) || version == 0) {
    return not_ours();
  }
  if (version > kMessageVersion) {
    return invalid(
        fmt::format("the topic has messages of format version {}, this program reads up to {}: start the newer program",
                    version, kMessageVersion));
  }
  MessageInfo info;
  if (!text.starts_with(kFormat)) {
    return not_ours();
  }
  text.remove_prefix(kFormat.size());
  bool whole = take(text, "generation", info.generation.value) && take(text, "events", info.events) &&
               take(text, "received", info.received) && take(text, "producer", info.producer, 16) &&
               take(text, "number", info.number) && text.empty();
  if (!whole || info.events == 0 || info.events > kMessageEventsMax) {
    return not_ours();
  }
  return info;
}

}  // namespace millrace
