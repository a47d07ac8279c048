#include "ingest/native/event_parser.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/append_format.h"
#include "ingest/native/framing.h"
#include "model/record.h"
#include "model/routing.h"

namespace millrace {

namespace {

// So much is indexed at once: lines are taken together as far as they fit a processor's cache with their index.
constexpr std::size_t kWindowBytes = 256 << 10;
// Arrays up to this size are indexed whole; larger ones are cut between elements first, so that memory stays bounded.
constexpr std::size_t kArrayBytesAtOnce = 1 << 20;

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool holds(std::string_view text, char byte) {
  return !text.empty() && std::memchr(text.data(), byte, text.size()) != nullptr;
}

std::string_view describe(StructuralIndex::Outcome outcome) {
  switch (outcome) {
    case StructuralIndex::Outcome::kNotUtf8:
      return "not valid JSON: it is not UTF-8";
    case StructuralIndex::Outcome::kOpenString:
      return "not valid JSON: a string is not closed";
    case StructuralIndex::Outcome::kControlCharacter:
      return "not valid JSON: a string holds a control character that is not escaped";
    default:
      return "not valid JSON: it is empty";
  }
}

// The value between the token `begin` and the next one.
std::string_view value_text(const char* begin, const Tokens& behind) {
  const char* end = behind.text + std::min(*behind.at, behind.limit);
  return trim_blanks({begin, static_cast<std::size_t>(end - begin)});
}

}  // namespace

std::string_view ParsedBatch::reason(std::size_t at) const {
  std::uint32_t begin = at == 0 ? 0 : rejected[at - 1].reason_end;
  return std::string_view(reasons_).substr(begin, rejected[at].reason_end - begin);
}

std::size_t ParsedBatch::record_bytes() const {
  std::size_t bytes = 0;
  for (const Partition& partition : partitions) {
    bytes += partition.record.size();
  }
  return bytes;
}

std::size_t ParsedBatch::capacity() const {
  std::size_t bytes = reasons_.capacity() + rejected.capacity() * sizeof(Rejected);
  for (const Partition& partition : partitions) {
    bytes += partition.record.capacity();
  }
  return bytes;
}

void ParsedBatch::clear(std::uint16_t partition_count) {
  partitions.resize(partition_count);
  for (Partition& partition : partitions) {
    partition.record.clear();
    partition.events = 0;
  }
  accepted = 0;
  rejected.clear();
  reasons_.clear();
}

void ParsedBatch::reject(std::uint32_t index, std::string_view reason, std::string_view raw) {
  reasons_.append(reason);
  rejected.push_back({index, static_cast<std::uint32_t>(reasons_.size()), raw});
}

EventParser::EventParser(std::uint16_t partitions, const ParseLimits& limits)
    : partitions_(partitions),
      limits_(limits),
      structure_(std::max({kArrayBytesAtOnce, kWindowBytes, limits.event_bytes_max}) + kWindowBytes +
                 limits.event_bytes_max) {}

Result<void> EventParser::parse(std::string_view body, const ParseContext& context, ParsedBatch& into) {
  into.clear(partitions_);
  context_ = &context;
  into_ = &into;
  index_ = 0;
  if (body.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    body.remove_prefix(kByteOrderMark.size());
  }
  body = trim_blanks(body);
  if (!body.empty() && body.front() == '[' && !context.lines_only) {
    MR_TRY(parse_array(body));
  } else if (!parse_one_object(body)) {
    parse_lines(body);
  }
  if (too_many()) {
    return full(fmt::format("a request may hold {} events", limits_.batch_events_max));
  }
  if (index_ == 0) {
    return not_found("the body holds no events");
  }
  return {};
}

// A whole object over several lines, as people write it. Anything else is left to parse_lines().
bool EventParser::parse_one_object(std::string_view text) {
  if (context_->lines_only || text.empty() || text.front() != '{' || !holds(text, '\n') ||
      end_of_container(text.substr(0, limits_.event_bytes_max), 0) != text.size()) {
    return false;
  }
  Tokens tokens;
  if (structure_.build(text, tokens) != StructuralIndex::Outcome::kOk || !reader_.read(tokens) || !tokens.at_end()) {
    return false;
  }
  finish_event(text);
  return true;
}

Result<void> EventParser::parse_array(std::string_view text) {
  if (text.size() <= kArrayBytesAtOnce) {
    if (text.back() != ']' || text.size() == 1) {
      return invalid("the body is not valid JSON: its array is not closed");
    }
    std::string_view inside = text.substr(1, text.size() - 2);
    return trim_blanks(inside).empty() ? Result<void>() : parse_elements(inside);
  }
  std::size_t pending = 1;  // elements from here on have not been parsed
  std::size_t at = 1;
  while (true) {
    std::size_t end = end_of_element(text, at);
    if (end == std::string_view::npos) {
      return invalid("the body is not valid JSON: its array is not closed");
    }
    bool is_last = text[end] != ',';
    bool too_large = end - at > limits_.event_bytes_max;  // with the blanks around it: they count towards the index
    if (too_large && at > pending) {
      MR_TRY(parse_elements(text.substr(pending, at - 1 - pending)));
    }
    if (too_large) {
      reject_too_large(trim_blanks(text.substr(at, end - at)));
      pending = end + 1;
    } else if (is_last || end - pending >= kWindowBytes) {
      MR_TRY(parse_elements(text.substr(pending, end - pending)));
      pending = end + 1;
    }
    if (too_many()) {
      return {};
    }
    at = end + 1;
    if (is_last) {
      return at == text.size() && text[end] == ']' ? Result<void>()
                                                   : invalid("the body is not valid JSON: something follows its array");
    }
  }
}

// Elements of an array, with commas between them: at least one.
Result<void> EventParser::parse_elements(std::string_view text) {
  Tokens tokens;
  StructuralIndex::Outcome outcome = structure_.build(text, tokens);
  if (outcome != StructuralIndex::Outcome::kOk) {
    return invalid(fmt::format("the array is {}", describe(outcome)));
  }
  while (!too_many()) {
    const char* begin = tokens.next();
    if (!reader_.read(tokens)) {
      return invalid(fmt::format("the array is {}, in event {}", reader_.reason(), index_));
    }
    finish_event(value_text(begin, tokens));
    if (tokens.at_end()) {
      return {};
    }
    if (*tokens.next() != ',') {
      return invalid(fmt::format("the array is not valid JSON: behind event {} is neither , nor ]", index_ - 1));
    }
    ++tokens.at;
  }
  return {};
}

void EventParser::parse_lines(std::string_view text) {
  while (!text.empty() && !too_many()) {
    std::size_t end = text.size();
    if (end > kWindowBytes) {
      const void* last = memrchr(text.data(), '\n', kWindowBytes);
      end = last != nullptr ? static_cast<std::size_t>(static_cast<const char*>(last) - text.data())
                            : std::min(text.find('\n', kWindowBytes), text.size());
    }
    std::string_view window = text.substr(0, end);
    if (end > kWindowBytes && trim_blanks(window).size() > limits_.event_bytes_max) {
      reject_too_large(trim_blanks(window));  // one line
    } else {
      parse_window(trim_blanks(window));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// Whole lines. No newline can lie within a string: the structural index refuses control characters there.
void EventParser::parse_window(std::string_view window) {
  Tokens tokens;
  StructuralIndex::Outcome outcome = structure_.build(window, tokens);
  bool is_good = outcome == StructuralIndex::Outcome::kOk;
  while (!window.empty() && !too_many()) {
    std::size_t end = std::min(window.find('\n'), window.size());
    std::string_view line = window.substr(0, end);
    if (is_good) {
      tokens.limit = static_cast<std::uint32_t>(line.data() + line.size() - tokens.text);
      if (!tokens.at_end()) {
        parse_line(tokens, trim_blanks(line));
      }
      while (!tokens.at_end()) {
        ++tokens.at;
      }
    } else if (line = trim_blanks(line); !line.empty()) {
      parse_line_alone(line);
    }
    window.remove_prefix(std::min(end + 1, window.size()));
  }
}

// For windows that can't be indexed as a whole: which of the lines is it?
void EventParser::parse_line_alone(std::string_view line) {
  Tokens tokens;
  StructuralIndex::Outcome outcome = structure_.build(line, tokens);
  if (outcome == StructuralIndex::Outcome::kOk) {
    parse_line(tokens, line);
  } else {
    reject(describe(outcome), line);
  }
}

void EventParser::parse_line(Tokens& tokens, std::string_view line) {
  if (reader_.read(tokens) && !tokens.at_end()) {
    reader_.verdict().syntax("something follows the object on its line");
  }
  finish_event(line);
}

void EventParser::finish_event(std::string_view raw) {
  if (raw.size() > limits_.event_bytes_max) {
    reject_too_large(raw);
  } else if (!reader_.reason().empty()) {
    reject(reader_.reason(), raw);
  } else {
    take_event();
  }
}

void EventParser::reject_too_large(std::string_view raw) {
  reject(fmt::format("the event is larger than {} bytes", limits_.event_bytes_max), raw);
}

void EventParser::reject(std::string_view reason, std::string_view raw) {
  if (!too_many()) {
    into_->reject(index_, reason, raw);
  }
  ++index_;
}

void EventParser::take_event() {
  EventView event = reader_.event();
  if (event.time == kNoTime) {
    event.time = context_->received;
  }
  if (event.id_kind == IdKind::kNone && !context_->idempotency_key.empty()) {
    batch_id_.assign(context_->idempotency_key);
    batch_id_.push_back('\0');
    append_format(batch_id_, "{}", index_);
    event.id_kind = IdKind::kBatch;
    event.id = batch_id_;
  }
  std::size_t at = 0;
  if (partitions_ > 1) {
    std::string_view key = event.routing_key();
    at = key.empty() ? spread_++ % partitions_ : partition_of(key, partitions_).value;
  }
  ParsedBatch::Partition& partition = into_->partitions[at];
  if (partition.record.empty()) {
    begin_record(partition.record, context_->project);
  }
  append_event(partition.record, event);
  ++partition.events;
  ++into_->accepted;
  ++index_;
}

}  // namespace millrace
