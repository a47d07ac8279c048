// Canonical text against a second parser, on real events and on made-up ones; and the memory that an event costs.
#include "ingest/native/canonical.h"

#include <cstdlib>
#include <fstream>
#include <new>
#include <random>

#include <gtest/gtest.h>
#include <zstd.h>

#include "base/json.h"
#include "ingest/native/parser_fixture.h"

namespace {
thread_local std::size_t allocations = 0;
}

// g++ sees through some of these and not through others, and takes their pairs for strangers.
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

// Counts what the tests of this program allocate. All the forms, so that none is given back to another allocator.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(bytes);
}
void* operator new(std::size_t bytes) {
  if (void* memory = operator new(bytes, std::nothrow)) {
    return memory;
  }
  throw std::bad_alloc();
}
void* operator new[](std::size_t bytes) { return operator new(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return operator new(bytes, std::nothrow); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

namespace millrace {
namespace {

std::string commits() {
  std::ifstream file("tests/data/commits.ndjson.zst", std::ios::binary);
  EXPECT_TRUE(file) << "run from the top of the repository";
  std::string packed((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::string text(ZSTD_getFrameContentSize(packed.data(), packed.size()), '\0');
  EXPECT_EQ(ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size()), text.size());
  text.append(64, '\0');
  return text;
}

// As many whole lines as one request may bring.
std::string_view take_lines(std::string_view& rest, std::size_t lines) {
  std::size_t end = 0;
  while (lines-- > 0 && end < rest.size()) {
    end = std::min(rest.find('\n', end), rest.size() - 1) + 1;
  }
  std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(end);
  return taken;
}

void expect_same_value(const Json& a, const Json& b, const std::string& where) {
  ASSERT_EQ(a.kind(), b.kind()) << where;
  ASSERT_EQ(a.boolean(), b.boolean()) << where;
  if (a.is_number()) {
    ASSERT_EQ(a.number(), b.number()) << where;
  } else {
    ASSERT_EQ(a.text(), b.text()) << where;
  }
  ASSERT_EQ(a.items().size(), b.items().size()) << where;
  for (std::size_t i = 0; i < a.items().size(); ++i) {
    expect_same_value(a.items()[i], b.items()[i], where);
  }
  ASSERT_EQ(a.members().size(), b.members().size()) << where;
  for (std::size_t i = 0; i < a.members().size(); ++i) {
    ASSERT_EQ(a.members()[i].first, b.members()[i].first) << where;
    expect_same_value(a.members()[i].second, b.members()[i].second, where);
  }
}

std::string text_at(const Json& object, std::string_view key) {
  const Json* member = object.find(key);
  return member == nullptr ? "" : member->text();
}

TEST(RealEvents, AreAllTakenAsASecondParserReadsThem) {
  std::string text = commits();
  std::string_view rest(text.data(), text.size() - 64);
  EventParser parser(4, ParseLimits());
  ParsedBatch batch;
  std::size_t events = 0;
  while (!rest.empty()) {
    std::string_view body = take_lines(rest, 10'000);
    ASSERT_TRUE(parser.parse(body, {"default", "", kReceived, true}, batch).ok());
    ASSERT_TRUE(batch.rejected.empty()) << batch.reason(0);
    events += batch.accepted;
    std::map<std::string, OwnedEvent> by_id;
    for (OwnedEvent& event : events_of(batch)) {
      std::string id = event.id;
      ASSERT_TRUE(by_id.emplace(std::move(id), std::move(event)).second);
    }
    while (!body.empty()) {  // each twentieth line: the second parser is slow
      std::string_view line = take_lines(body, 1);
      take_lines(body, 19);
      Json sent = *Json::parse(line);
      const OwnedEvent& taken = by_id.at(text_at(sent, "message_id"));
      ASSERT_EQ(taken.event, text_at(sent, "event"));
      ASSERT_EQ(taken.user_id, text_at(sent, "user_id"));
      expect_same_value(*Json::parse(taken.properties), *sent.find("properties"), std::string(line));
    }
  }
  EXPECT_EQ(events, 157'240u);
}

TEST(RealEvents, CostNoAllocationOnceMemoryIsWarm) {
  std::string text = commits();
  std::string_view rest(text.data(), text.size() - 64);
  std::string_view body = take_lines(rest, 10'000);
  EventParser parser(4, ParseLimits());
  ParsedBatch batch;
  ASSERT_TRUE(parser.parse(body, {"default", "", kReceived, true}, batch).ok());
  std::size_t before = allocations;
  ASSERT_TRUE(parser.parse(body, {"default", "", kReceived, true}, batch).ok());
  EXPECT_EQ(allocations - before, 0u);
  EXPECT_EQ(batch.accepted, 10'000u);
}

TEST(MadeUpEvents, WithEscapesBlanksAndIdsCostNoAllocationOnceMemoryIsWarm) {
  std::string body;
  for (int i = 0; i < 1'000; ++i) {
    body += "{ \"properties\" : { \"te\\u0078t\\n\" : \"caf\\u00e9 \\\"" + std::to_string(i) +
            "\\\"\" , \"n\":[1, -0,123456789012345678901234] }, \"user_id\":\"\\u0041" + std::to_string(i) +
            "\",\"event\" : \"e\\te\", \"timestamp\":1332051369.25 }\n";
  }
  body.append(64, '\0');
  EventParser parser(4, ParseLimits());
  ParsedBatch batch;
  ParseContext context{"default", "a-key-for-this-batch-of-events", kReceived, true};
  std::string_view events(body.data(), body.size() - 64);
  ASSERT_TRUE(parser.parse(events, context, batch).ok());
  std::size_t before = allocations;
  ASSERT_TRUE(parser.parse(events, context, batch).ok());
  EXPECT_EQ(allocations - before, 0u);
  EXPECT_EQ(batch.accepted, 1'000u);
}

// Random JSON, written with random blanks and escapes.
class Writer {
 public:
  explicit Writer(std::uint64_t seed) : random_(seed) {}

  std::string object(int depth) {
    std::string json = "{" + blanks();
    int members = static_cast<int>(random_() % 6);
    for (int i = 0; i < members; ++i) {
      json += (i > 0 ? "," + blanks() : "") + key(i) + blanks() + ":" + blanks() + value(depth) + blanks();
    }
    return json + "}";
  }

 private:
  std::string blanks() {
    static const char* const kBlanks[] = {"", "", "", "", " ", "  ", "\t", "\r"};
    return kBlanks[random_() % 8];
  }
  std::string key(int i) { return "\"" + piece() + std::to_string(i) + "\""; }
  std::string piece() {
    static const char* const kPieces[] = {
        "a", "key", "", "\\u0041", "\\n", "\\\"", "\xc3\xa9", "\\ud83d\\ude00", "\\/", "\\u001f", "x y", "\\\\"};
    return kPieces[random_() % 12];
  }
  std::string number() {
    static const char* const kNumbers[] = {"0",
                                           "-0",
                                           "-0.0",
                                           "1",
                                           "-17",
                                           "1.50",
                                           "1e3",
                                           "2E-2",
                                           "18446744073709551615",
                                           "-9223372036854775808",
                                           "123456.789",
                                           "1e-310"};
    return kNumbers[random_() % 12];
  }
  std::string value(int depth) {
    switch (random_() % (depth > 0 ? 7 : 5)) {
      case 0:
        return "null";
      case 1:
        return random_() % 2 ? "true" : "false";
      case 2:
      case 3:
        return number();
      case 4:
        return "\"" + piece() + piece() + piece() + "\"";
      case 5:
        return object(depth - 1);
      default: {
        std::string json = "[" + blanks();
        for (std::uint64_t i = 0, n = random_() % 4; i < n; ++i) {
          json += (i > 0 ? "," + blanks() : "") + value(depth - 1) + blanks();
        }
        return json + "]";
      }
    }
  }
  std::mt19937_64 random_;
};

TEST(MadeUpEvents, HaveTheValuesThatASecondParserReads) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Writer writer(seed);
    std::string body, again;
    std::vector<std::string> sent;
    for (int i = 0; i < 50; ++i) {
      sent.push_back(writer.object(4));
      body += "{\"event\":\"e\",\"properties\":" + sent.back() + "}\n";
    }
    std::vector<OwnedEvent> events = parse(body).events;
    ASSERT_EQ(events.size(), sent.size());
    for (std::size_t i = 0; i < sent.size(); ++i) {
      Result<Json> source = Json::parse(sent[i]);
      ASSERT_TRUE(source.ok()) << sent[i];
      Result<Json> canonical = Json::parse(events[i].properties);
      ASSERT_TRUE(canonical.ok()) << events[i].properties;
      expect_same_value(*canonical, *source, sent[i]);
      again += "{\"event\":\"e\",\"properties\":" + events[i].properties + "}\n";
    }
    std::vector<OwnedEvent> second = parse(again).events;
    ASSERT_EQ(second.size(), events.size());
    for (std::size_t i = 0; i < events.size(); ++i) {
      EXPECT_EQ(second[i].properties, events[i].properties) << "canonical text stays as it is";
    }
  }
}

}  // namespace
}  // namespace millrace
