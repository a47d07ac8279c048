#pragma once
// The real events of tests/data, as far as the tests of aggregates look at them.

#include <charconv>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <zstd.h>

namespace millrace {

struct RealEvent {
  std::string event, user, repo, extension;
  bool has_added = false;
  double added = 0;
};

// The text between `"name":` (and a quote) and what ends it.
inline std::string_view value_in(std::string_view line, std::string_view name) {
  std::size_t at = line.find(name);
  if (at == std::string_view::npos) {
    return {};
  }
  line.remove_prefix(at + name.size());
  return line.substr(0, line.find_first_of("\",}"));
}

inline std::vector<RealEvent> real_events() {
  std::ifstream file("tests/data/commits.ndjson.zst", std::ios::binary);
  std::string packed((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::string text(ZSTD_getFrameContentSize(packed.data(), packed.size()), '\0');
  EXPECT_EQ(ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size()), text.size());
  std::vector<RealEvent> events;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    RealEvent event;
    event.event = value_in(line, "\"event\":\"");
    event.user = value_in(line, "\"user_id\":\"");
    event.repo = value_in(line, "\"repo\":\"");
    event.extension = value_in(line, "\"extension\":\"");
    std::string_view added = value_in(line, "\"added\":");
    event.has_added = std::from_chars(added.data(), added.data() + added.size(), event.added).ec == std::errc();
    events.push_back(std::move(event));
  }
  return events;
}

}  // namespace millrace
