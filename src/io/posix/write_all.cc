#include "io/posix/write_all.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

namespace millrace {
namespace {

constexpr std::size_t kPiecesPerCall = IOV_MAX;

// What is still to be written: the pieces from `next` on, the first of them less its `skip` bytes.
struct Rest {
  std::span<const std::string_view> pieces;
  std::size_t skip = 0;

  int fill(iovec* into) const {
    std::size_t count = std::min(pieces.size(), kPiecesPerCall);
    for (std::size_t i = 0; i < count; ++i) {
      std::string_view piece = pieces[i].substr(i == 0 ? skip : 0);
      into[i] = {const_cast<char*>(piece.data()), piece.size()};  // iovec is used for reads too; pwritev doesn't write
    }
    return static_cast<int>(count);
  }

  void advance(std::size_t written) {
    while (!pieces.empty() && written >= pieces.front().size() - skip) {
      written -= pieces.front().size() - skip;
      pieces = pieces.subspan(1);
      skip = 0;
    }
    skip += written;
  }
};

}  // namespace

int write_all(const PwritevCall& call, std::uint64_t offset, std::span<const std::string_view> pieces) {
  std::array<iovec, kPiecesPerCall> vectors;
  Rest rest{pieces};
  rest.advance(0);
  while (!rest.pieces.empty()) {
    ssize_t written = call(vectors.data(), rest.fill(vectors.data()), offset);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return written < 0 ? errno : EIO;
    }
    offset += static_cast<std::uint64_t>(written);
    rest.advance(static_cast<std::size_t>(written));
  }
  return 0;
}

}  // namespace millrace
