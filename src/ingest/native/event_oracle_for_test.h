#pragma once
// What a body of events means, read slowly and by other means: Boost.JSON's parser, strtod and sscanf, and the rules of
// docs/guides/sending-events.md written down once more. The oracle of event_parser_fuzz.cc.

#include <cmath>
#include <cstdio>
#include <ctime>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/src.hpp>
#include <fmt/format.h>

#include "ingest/native/event_time.h"
#include "ingest/native/limits.h"

namespace millrace::oracle {

struct Node {
  enum class Kind { kNull, kBool, kNumber, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  bool boolean = false;
  std::string text;  // of a string, unescaped; of a number, as it was written
  std::vector<std::string> keys;
  std::vector<Node> parts;
};

// Builds a Node from what Boost.JSON's parser tells.
class Builder {
 public:
  static constexpr std::size_t max_object_size = ~std::size_t{0}, max_array_size = max_object_size,
                               max_key_size = max_object_size, max_string_size = max_object_size;
  using View = boost::json::string_view;
  using Code = boost::json::error_code;

  Node root;

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) { return open(Node::Kind::kObject); }
  bool on_object_end(std::size_t, Code&) { return close(); }
  bool on_array_begin(Code&) { return open(Node::Kind::kArray); }
  bool on_array_end(std::size_t, Code&) { return close(); }
  bool on_key_part(View text, std::size_t, Code&) { return text_.append(text.data(), text.size()), true; }
  bool on_key(View text, std::size_t, Code&) {
    text_.append(text.data(), text.size());
    open_.back()->keys.push_back(std::exchange(text_, {}));
    return true;
  }
  bool on_string_part(View text, std::size_t, Code&) { return text_.append(text.data(), text.size()), true; }
  bool on_string(View text, std::size_t, Code&) {
    text_.append(text.data(), text.size());
    add(Node::Kind::kString).text = std::exchange(text_, {});
    return true;
  }
  bool on_number_part(View text, Code&) { return text_.append(text.data(), text.size()), true; }
  bool on_int64(std::int64_t, View text, Code&) { return number(text); }
  bool on_uint64(std::uint64_t, View text, Code&) { return number(text); }
  bool on_double(double, View text, Code&) { return number(text); }
  bool on_bool(bool value, Code&) { return add(Node::Kind::kBool).boolean = value, true; }
  bool on_null(Code&) { return add(Node::Kind::kNull), true; }
  bool on_comment_part(View, Code&) { return true; }
  bool on_comment(View, Code&) { return true; }

