#pragma once
// Packs answers. The counterpart of decode.h.

#include <memory>
#include <string>
#include <string_view>

namespace millrace::http {

// One gzip member (RFC 1952), written piece by piece.
class GzipEncoder {
 public:
  static std::unique_ptr<GzipEncoder> create();
  virtual ~GzipEncoder() = default;
  // Packed bytes that are ready; may be empty.
  virtual std::string add(std::string_view bytes) = 0;
  // The rest. Called once, last.
  virtual std::string finish() = 0;
};

}  // namespace millrace::http
