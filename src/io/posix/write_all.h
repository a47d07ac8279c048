#pragma once
// The loop around pwritev, apart from the system call so that its odd answers (EINTR, short writes) can be tested.

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include <sys/uio.h>

namespace millrace {

using PwritevCall = std::function<ssize_t(const iovec* pieces, int count, std::uint64_t offset)>;

// Writes all pieces, one behind the other. 0, or the errno of the call that failed (EIO where the kernel takes nothing
// and says nothing).
int write_all(const PwritevCall& call, std::uint64_t offset, std::span<const std::string_view> pieces);

}  // namespace millrace