 private:
  Node& add(Node::Kind kind) {
    Node& node = open_.empty() ? root : open_.back()->parts.emplace_back();
    node.kind = kind;
    return node;
  }
  bool open(Node::Kind kind) { return open_.push_back(&add(kind)), true; }
  bool close() { return open_.pop_back(), true; }
  bool number(View text) {
    text_.append(text.data(), text.size());
    add(Node::Kind::kNumber).text = std::exchange(text_, {});
    return true;
  }
  std::vector<Node*> open_;  // a parent's parts don't move while a child is open
  std::string text_;
};

// kUnsure: a number that this parser can't read. kHalfPair: half of a surrogate pair; RFC 8259's grammar lets it pass,
// this parser reads no further, and the event that has it is to be rejected.
enum class Reading { kGood, kBad, kUnsure, kHalfPair };

// The first half of a pair behind which no escape follows: to this parser an error like any other.
inline bool has_first_half_alone(std::string_view text) {
  for (std::size_t at = text.find('\\'); at != std::string_view::npos; at = text.find('\\', at + 2)) {
    std::string_view escape = text.substr(at, 6);
    bool first_half = escape.size() == 6 && escape[1] == 'u' && (escape[2] | 0x20) == 'd' &&
                      std::string_view("89abAB").find(escape[3]) != std::string_view::npos;
    if (first_half && text.substr(at + 6, 2) != "\\u") return true;
  }
  return false;
}

inline Reading read(std::string_view text, Node& into) {
  boost::json::parse_options options;
  options.max_depth = 5000;
  boost::json::basic_parser<Builder> parser(options);
  boost::json::error_code error;
  std::size_t taken = parser.write_some(false, text.data(), text.size(), error);
  if (error == boost::json::error::exponent_overflow || error == boost::json::error::too_deep) return Reading::kUnsure;
  if (error == boost::json::error::illegal_leading_surrogate ||
      error == boost::json::error::illegal_trailing_surrogate || error == boost::json::error::expected_utf16_escape)
    return Reading::kHalfPair;
  if (error) return has_first_half_alone(text) ? Reading::kHalfPair : Reading::kBad;
  for (; taken < text.size(); ++taken) {
    if (std::string_view(" \t\r\n").find(text[taken]) == std::string_view::npos) return Reading::kBad;
  }
  into = std::move(parser.handler().root);
  return Reading::kGood;
}

inline std::string quoted(std::string_view text) {
  std::string to = "\"";
  for (char c : text) {
    std::size_t named = std::string_view("\"\\\b\f\n\r\t").find(c);
    if (named != std::string_view::npos) {
      to += {'\\', "\"\\bfnrt"[named]};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      to += fmt::format("\\u{:04x}", c);
    } else {
      to += c;
    }
  }
  return to + '"';
}

inline bool is_integer(const std::string& number) { return number.find_first_of(".eE") == std::string::npos; }
inline bool fits_64_bits(const std::string& number) {
  bool negative = number[0] == '-';
  std::string digits = number.substr(negative);
  const std::string most = negative ? "9223372036854775808" : "18446744073709551615";
  return digits.size() < most.size() || (digits.size() == most.size() && digits <= most);
}

// An event as it should come out, and whether it should.
struct Event {
  std::string fault;           // empty: it is to be taken
  bool time_may_fail = false;  // a time in a form that this oracle doesn't judge
  std::string event, user_id, anonymous_id, session_id, message_id;
  std::string properties = "{}", context = "{}";
  std::size_t properties_count = 0;
  std::optional<TimeNs> time, sent;  // nothing: not there, or not judged
};

class Judge {
 public:
  Event judge(const Node& node) {
    if (node.kind != Node::Kind::kObject) return fail("no object"), event_;
    for (std::size_t i = 0; i < node.keys.size(); ++i) member(node.keys[i], node.parts[i]);
    if (event_.event.empty()) fail("no event");
    return event_;
  }

 private:
  void fail(const std::string& why) {
    if (event_.fault.empty()) event_.fault = why;
  }

  void member(const std::string& key, const Node& value) {
    if (key.find('\0') != std::string::npos) fail("a zero in a key");
    if (key == "event") return text(value, event_.event, kEventNameBytesMax, false);
    if (key == "user_id") return text(value, event_.user_id, kIdBytesMax, true);
    if (key == "anonymous_id") return text(value, event_.anonymous_id, kIdBytesMax, true);
    if (key == "session_id") return text(value, event_.session_id, kIdBytesMax, true);
    if (key == "message_id") return text(value, event_.message_id, kIdBytesMax, true);
    if (key == "timestamp") return time(value, event_.time);
    if (key == "sent_at") return time(value, event_.sent);
    if (key == "properties" || key == "context") {
      std::string& to = key == "context" ? event_.context : event_.properties;
      to = "{}";
      if (key == "properties") event_.properties_count = 0;
      if (value.kind == Node::Kind::kNull) return;
      if (value.kind != Node::Kind::kObject) return fail("no object");
      to = canonical(value, 2);
      if (key == "properties")
        event_.properties_count = std::set<std::string>(value.keys.begin(), value.keys.end()).size();
      return;
    }
    fail("no such field");
  }

  void text(const Node& value, std::string& to, std::size_t bytes_max, bool numbers) {
    to.clear();
    if (value.kind == Node::Kind::kNull) return;
    if (value.kind != Node::Kind::kString && !(numbers && value.kind == Node::Kind::kNumber)) return fail("no text");
    to = value.text;
    if (to.size() > bytes_max) fail("too long");
    if (to.find('\0') != std::string::npos) fail("a zero");
  }

