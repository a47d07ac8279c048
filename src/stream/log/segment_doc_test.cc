// The worked bytes of docs/formats/segment.md are what the code writes and reads.

#include <fstream>
#include <regex>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "stream/log/segment_format.h"

namespace millrace {
namespace {

constexpr std::uint64_t kExampleOffset = 4096;

// The bytes of the lines "    001000  3e 00 …".
std::string documented_bytes() {
  std::ifstream page("docs/formats/segment.md");
  EXPECT_TRUE(page) << "run from the top of the repository";
  std::string bytes;
  std::regex row("^    0010[0-9a-f]{2} ((?: [0-9a-f]{2})+)$");
  for (std::string line; std::getline(page, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, row)) continue;
    std::istringstream numbers(match[1].str());
    for (std::string number; numbers >> number;) bytes.push_back(static_cast<char>(std::stoi(number, nullptr, 16)));
  }
  return bytes;
}

TEST(SegmentDocument, ItsBytesAreARecordAndAFooter) {
  std::string bytes = documented_bytes();
  ASSERT_EQ(bytes.size(), 144u);
  SegmentIdentity first{Generation(1), PartitionId(0), 1};
  std::string_view record = std::string_view(bytes).substr(0, 104);
  std::string_view footer = std::string_view(bytes).substr(104);
  EXPECT_TRUE(frame_is_whole(record, first, kExampleOffset));
  EXPECT_TRUE(frame_is_whole(footer, first, kExampleOffset + 104));
  EXPECT_FALSE(frame_is_whole(record, {Generation(1), PartitionId(0), 2}, kExampleOffset)) << "of another segment";
  EXPECT_EQ(peek_frame(record)->fields.kind, FrameKind::kRecord);
  EXPECT_EQ(peek_frame(footer)->fields.kind, FrameKind::kFooter);

  char header[kFrameHeaderBytes];
  encode_frame_header(header, first, kExampleOffset, peek_frame(record)->fields, record.substr(kFrameHeaderBytes, 62));
  EXPECT_EQ(std::string_view(header, sizeof header), record.substr(0, kFrameHeaderBytes));
}

}  // namespace
}  // namespace millrace
