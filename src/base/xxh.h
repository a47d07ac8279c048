#pragma once
// xxHash (XXH3), compiled into who includes it: short inputs gain the most.

#define XXH_INLINE_ALL
#ifdef __SANITIZE_ADDRESS__
#define XXH_NO_INLINE_HINTS 1  // builds with sanitizers inline less than its hints demand, which GCC takes for an error
#endif
#include <xxhash.h>
