#include "io/random.h"

#include <cerrno>

#include <sys/random.h>

#include "base/bytes.h"
#include "base/check.h"

namespace millrace {

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  std::size_t got = 0;
  while (got < count) {
    ssize_t more = getrandom(bytes.data() + got, count - got, 0);
    // Without random numbers no key is safe: there is nothing to go on with.
    MR_CHECK(more > 0 || errno == EINTR);
    got += more > 0 ? static_cast<std::size_t>(more) : 0;
  }
  return bytes;
}

std::uint64_t random_number() { return load_le<std::uint64_t>(random_bytes(sizeof(std::uint64_t)).data()); }

}  // namespace millrace
