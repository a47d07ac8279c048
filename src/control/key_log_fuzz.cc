// Any bytes may lie where the file of keys should be.
//
// bytes_max: 1024
// covers: src/control/key_log.cc src/control/scopes.cc
#include "base/check.h"
#include "control/key_log.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Result<KeyLog> log = parse_key_log(bytes);
  if (log.ok()) {
    MR_CHECK(log->good_bytes <= size);
    std::string again;
    append_key_log_header(again);
    for (const StoredKey& key : log->changes) {
      append_key_change(again, key);
    }
    MR_CHECK(parse_key_log(again)->changes.size() == log->changes.size());
  }
  return 0;
}
