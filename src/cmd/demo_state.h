#pragma once
// What a demonstration's folder knows of itself: FOLDER/demo.json, readable by its owner alone, for it holds keys.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/strong.h"

namespace millrace::cmd {

// A time whose events are made and sent as fast as it goes, from a seed: what is sent again has the same ids.
struct DemoHistory {
  TimeNs from = 0, until = 0;
  std::uint64_t traffic = 0;  // its number
  std::uint64_t batches = 0;  // so many from the front have been taken
};

struct DemoState {
  std::string folder;
  std::uint64_t seed = 0;
  TimeNs began = 0;                    // of the story: its launch, its incident are counted from here
  TimeNs sent_until = 0;               // live events before it have been sent
  bool ended = false;                  // by itself: nothing has been sent that is not before sent_until
  std::uint64_t next = 0;              // number of the next traffic; each has ids of its own
  std::vector<DemoHistory> histories;  // that are not loaded whole
  std::string story;                   // --days, --rate and --users that they are loaded with
  std::string key;                     // may do everything
  std::string read_key;                // empty until it is made

  // An earlier one's state, or a new one's, which is saved at once. With `reset`, what is there is removed first;
  // kInvalid when the folder holds something that is no demonstration.
  static Result<DemoState> open(const std::string& folder, bool reset, TimeNs now);
  Result<void> save() const;
};

}  // namespace millrace::cmd
