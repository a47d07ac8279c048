#include "ingest/native/canonical.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "base/append_format.h"
#include "base/bytes.h"
#include "ingest/native/json_number.h"
#include "ingest/native/json_string.h"
#include "ingest/native/limits.h"
#include "model/property_index.h"

namespace millrace {

namespace {

constexpr std::size_t kPairwiseKeysMax = 24;

// Two different keys may share it: then they are compared. Some bytes behind the key must be readable.
std::uint64_t fingerprint(std::string_view key) {
  constexpr std::uint64_t kMultiplier = 0x9e3779b97f4a7c15;
  std::uint64_t hash = key.size() * kMultiplier;
  const char* at = key.data();
  std::size_t rest = key.size();
  for (; rest >= 8; rest -= 8, at += 8) {
    hash = (hash ^ load_le<std::uint64_t>(at)) * kMultiplier;
    hash ^= hash >> 32;
  }
  if (rest > 0) {
    std::uint64_t tail = 0;
    std::memcpy(&tail, at, rest);
    hash = (hash ^ tail) * kMultiplier;
  }
  return hash ^ hash >> 29;
}

bool may_follow_literal(char c) { return c == ',' || c == '}' || c == ']' || is_blank(c); }

}  // namespace

std::size_t literal_bytes(const char* at, const char* end) {
  for (std::string_view literal : {"true", "false", "null"}) {
    std::size_t left = static_cast<std::size_t>(end - at);
    if (left >= literal.size() && std::memcmp(at, literal.data(), literal.size()) == 0 &&
        (left == literal.size() || may_follow_literal(at[literal.size()]))) {
      return literal.size();
    }
  }
  return 0;
}

void CanonicalObject::begin(Tokens& tokens, std::size_t depth, EventState& state) {
  tokens_ = &tokens;
  state_ = &state;
  depth_ = depth - 1;
  run_ = end_ = tokens.next();
  scratch_.clear();
  index_.clear();
  keys_.clear();
}

bool CanonicalObject::skip(Tokens& tokens, std::size_t depth, EventState& state) {
  begin(tokens, depth, state);
  PropertyType type;
  return value(type);
}

bool CanonicalObject::read(Tokens& tokens, std::size_t depth, EventState& state) {
  bool few_keys = state.keys + kPlainMembersMax <= kKeysMax;
  if (short_way_ && few_keys && read_plain_object(tokens, plain_)) {
    text_ = plain_.text;
    index_view_ = plain_.index;
    state.keys += plain_.keys();
    return true;
  }
  begin(tokens, depth, state);
  if (!object(true)) {
    return false;
  }
  index_view_ = index_;
  if (scratch_.empty()) {
    text_ = {run_, static_cast<std::size_t>(end_ - run_)};
  } else {
    flush();
    text_ = scratch_;
  }
  return true;
}

bool CanonicalObject::expect(char token, std::string_view what) {
  if (tokens_->at_end() || *tokens_->next() != token) {
    return state_->verdict.syntax(what);
  }
  begin_token(tokens_->next());
  end_token(tokens_->next() + 1);
  ++tokens_->at;
  return true;
}

bool CanonicalObject::value(PropertyType& type) {
  if (tokens_->at_end()) {
    return state_->verdict.syntax("it ends before a value");
  }
  switch (*tokens_->next()) {
    case '"':
      type = PropertyType::kString;
      return string();
    case '{':
      type = PropertyType::kNested;
      return object(false);
    case '[':
      type = PropertyType::kNested;
      return array();
    case 't':
    case 'f':
    case 'n':
      return literal(type);
    default:
      return number(type);
  }
}

bool CanonicalObject::string() {
  std::string_view text;
  return take_string(*tokens_, text) ? put_string(text, holds_escape(*tokens_, text))
                                     : state_->verdict.syntax("a string is not closed");
}

bool CanonicalObject::put_string(std::string_view text, bool escaped) {
  begin_token(text.data() - 1);
  const char* end = text.data() + text.size() + 1;
  if (escaped) {
    end_token(text.data());  // with the opening quote
    flush();
    if (!canonicalize_string(text, scratch_, state_->verdict)) {
      return false;
    }
    run_ = text.data() + text.size();
  }
  end_token(end);
  return true;
}

bool CanonicalObject::number(PropertyType& type) {
  const char* at = tokens_->next();
  JsonNumber number = scan_number(at, tokens_->text + tokens_->limit);
  if (number.text.empty()) {
    return state_->verdict.syntax("a value is neither string, number, object, array, true, false nor null");
  }
  if (!number.in_range) {
    state_->verdict.reject("the number {} is too large for a double", excerpt(number.text));
  }
  begin_token(at);
  type = number.type;
  const char* end = at + number.text.size();
  if (number.rewrite) [[unlikely]] {
    flush();
    if (number.type == PropertyType::kInteger) {
      scratch_.push_back('0');
    } else {
      double nearest = std::strtod(at, nullptr);
      append_format(scratch_, "{}", nearest);
    }
    run_ = end;
  }
  end_token(end);
  ++tokens_->at;
  return true;
}

bool CanonicalObject::literal(PropertyType& type) {
  const char* at = tokens_->next();
  std::size_t bytes = literal_bytes(at, tokens_->text + tokens_->limit);
  if (bytes == 0) {
    return state_->verdict.syntax("a value is neither string, number, object, array, true, false nor null");
  }
  type = *at == 'n' ? PropertyType::kNull : PropertyType::kBool;
  begin_token(at);
  end_token(at + bytes);
  ++tokens_->at;
  return true;
}

bool CanonicalObject::array() {
  if (depth_ == kDepthMax) {
    return skip_too_deep();
  }
  ++depth_;
  if (!expect('[', "")) {
    return false;
  }
  if (!tokens_->at_end() && *tokens_->next() == ']') {
    --depth_;
    return expect(']', "");
  }
  PropertyType type;
  while (true) {
    if (!value(type)) {
      return false;
    }
    if (!tokens_->at_end() && *tokens_->next() == ',') {
      expect(',', "");
      continue;
    }
    --depth_;
    return expect(']', "a value in an array is followed by neither , nor ]");
  }
}

bool CanonicalObject::object(bool is_top) {
  if (depth_ == kDepthMax) {
    return skip_too_deep();
  }
  ++depth_;
  begin_token(tokens_->next());
  std::uint32_t begin = size_at(end_);
  std::size_t first_key = keys_.size();
  expect('{', "");
  if (!tokens_->at_end() && *tokens_->next() == '}') {
    --depth_;
    return expect('}', "");
  }
  std::uint64_t seen = 0;
  bool maybe_repeated = false;
  while (true) {
    if (!member(is_top, seen, maybe_repeated)) {
      return false;
    }
    if (!tokens_->at_end() && *tokens_->next() == ',') {
      expect(',', "");
      continue;
    }
    if (!expect('}', "a value in an object is followed by neither , nor }")) {
      return false;
    }
    break;
  }
  if (maybe_repeated) {
    drop_repeated(first_key, begin, is_top);
  }
  keys_.resize(first_key);
  --depth_;
  return true;
}

bool CanonicalObject::member(bool is_top, std::uint64_t& seen, bool& maybe_repeated) {
  if (!key() || !expect(':', "a key is not followed by :")) {
    return false;
  }
  Key at = keys_.back();
  std::uint64_t bit = std::uint64_t{1} << (at.fingerprint & 63);
  maybe_repeated |= (seen & bit) != 0;
  seen |= bit;
  if (tokens_->at_end()) {
    return state_->verdict.syntax("it ends before a value");
  }
  begin_token(tokens_->next());
  std::uint32_t begin = size_at(end_);
  PropertyType type;
  if (!value(type)) {
    return false;
  }
  if (is_top && state_->verdict.good()) {
    append_property_index(index_, at.bytes, size_at(end_) - begin, type);
  }
  return true;
}

bool CanonicalObject::key() {
  std::string_view text;
  if (tokens_->at_end() || *tokens_->next() != '"' || !take_string(*tokens_, text)) {
    return state_->verdict.syntax("an object's key is not a string");
  }
  begin_token(text.data() - 1);
  std::uint32_t begin = size_at(end_);
  bool escaped = holds_escape(*tokens_, text);
  if (!put_string(text, escaped)) {
    return false;
  }
  if (escaped) {
    text = std::string_view(scratch_).substr(begin + 1);
  }
  if (text.size() > kKeyBytesMax) {
    state_->verdict.reject("the key \"{}…\" has more than {} bytes", excerpt(text), kKeyBytesMax);
  }
  if (++state_->keys > kKeysMax) {
    state_->verdict.reject("properties and context have more than {} keys", kKeysMax);
    keys_.push_back({});  // the event is refused: nobody looks for repeated keys
    return true;
  }
  keys_.push_back({fingerprint(text), begin, static_cast<std::uint32_t>(text.size())});
  return true;
}

// Past brackets that are nested too deeply; whether they match in kind is not looked at.
bool CanonicalObject::skip_too_deep() {
  state_->verdict.reject("objects and arrays are nested deeper than {} levels", kDepthMax);
  std::size_t open = 0;
  for (; !tokens_->at_end(); ++tokens_->at) {
    char token = *tokens_->next();
    open += token == '{' || token == '[';
    open -= token == '}' || token == ']';
    if (open == 0) {
      begin_token(tokens_->next());
      end_token(tokens_->next() + 1);
      ++tokens_->at;
      return true;
    }
  }
  return state_->verdict.syntax("a bracket is not closed");
}

void CanonicalObject::drop_repeated(std::size_t first_key, std::uint32_t begin, bool is_top) {
  if (!state_->verdict.good()) {
    return;
  }
  std::size_t count = keys_.size() - first_key;
  const Key* keys = keys_.data() + first_key;
  bool repeated = false;
  if (count <= kPairwiseKeysMax) {
    for (std::size_t i = 1; i < count && !repeated; ++i) {
      repeated = std::any_of(keys, keys + i, [&](const Key& key) { return key.fingerprint == keys[i].fingerprint; });
    }
  } else {
    std::vector<std::uint64_t> prints;
    prints.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      prints.push_back(keys[i].fingerprint);
    }
    std::sort(prints.begin(), prints.end());
    repeated = std::adjacent_find(prints.begin(), prints.end()) != prints.end();
  }
  if (!repeated) {
    return;
  }
  flush();
  std::string_view text = scratch_;
  std::vector<bool> kept(count);
  std::unordered_set<std::string_view> later;
  for (std::size_t i = count; i-- > 0;) {
    kept[i] = later.insert(text.substr(keys[i].begin + 1, keys[i].bytes)).second;
  }
  std::string object = "{";
  std::string index;
  for (std::size_t i = 0; i < count; ++i) {
    if (kept[i]) {
      std::size_t end = i + 1 < count ? keys[i + 1].begin : text.size();  // with the comma or brace behind it
      object.append(text.substr(keys[i].begin, end - keys[i].begin - 1)).push_back(',');
      if (is_top) {
        index.append(index_, i * kPropertyIndexEntryBytes, kPropertyIndexEntryBytes);
      }
    }
  }
  object.back() = '}';
  scratch_.replace(begin, std::string::npos, object);
  if (is_top) {
    index_ = std::move(index);
  }
}

}  // namespace millrace
