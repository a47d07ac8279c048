#include "stream/kafka/message.h"

#include <charconv>
#include <iterator>
#include <optional>

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

constexpr std::string_view kFormatNames[] = {"packed", "gone", "damaged", "json"};  // as MessageFormat has them

std::optional<MessageFormat> take_format(std::string_view& text) {
  std::string_view word = text.substr(0, text.find(' '));
  for (std::size_t i = 0; i < std::size(kFormatNames); ++i) {
    if (word.starts_with("format=") && word.substr(7) == kFormatNames[i] && word.size() < text.size()) {
      text.remove_prefix(word.size() + 1);
      return static_cast<MessageFormat>(i);
    }
  }
  return std::nullopt;
}

// The first one that knows the format: an older program stops there.
int version_of(MessageFormat format) {
  switch (format) {
    case MessageFormat::kPacked:
      return 1;
    case MessageFormat::kGone:
    case MessageFormat::kDamaged:
      return 2;
    case MessageFormat::kJson:
      return 3;
  }
  return 0;
}

Error not_ours() { return not_found("a message of the topic is not one of Millrace"); }

}  // namespace

void format_message_info(const MessageInfo& info, std::string& text) {
  text.clear();
  fmt::format_to(std::back_inserter(text),
                 "v={} format={} generation={} events={} received={} producer={:016x} number={}",
                 version_of(info.format), kFormatNames[static_cast<std::size_t>(info.format)], info.generation.value,
                 info.events, info.received, info.producer, info.number);
}

Result<MessageInfo> parse_message_info(std::string_view text) {
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
  std::optional<MessageFormat> format = take_format(text);
  if (!format) {
    return not_ours();
  }
  info.format = *format;
  bool whole = take(text, "generation", info.generation.value) && take(text, "events", info.events) &&
               take(text, "received", info.received) && take(text, "producer", info.producer, 16) &&
               take(text, "number", info.number) && text.empty();
  bool one = info.format != MessageFormat::kJson || info.events == 1;
  if (!whole || info.events == 0 || info.events > kMessageEventsMax || !one) {
    return not_ours();
  }
  return info;
}

}  // namespace millrace
