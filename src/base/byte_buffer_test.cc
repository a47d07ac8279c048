#include "base/byte_buffer.h"

#include <string>

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(PutText, CopiesTextsOfEveryLengthAndNothingElse) {
  for (std::size_t size = 0; size < 300; ++size) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) {
      text.push_back(static_cast<char>('a' + i * 7 % 26));
    }
    std::string to(size + 2, '#');
    EXPECT_EQ(put_text(to.data() + 1, text), to.data() + 1 + size);
    EXPECT_EQ(to, "#" + text + "#");
  }
  EXPECT_EQ(put_text(nullptr, {}), nullptr);
}

TEST(ByteBuffer, KeepsWhatWasAppendedWhileItGrows) {
  ByteBuffer buffer;
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    std::string text(static_cast<std::size_t>(i % 150), static_cast<char>('a' + i % 26));
    buffer.append(text);
    buffer.push_back('|');
    buffer.append_number(static_cast<std::uint16_t>(i));
    expected += text + "|" + static_cast<char>(i & 0xff) + static_cast<char>(i >> 8);
  }
  EXPECT_EQ(buffer.view(), expected);
  ByteBuffer copy = buffer;
  buffer.clear();
  EXPECT_TRUE(buffer.empty());
  buffer.append("x");
  EXPECT_EQ(buffer.view(), "x");
  EXPECT_EQ(copy.view(), expected);
}

TEST(ByteBuffer, RoomCountsOnceItIsTaken) {
  ByteBuffer buffer;
  char* to = buffer.room(1000);
  EXPECT_TRUE(buffer.empty());
  buffer.taken(put_text(to, "twelve"));
  EXPECT_EQ(buffer.view(), "twelve");
}

}  // namespace
}  // namespace millrace
