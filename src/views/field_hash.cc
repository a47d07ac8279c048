#include "views/field_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace millrace {

std::uint64_t field_hash(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

}  // namespace millrace
