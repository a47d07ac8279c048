#include "base/result.h"

namespace millrace {

const char* name(Code code) {
  switch (code) {
    case Code::kInvalid:
      return "invalid";
    case Code::kNotFound:
      return "not found";
    case Code::kFull:
      return "full";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kUnknown:
      return "unknown outcome";
    case Code::kCorrupt:
      return "corrupt";
  }
  return "?";
}

}  // namespace millrace
