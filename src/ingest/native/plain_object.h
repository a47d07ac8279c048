#pragma once
// The short way through an object as machines write them: canonical already, its values neither objects nor arrays, no
// escapes. Most `properties` are. Whatever is different is left to CanonicalObject, which knows all the rules; where
// both have an answer it is the same one (plain_object_test.cc).

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ingest/native/structural_index.h"
#include "model/property_index.h"

namespace millrace {

inline constexpr std::size_t kPlainMembersMax = 64;

// Kept and used again: too large to be made anew for each object.
struct PlainObject {
  std::string_view text;   // the source's
  std::string_view index;  // its property index; valid until the next read
  std::array<char, kPlainMembersMax * kPropertyIndexEntryBytes> entries;
  std::array<std::uint64_t, kPlainMembersMax> prints;

  std::size_t keys() const { return index.size() / kPropertyIndexEntryBytes; }
};

// Reads the object that begins at the next token, a `{`. True: it is plain and not empty, and `tokens` has moved past
// it. False: nothing is said about it, and `tokens` is where it was.
bool read_plain_object(Tokens& tokens, PlainObject& object);

}  // namespace millrace
