#include "ingest/native/json_string.h"

#include <cstdint>

#include "base/append_format.h"

namespace millrace {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  c = static_cast<char>(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The four digits at the front of `text`, or -1.
std::int32_t hex4(std::string_view text) {
  if (text.size() < 4) {
    return -1;
  }
  std::int32_t unit = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    int digit = hex_digit(text[i]);
    if (digit < 0) {
      return -1;
    }
    unit = unit << 4 | digit;
  }
  return unit;
}

void append_utf8(std::string& to, std::uint32_t point) {
  auto put = [&to](std::uint32_t byte) { to.push_back(static_cast<char>(byte)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xc0 | point >> 6), put(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    put(0xe0 | point >> 12), put(0x80 | (point >> 6 & 0x3f)), put(0x80 | (point & 0x3f));
  } else {
    put(0xf0 | point >> 18), put(0x80 | (point >> 12 & 0x3f)), put(0x80 | (point >> 6 & 0x3f)),
        put(0x80 | (point & 0x3f));
  }
}

void append_escaped(std::string& to, std::uint32_t point) {
  switch (point) {
    case '"':
      to.append("\\\"");
      return;
    case '\\':
      to.append("\\\\");
      return;
    case '\b':
      to.append("\\b");
      return;
    case '\f':
      to.append("\\f");
      return;
    case '\n':
      to.append("\\n");
      return;
    case '\r':
      to.append("\\r");
      return;
    case '\t':
      to.append("\\t");
      return;
    default:
      break;
  }
  if (point < 0x20) {
    append_format(to, "\\u{:04x}", point);
  } else {
    append_utf8(to, point);
  }
}

// What a one-letter escape stands for; 0 when there is no such escape.
char simple_escape(char letter) {
  switch (letter) {
    case '"':
    case '\\':
    case '/':
      return letter;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

// Takes one escape from the front of `text`, which begins with a backslash.
bool take_escape(std::string_view& text, std::uint32_t& point, Verdict& verdict) {
  if (text.size() < 2) {
    return verdict.syntax("a string ends within an escape");
  }
  if (text[1] != 'u') {
    point = static_cast<unsigned char>(simple_escape(text[1]));
    text.remove_prefix(2);
    return point != 0 || verdict.syntax("a string holds an unknown escape");
  }
  std::int32_t unit = hex4(text.substr(2));
  if (unit < 0) {
    return verdict.syntax("\\u is not followed by four hexadecimal digits");
  }
  text.remove_prefix(6);
  point = static_cast<std::uint32_t>(unit);
  if (point == 0) {
    verdict.reject("a string holds the character \\u0000, which not every store can keep");
  } else if (point >= 0xd800 && point < 0xe000) {
    std::int32_t low = point < 0xdc00 && text.substr(0, 2) == "\\u" ? hex4(text.substr(2)) : -1;
    if (low >= 0xdc00 && low < 0xe000) {
      point = 0x10000 + ((point - 0xd800) << 10) + (static_cast<std::uint32_t>(low) - 0xdc00);
      text.remove_prefix(6);
    } else {
      verdict.reject("a string holds half of a surrogate pair (\\u{:04x})", point);
      point = 0xfffd;
    }
  }
  return true;
}

template <typename Append>
bool for_each_piece(std::string_view text, std::string& to, Verdict& verdict, Append append_point) {
  while (true) {
    std::size_t plain = std::min(text.find('\\'), text.size());
    to.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) {
      return true;
    }
    std::uint32_t point = 0;
    if (!take_escape(text, point, verdict)) {
      return false;
    }
    append_point(to, point);
  }
}

}  // namespace

bool unescape(std::string_view text, std::string& to, Verdict& verdict) {
  return for_each_piece(text, to, verdict, append_utf8);
}

bool canonicalize_string(std::string_view text, std::string& to, Verdict& verdict) {
  return for_each_piece(text, to, verdict, append_escaped);
}

}  // namespace millrace
