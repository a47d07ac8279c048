#include "store/clickhouse/event_block.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/property_index.h"
#include "store/clickhouse/property_column.h"

namespace millrace::clickhouse {
namespace {

using testing::HasSubstr;

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (int value : values) text.push_back(static_cast<char>(value));
  return text;
}

TEST(NativeBlock, ColumnsAreAsClickHouseReadsThem) {
  StringColumn texts;
  for (const char* text : {"", "ab", "c"}) texts.append(text);
  std::vector<std::int64_t> numbers = {1, -1};
  std::vector<std::uint32_t> rows = {1, 2};
  NativeBlock block;
  block.begin(2, rows);
  block.strings_of("s", texts);
  block.nullable_numbers("n", "Nullable(Int64)", bytes({0, 1}), std::span<const std::int64_t>(numbers));
  EXPECT_EQ(block.bytes(), bytes({2, 2, 1}) + "s" + bytes({6}) + "String" + bytes({2}) + "ab" + bytes({1}) + "c" +
                               bytes({1}) + "n" + bytes({15}) + "Nullable(Int64)" + bytes({0, 1}) +
                               bytes({1, 0, 0, 0, 0, 0, 0, 0}) + std::string(8, '\xff'));
}

TEST(NativeBlock, LowCardinalityHoldsEachTextOnce) {
  StringColumn texts;
  for (const char* text : {"x", "a", "a", "b", "a"}) texts.append(text);
  std::vector<std::uint32_t> rows = {1, 2, 3, 4};
  NativeBlock block;
  for (int round = 0; round < 2; ++round) {
    block.begin(1, rows);
    block.low_cardinality_of("e", texts);
    EXPECT_EQ(block.bytes(), bytes({1, 4, 1}) + "e" + bytes({22}) + "LowCardinality(String)" +
                                 bytes({1, 0, 0, 0, 0, 0, 0, 0}) + bytes({0, 6, 0, 0, 0, 0, 0, 0}) +
                                 bytes({2, 0, 0, 0, 0, 0, 0, 0}) + bytes({1}) + "a" + bytes({1}) + "b" +
                                 bytes({4, 0, 0, 0, 0, 0, 0, 0}) + bytes({0, 0, 1, 0}));
  }
}

TEST(NativeBlock, LowCardinalityWidensItsIndexes) {
  for (std::size_t distinct : {256u, 257u, 65'537u}) {
    StringColumn texts;
    std::vector<std::uint32_t> rows;
    for (std::uint32_t at = 0; at < distinct; ++at) {
      texts.append(std::to_string(at));
      rows.push_back(at);
    }
    NativeBlock block;
    block.begin(1, rows);
    block.low_cardinality_of("e", texts);
    std::size_t width = distinct <= 256 ? 1 : distinct <= 65'536 ? 2 : 4;
    std::string_view last = block.bytes().substr(block.bytes().size() - width);
    std::uint32_t index = 0;
    std::memcpy(&index, last.data(), width);
    EXPECT_EQ(index, distinct - 1);
  }
}

TEST(NativeBlock, VaruintsAreBase128) {
  std::vector<std::uint32_t> rows(300);
  NativeBlock block;
  block.begin(127, rows);
  EXPECT_EQ(block.bytes(), bytes({0x7f, 0xac, 0x02}));
}

TEST(NativeBlock, RowsAreInTheOrderAskedFor) {
  StringColumn texts;
  for (const char* text : {"a", "", "bc"}) texts.append(text);
  std::vector<std::uint64_t> numbers = {10, 11, 12};
  std::vector<std::uint32_t> rows = {2, 0, 1};
  NativeBlock block;
  block.begin(2, rows);
  block.strings_of("s", texts);
  block.numbers_of("n", "UInt64", numbers);
  EXPECT_EQ(block.bytes(), bytes({2, 3, 1}) + "s" + bytes({6}) + "String" + bytes({2}) + "bc" + bytes({1}) + "a" +
                               bytes({0, 1}) + "n" + bytes({6}) + "UInt64" + bytes({12, 0, 0, 0, 0, 0, 0, 0}) +
                               bytes({10, 0, 0, 0, 0, 0, 0, 0}) + bytes({11, 0, 0, 0, 0, 0, 0, 0}));
}

TEST(NativeBlock, DictionaryWithNullKeepsEmptyTextsApart) {
  StringColumn texts;
  std::string nulls;
  std::vector<std::uint32_t> rows;
  for (std::uint32_t at = 0; at < 200; ++at) {  // enough for the table of keys to grow
    texts.append(at < 2 ? "" : std::to_string(at));
    nulls.push_back(at == 0 ? 1 : 0);
    rows.push_back(at);
  }
  NativeBlock block;
  block.begin(1, rows);
  block.nullable_low_cardinality("e", nulls, texts);
  EXPECT_EQ(block.bytes().substr(0, 60), bytes({1, 200, 1, 1}) + "e" + bytes({32}) +
                                             "LowCardinality(Nullable(String))" + bytes({1, 0, 0, 0, 0, 0, 0, 0}) +
                                             bytes({0, 6, 0, 0, 0, 0, 0, 0}) + bytes({200, 0, 0, 0, 0, 0}));
  std::string indexes;
  for (int at = 0; at < 200; ++at) indexes.push_back(static_cast<char>(at));
  EXPECT_EQ(block.bytes().substr(block.bytes().size() - 200), indexes);
}

EventBatch batch_of(const std::string& properties, const std::string& index) {
  EventView event;
  event.project = "p";
  event.event = "e";
  event.properties = properties;
  event.property_index = index;
  EventBatch batch;
  batch.append(event, SequenceNumber(7));
  return batch;
}

TEST(EventBlock, DeclaredValuesComeFromTheIndexOrTheText) {
  std::string text = R"({"a":12,"o":{"x":{"y":"deep"}}})";
  std::string index;
  append_property_index(index, 1, 2, PropertyType::kInteger);
  append_property_index(index, 1, 18, PropertyType::kNested);
  EventBlock block({{"a", DeclaredProperty::Type::kInteger}, {"o.x.y", DeclaredProperty::Type::kString}});
  std::string with_index(block.encode(batch_of(text, index), 0, 1));
  std::string without(block.encode(batch_of(text, ""), 0, 1));
  EXPECT_EQ(with_index, without);
  EXPECT_THAT(with_index, HasSubstr("p_a" + bytes({15}) + "Nullable(Int64)" + bytes({0, 12, 0, 0, 0, 0, 0, 0, 0})));
  EXPECT_THAT(with_index, HasSubstr("p_o:x:y" + bytes({16}) + "Nullable(String)" + bytes({0, 4}) + "deep"));
  EXPECT_THAT(block.columns(), HasSubstr("`epoch`, `p_a`, `p_o:x:y`)"));
}

TEST(PropertyColumn, NamesThatCannotBeColumnsAreRefused) {
  using Type = DeclaredProperty::Type;
  EXPECT_TRUE(check_declared({"cart.total", Type::kNumber}).ok());
  EXPECT_TRUE(check_declared({"Größe in cm", Type::kNumber}).ok());
  for (const char* name : {"", ".", "a.", ".a", "a..b", "a`b", "a:b", "a\\b", "a\nb"}) {
    EXPECT_EQ(check_declared({name, Type::kNumber}).error().code, Code::kInvalid) << name;
  }
}

TEST(PropertyColumn, MembersAreFoundInCanonicalText) {
  std::string_view text = R"({"a\"b":1,"s":"}{,","o":{"a":[1,{"s":2}],"z":null},"e":{}})";
  auto found = [&](std::vector<std::string> path) {
    return std::string(find_json(text, escape_path(path)).value_or("absent"));
  };
  EXPECT_EQ(found({"a\"b"}), "1");
  EXPECT_EQ(found({"s"}), "\"}{,\"");
  EXPECT_EQ(found({"o", "a"}), R"([1,{"s":2}])");
  EXPECT_EQ(found({"o", "z"}), "null");
  EXPECT_EQ(found({"o", "s"}), "absent");
  EXPECT_EQ(found({"e", "a"}), "absent");
  EXPECT_EQ(found({"s", "a"}), "absent");
  for (std::string_view broken : {"", "{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":\"", "{\"a\\"}) {
    EXPECT_FALSE(find_json(broken, {"b"}).has_value()) << broken;
  }
}

TEST(PropertyColumn, IntegersAreWholeNumbersOf64Bits) {
  EXPECT_EQ(integer_value("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(integer_value("1e3"), 1000);
  EXPECT_EQ(integer_value("5.0"), 5);
  for (const char* other : {"", "5.5", "9223372036854775808", "1e300", "\"5\"", "true", "null", "[5]"}) {
    EXPECT_FALSE(integer_value(other).has_value()) << other;
  }
}

}  // namespace
}  // namespace millrace::clickhouse
