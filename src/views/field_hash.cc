#include "views/field_hash.h"

#include "base/xxh.h"

namespace millrace {

std::uint64_t field_hash(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

}  // namespace millrace
