#pragma once
// Named pieces of bytes that the owner of a partition keeps in the store, so that whoever owns it next goes on from
// them. They belong to one owner: a takeover with its epoch and claim. What an old owner writes late stays with it, and
// is never seen by those behind it. docs/adr/0026-state-moves-with-the-partition.md

#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace millrace {

// One thread a partition. Errors: kUnavailable and kUnknown, after which a change may have been made or not.
class SharedState {
 public:
  virtual ~SharedState() = default;
  virtual Result<std::vector<std::string>> names(const Takeover& owner) = 0;
  // As it was written last. kNotFound.
  virtual Result<std::string> read(const Takeover& owner, const std::string& name) = 0;
  // Replaces what has this name, or leaves it as it was. Durable when it returns ok.
  virtual Result<void> write(const Takeover& owner, const std::string& name, std::string_view bytes) = 0;
  // At some time: they may be seen for a while.
  virtual Result<void> remove(const Takeover& owner, const std::vector<std::string>& names) = 0;
  // `to`, which has written nothing yet, has all that `from` has.
  virtual Result<void> copy(const Takeover& from, const Takeover& to) = 0;
  // At some time: what owners of lower epochs have is removed.
  virtual Result<void> forget_before(const Takeover& owner) = 0;
};

}  // namespace millrace
