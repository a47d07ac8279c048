// Any bytes as a configuration file: an answer or an error, never a crash; and what is printed can be loaded again.
#include "base/check.h"
#include "base/settings.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace millrace;
  SettingSources sources;
  sources.file_name = "fuzz.toml";
  sources.file_text.assign(reinterpret_cast<const char*>(data), size);
  Result<Settings> settings = Settings::load(sources);
  if (settings.ok()) {
    sources.file_text = settings->print();
    Result<Settings> again = Settings::load(sources);
    MR_CHECK(again.ok());
    MR_CHECK(again->values().data == settings->values().data);
  }
  return 0;
}
