// Any bytes may come as a body, as JSON or as NDJSON. What is taken, and what comes out of it, is what a second
// parser and a second reading of the rules say (event_oracle_for_test.h); what is refused isn't JSON to that one
// either, or breaks a rule that is written down.
//
// dictionary: json
// bytes_max: 2048
// covers: src/ingest/native/event_parser.cc src/ingest/native/event_reader.cc src/ingest/native/canonical.cc
// covers: src/ingest/native/json_string.cc src/ingest/native/json_number.cc src/ingest/native/event_time.cc
// covers: src/ingest/native/framing.cc src/ingest/native/unknown_field.cc
#include <algorithm>
#include <cstdlib>

#include "base/check.h"
#include "base/json.h"
#include "ingest/native/event_oracle_for_test.h"
#include "ingest/native/event_parser.h"
#include "ingest/native/framing.h"
#include "model/property_index.h"
#include "model/record.h"

namespace {

using namespace millrace;
using oracle::Reading;

constexpr ParseLimits kLimits{1024, 40};

// One event of a body, as the oracle sees it.
struct Expected {
  Reading reading = Reading::kBad;
  oracle::Event event;
  std::string_view raw;
};

Expected expect(std::string_view raw) {
  Expected expected;
  expected.raw = raw;
  oracle::Node node;
  expected.reading = oracle::read(raw, node);
  if (expected.reading == Reading::kGood) expected.event = oracle::Judge().judge(node);
  return expected;
}

void check_object(std::string_view text, std::string_view index, std::size_t members) {
  Result<Json> json = Json::parse(text);
  MR_CHECK(json.ok() && json->is_object());
  PropertyCursor cursor(text, index);
  std::size_t at = 0;
  while (cursor.next()) {
    MR_CHECK(at < json->members().size());
    Result<Json> value = Json::parse(cursor.property().value);
    Result<Json> key = Json::parse("\"" + std::string(cursor.property().key) + "\"");
    MR_CHECK(value.ok() && value->kind() == json->members()[at].second.kind());
    MR_CHECK(key.ok() && key->text() == json->members()[at].first);
    ++at;
  }
  MR_CHECK(cursor.valid() && at == members && members == json->members().size());
}

void check_event(const EventView& event, const Expected& expected, std::uint32_t index, bool has_batch_id) {
  if (expected.reading == Reading::kUnsure) return;
  const oracle::Event& right = expected.event;
  MR_CHECK(expected.reading == Reading::kGood && right.fault.empty());
  MR_CHECK(expected.raw.size() <= kLimits.event_bytes_max);
  MR_CHECK(event.event == right.event && event.user_id == right.user_id && event.anonymous_id == right.anonymous_id &&
           event.session_id == right.session_id);
  std::string id = right.message_id;
  if (id.empty() && has_batch_id) id = std::string("batch") + '\0' + std::to_string(index);
  MR_CHECK(event.id == id);
  MR_CHECK(event.properties == right.properties && event.context == right.context);
  check_object(event.properties, event.property_index, right.properties_count);
  if (right.time) MR_CHECK(event.time == *right.time);
  if (right.sent) MR_CHECK(event.sent == *right.sent);
}

// A refusal has to be for a reason.
void check_refusal(std::string_view reason, const Expected& expected) {
  if (expected.reading != Reading::kGood || !expected.event.fault.empty()) return;
  if (expected.raw.size() > kLimits.event_bytes_max) return;
  MR_CHECK(expected.event.time_may_fail && (reason.starts_with("timestamp ") || reason.starts_with("sent_at ")));
}

void check_batch(const ParsedBatch& batch, const std::vector<Expected>& expected, bool has_batch_id) {
  MR_CHECK(batch.accepted + batch.rejected.size() == expected.size());
  RecordCursor cursor(batch.partitions[0].record, 1);
  std::size_t rejected = 0;
  for (std::uint32_t index = 0; index < expected.size(); ++index) {
    if (rejected < batch.rejected.size() && batch.rejected[rejected].index == index) {
      MR_CHECK(batch.rejected[rejected].raw == expected[index].raw);
      check_refusal(batch.reason(rejected++), expected[index]);
    } else {
      MR_CHECK(cursor.next());
      check_event(cursor.event(), expected[index], index, has_batch_id);
    }
  }
  MR_CHECK(rejected == batch.rejected.size() && (batch.accepted == 0 || !cursor.next()) &&
           (batch.accepted == 0 || cursor.status().ok()));
}

std::vector<Expected> expect_lines(std::string_view text) {
  std::vector<Expected> all;
  while (!text.empty()) {
    std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = trim_blanks(text.substr(0, end));
    if (!line.empty()) all.push_back(expect(line));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return all;
}

// Where the elements of an array that is known to be good JSON lie.
std::vector<Expected> expect_elements(std::string_view array) {
  std::vector<Expected> all;
  for (std::size_t at = 1; at < array.size();) {
    std::size_t end = at;
    int depth = 0;
    for (bool quoted = false; end < array.size(); ++end) {
      char c = array[end];
      if (quoted) {
        if (c == '\\') ++end;
        quoted = c != '"';
        continue;
      }
      quoted = c == '"';
      if (depth == 0 && (c == ',' || c == ']')) break;
      depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
    }
    std::string_view element = trim_blanks(array.substr(at, end - at));
    if (!element.empty()) all.push_back(expect(element));
    at = end + 1;
  }
  return all;
}

// Past the depth that is allowed the parser only counts brackets: what it refuses there anyway may be no JSON at all.
bool is_deep(std::string_view text) {
  std::size_t depth = 0;
  std::size_t most = 0;
  for (char c : text) {
    depth += c == '{' || c == '[';
    depth -= (c == '}' || c == ']') && depth > 0;
    most = std::max(most, depth);
  }
  return most >= kDepthMax;
}

void check_outcome(const Result<void>& result, const ParsedBatch& batch, const std::vector<Expected>& expected,
                   bool has_batch_id) {
  if (expected.empty()) MR_CHECK(!result.ok() && result.error().code == Code::kNotFound);
  if (expected.size() > kLimits.batch_events_max) MR_CHECK(!result.ok() && result.error().code == Code::kFull);
  if (result.ok()) check_batch(batch, expected, has_batch_id);
  if (!result.ok()) MR_CHECK(expected.empty() || expected.size() > kLimits.batch_events_max);
}

void check_body(EventParser& parser, std::string_view body, bool lines_only) {
  static ParsedBatch batch;
  Result<void> result = parser.parse(body, {"p", lines_only ? "batch" : "", 1, lines_only}, batch);
  std::string_view text = body;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  text = trim_blanks(text);
  oracle::Node node;
  if (!lines_only && text.starts_with('[')) {
    Reading reading = oracle::read(text, node);
    // With half of a pair in one event, the others of the array may be good.
    if (reading == Reading::kUnsure || reading == Reading::kHalfPair || (reading == Reading::kBad && is_deep(text)))
      return;
    if (reading == Reading::kGood) return check_outcome(result, batch, expect_elements(text), false);
    MR_CHECK(!result.ok() && (result.error().code == Code::kInvalid || result.error().code == Code::kFull));
    return;
  }
  bool one = !lines_only && text.starts_with('{') && text.find('\n') != std::string_view::npos &&
             text.size() <= kLimits.event_bytes_max;
  Reading reading = one ? oracle::read(text, node) : Reading::kBad;
  if (reading == Reading::kUnsure || reading == Reading::kHalfPair ||
      (one && reading == Reading::kBad && is_deep(text)))
    return;
  check_outcome(result, batch, reading == Reading::kGood ? std::vector<Expected>{expect(text)} : expect_lines(text),
                lines_only);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static EventParser parser(1, kLimits);
  std::string body(reinterpret_cast<const char*>(data), size);
  body.append(64, 'x');
  std::string_view text(body.data(), size);
  check_body(parser, text, false);
  check_body(parser, text, true);
  return 0;
}
