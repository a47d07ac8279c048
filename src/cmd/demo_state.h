#pragma once
// What a demonstration's folder knows of itself: FOLDER/demo.json, readable by its owner alone, for it holds keys.

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/strong.h"

namespace millrace::cmd {

struct DemoState {
  std::string folder;
  std::uint64_t seed = 0;
  TimeNs began = 0;       // of the story: its launch, its incident are counted from here
  TimeNs sent_until = 0;  // events before it have been sent
  std::uint64_t run = 0;  // how often a history has been loaded; ids of different runs differ
  std::string key;        // may do everything
  std::string read_key;   // empty until it is made

  // An earlier one's state, or a new one's, which is saved at once. With `reset`, what is there is removed first;
  // kInvalid when the folder holds something that is no demonstration.
  static Result<DemoState> open(const std::string& folder, bool reset, TimeNs now);
  Result<void> save() const;
};

}  // namespace millrace::cmd
