#include "model/routing.h"

#include "base/xxh.h"

namespace millrace {

std::uint64_t routing_hash(std::string_view routing_key) { return XXH3_64bits(routing_key.data(), routing_key.size()); }

}  // namespace millrace
