#pragma once
// Small things that people make and that must stay: sessions, dashboards. A log of changes in
// <data>/control/control.log, folded at start; a thing is known by its kind and id, and its last change counts.
// docs/formats/control.md has a worked example.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "io/file.h"

namespace millrace {

inline constexpr std::string_view kControlLogMagic = "MRCTLG\n";
inline constexpr std::uint8_t kControlLogVersion = 1;
inline constexpr std::size_t kControlLogHeaderBytes = 8;
inline constexpr std::size_t kControlChangeBytesMax = 256 << 10;

// One change: a thing's new state, or (`value` empty) that it is gone.
struct ControlChange {
  std::string kind;
  std::string id;
  std::string value;  // JSON
};
void append_control_log_header(std::string& to);
void append_control_change(std::string& to, const ControlChange& change);

struct ControlChanges {
  std::vector<ControlChange> changes;
  std::size_t last = 0;        // where the last change begins; good_bytes when there is none
  std::size_t good_bytes = 0;  // what follows is the torn end of a change that was never confirmed
};
// kInvalid: written by a newer program. kCorrupt: a change that was durable once is damaged.
Result<ControlChanges> parse_control_log(std::string_view bytes);

// Safe from any thread; reading takes no lock that a writer holds while it syncs.
class ControlLog {
 public:
  static Result<std::unique_ptr<ControlLog>> open(FileSystem& files, const std::string& folder);
  virtual ~ControlLog() = default;

  // Id and JSON of each thing of a kind, by id.
  virtual std::vector<std::pair<std::string, std::string>> all(const std::string& kind) = 0;
  virtual std::optional<std::string> find(const std::string& kind, const std::string& id) = 0;
  // Durable when they return. `value` is JSON; kInvalid when the change has more than kControlChangeBytesMax.
  // kUnavailable: the disk failed; nothing more is taken until a restart.
  virtual Result<void> put(const std::string& kind, const std::string& id, const std::string& value) = 0;
  virtual Result<void> remove(const std::string& kind, const std::string& id) = 0;
};

}  // namespace millrace
