#include "ingest/native/plain_object.h"

#include <algorithm>

#include "base/bytes.h"
#include "ingest/native/canonical.h"
#include "ingest/native/json_number.h"
#include "ingest/native/limits.h"
#include "model/property_index.h"

namespace millrace {

namespace {

// Whether a plain value, with its type, fills `begin` to `end`.
bool plain_value(const char* begin, const char* end, const char* limit, PropertyType& type) {
  auto bytes = static_cast<std::size_t>(end - begin);
  switch (*begin) {
    case '"':
      type = PropertyType::kString;
      return bytes >= 2 && end[-1] == '"';
    case 't':
    case 'f':
      type = PropertyType::kBool;
      return literal_bytes(begin, limit) == bytes;
    case 'n':
      type = PropertyType::kNull;
      return literal_bytes(begin, limit) == bytes;
    case '{':
    case '[':
      return false;
    default: {
      JsonNumber number = scan_number(begin, limit);
      type = number.type;
      return number.text.size() == bytes && number.in_range && !number.rewrite;
    }
  }
}

// Equal for equal keys. Eight bytes from its beginning can be read, whatever its length.
std::uint64_t fingerprint(const char* key, std::size_t bytes) {
  std::uint64_t first = load_le<std::uint64_t>(key);
  std::uint64_t last = 0;
  if (bytes >= 8) {
    last = load_le<std::uint64_t>(key + bytes - 8);
  } else {
    first &= (std::uint64_t{1} << (8 * bytes)) - 1;
  }
  std::uint64_t mixed = (first ^ (last << 29 | last >> 35) ^ bytes) * 0x9e3779b97f4a7c15;
  return mixed ^ mixed >> 32;
}

}  // namespace

// A member takes four tokens: key, colon, value, and the comma or brace behind it. There are no blanks between them
// when each begins where the one before it ends. Places are compared with the limit one after the other: behind the
// last token stands the text's size, and nothing behind that means anything.
bool read_plain_object(Tokens& tokens, PlainObject& object) {
  const std::uint32_t* at = tokens.at;
  const std::uint32_t limit = tokens.limit;
  const char* text = tokens.text;
  char* entry = object.entries.data();
  std::uint64_t seen = 0;
  for (std::size_t keys = 0;; ++keys, at += 4) {
    if (at[1] >= limit || at[2] >= limit || at[3] >= limit || at[4] >= limit || keys == kPlainMembersMax) {
      return false;
    }
    const char* key = text + at[1];
    const char* colon = text + at[2];
    const char* behind = text + at[4];
    if (tokens.holds_escape(key, behind)) {
      return false;
    }
    std::size_t key_bytes = at[2] - at[1] - 2;  // huge when there isn't even a second quote
    bool is_key = *key == '"' && *colon == ':' && colon[-1] == '"' && key_bytes <= kKeyBytesMax;
    PropertyType type;
    if (!is_key || at[1] != at[0] + 1 || at[3] != at[2] + 1 || !plain_value(text + at[3], behind, text + limit, type)) {
      return false;
    }
    std::uint64_t print = fingerprint(key + 1, key_bytes);
    std::uint64_t bit = std::uint64_t{1} << (print & 63);
    const std::uint64_t* prints = object.prints.data();
    if ((seen & bit) != 0 && std::find(prints, prints + keys, print) != prints + keys) {
      return false;  // perhaps a key twice
    }
    seen |= bit;
    object.prints[keys] = print;
    store_le(entry, static_cast<std::uint16_t>(key_bytes));
    store_le(entry + 2, (at[4] - at[3]) | static_cast<std::uint32_t>(type) << 29);
    entry += kPropertyIndexEntryBytes;
    if (*behind == '}') {
      object.text = {text + *tokens.at, at[4] + 1 - *tokens.at};
      object.index = {object.entries.data(), static_cast<std::size_t>(entry - object.entries.data())};
      tokens.at = at + 5;
      return true;
    }
    if (*behind != ',') {
      return false;
    }
  }
}

}  // namespace millrace
