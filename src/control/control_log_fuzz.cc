// Any bytes may lie where the control log should be.
//
// dictionary: json
// bytes_max: 1024
// covers: src/control/control_log.cc src/control/frames.cc
#include "base/check.h"
#include "control/control_log.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Result<ControlChanges> log = parse_control_log(bytes);
  if (log.ok()) {
    MR_CHECK(log->good_bytes <= size);
    std::string again;
    append_control_log_header(again);
    for (const ControlChange& change : log->changes) {
      append_control_change(again, change);
    }
    MR_CHECK(parse_control_log(again)->changes.size() == log->changes.size());
  }
  return 0;
}
