#pragma once
// What refusals have in common: they name the place of the wrong part, and a word that was probably meant.

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace {

// `; did you mean "count"?`, with the candidate that is nearest to `word`, or nothing when none is near.
std::string suggestion(std::string_view word, std::span<const std::string_view> candidates);

// The error with its place in front: `where[2]: …`.
Error at(std::string_view path, Error error);

// Text of a user, quoted and cut, for a message.
std::string in_quotes(std::string_view text);

std::string_view trimmed(std::string_view text);

// A user's word that isn't one of `candidates`: `unknown operator "=="; use =, !=, …; did you mean "="?`
Error unknown_word(std::string_view what, std::string_view word, std::span<const std::string_view> candidates);

}  // namespace millrace