  void time(const Node& value, std::optional<TimeNs>& to) {
    to.reset();
    if (value.kind == Node::Kind::kNull) return;
    if (value.kind != Node::Kind::kString && value.kind != Node::Kind::kNumber) return fail("no time");
    if (value.text.find('\0') != std::string::npos) return fail("a zero");
    to = plain_time(value.text);
    event_.time_may_fail |= !to;
  }

  // The usual forms, of 1901 to 2260: whole numbers, and RFC 3339 with at most nine digits of fraction.
  static std::optional<TimeNs> plain_time(const std::string& text) {
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, used = 0;
    if (text.size() < 18 && !text.empty() && text.find_first_not_of("0123456789") == std::string::npos) {
      std::int64_t number = std::strtoll(text.c_str(), nullptr, 10);
      return number * (number < 5'000'000'000           ? 1'000'000'000
                       : number < 5'000'000'000'000     ? 1'000'000
                       : number < 5'000'000'000'000'000 ? 1'000
                                                        : 1);
    }
    bool shaped = text.size() >= 20 && text[4] == '-' && text[7] == '-' && text[10] == 'T' && text[13] == ':' &&
                  text[16] == ':' && text.substr(0, 19).find_first_not_of("0123456789-T:") == std::string::npos &&
                  std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second,
                              &used) == 6 &&
                  used == 19;
    std::string rest = shaped ? text.substr(19) : "";
    std::int64_t fraction = 0;
    if (rest.size() > 1 && rest[0] == '.') {
      std::size_t digits = rest.find_first_not_of("0123456789", 1) - 1;
      if (digits < 1 || digits > 9) return std::nullopt;
      fraction = std::strtoll((rest.substr(1, digits) + std::string(9 - digits, '0')).c_str(), nullptr, 10);
      rest.erase(0, digits + 1);
    }
    std::tm date{second, minute, hour, day, month - 1, year - 1900, 0, 0, 0, 0, nullptr};
    std::time_t seconds = ::timegm(&date);
    bool real = date.tm_mday == day && date.tm_mon == month - 1 && date.tm_hour == hour && date.tm_min == minute &&
                date.tm_sec == second;
    if (rest != "Z" || !real || year < 1901 || year > 2260) return std::nullopt;
    return seconds * 1'000'000'000 + fraction;
  }

  std::string canonical(const Node& node, std::size_t depth) {
    switch (node.kind) {
      case Node::Kind::kNull:
        return "null";
      case Node::Kind::kBool:
        return node.boolean ? "true" : "false";
      case Node::Kind::kString:
        if (node.text.find('\0') != std::string::npos) fail("a zero");
        return quoted(node.text);
      case Node::Kind::kNumber:
        return number(node.text);
      default:
        return container(node, depth);
    }
  }

  std::string number(const std::string& text) {
    double nearest = std::strtod(text.c_str(), nullptr);
    if (std::isinf(nearest)) fail("too large a number");
    if (!is_integer(text)) return text;
    if (text == "-0") return "0";
    return fits_64_bits(text) ? text : fmt::format("{}", nearest);
  }

  std::string container(const Node& node, std::size_t depth) {
    if (depth > kDepthMax) return fail("too deep"), "";
    bool object = node.kind == Node::Kind::kObject;
    std::vector<std::string> members;
    std::set<std::string> later;
    for (const std::string& key : node.keys) check_key(key);
    for (std::size_t i = node.parts.size(); i-- > 0;) {
      std::string value = canonical(node.parts[i], depth + 1);
      if (!object) {
        members.push_back(value);
      } else if (later.insert(node.keys[i]).second) {
        members.push_back(quoted(node.keys[i]) + ":" + value);
      }
    }
    std::reverse(members.begin(), members.end());
    return fmt::format("{}{}{}", object ? "{" : "[", fmt::join(members, ","), object ? "}" : "]");
  }

  void check_key(const std::string& key) {
    if (key.find('\0') != std::string::npos) fail("a zero in a key");
    if (quoted(key).size() - 2 > kKeyBytesMax) fail("too long a key");
    if (++keys_ > kKeysMax) fail("too many keys");
  }

  Event event_;
  std::size_t keys_ = 0;
};

}  // namespace millrace::oracle
