// Any configuration from file, environment and flags at once: an answer or an error that names its place, never a
// crash; what is printed can be loaded again and is the same; a secret is never shown.
//
// The input: the file; behind a zero byte lines NAME=value of the environment, behind another one of flags; the first
// four of each.
//
// dictionary: toml
// bytes_max: 1024
// covers: src/base/settings.cc src/base/settings_toml.cc src/base/settings_value.cc src/base/settings_text.cc
#include <algorithm>

#include "base/check.h"
#include "base/settings.h"

namespace {

std::vector<std::pair<std::string, std::string>> pairs(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> all;
  while (!text.empty() && all.size() < 4) {
    std::size_t end = std::min(text.find('\n'), text.size());
    std::string line(text.substr(0, end));
    std::size_t equals = std::min(line.find('='), line.size());
    all.emplace_back(line.substr(0, equals), line.substr(std::min(equals + 1, line.size())));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return all;
}

std::string_view take(std::string_view& rest) {
  std::size_t end = std::min(rest.find('\0'), rest.size());
  std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace millrace;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  SettingSources sources;
  sources.file_name = "fuzz.toml";
  sources.file_text = take(rest);
  sources.environment = pairs(take(rest));
  sources.flags = pairs(rest);
  Result<Settings> settings = Settings::load(sources);
  if (!settings.ok()) {
    MR_CHECK(settings.error().code == Code::kInvalid && !settings.error().message.empty());
    return 0;
  }
  std::string printed = settings->print();
  const std::string& secret = settings->values().engine_password;
  if (secret.size() > 8 && secret.find_first_of("*\"\\") == std::string::npos) {
    MR_CHECK(printed.find("password = \"" + secret) == std::string::npos);
  }
  SettingSources again;
  again.file_name = "printed.toml";
  again.file_text = printed;
  Result<Settings> same = Settings::load(again);
  MR_CHECK(same.ok());
  MR_CHECK(same->print().size() > 0 && same->values().data == settings->values().data &&
           same->values().listen == settings->values().listen);
  MR_CHECK(same->values().stream_segment_bytes == settings->values().stream_segment_bytes &&
           same->values().process_id_window == settings->values().process_id_window);
  MR_CHECK(same->values().properties.size() == settings->values().properties.size());
  MR_CHECK(same->values().views == settings->values().views);
  return 0;
}
