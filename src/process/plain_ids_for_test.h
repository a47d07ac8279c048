#pragma once
// Which ids are repeats, by the plainest means: the oracle of IdTable.

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "process/dedupe.h"

namespace millrace {

class PlainIds {
 public:
  explicit PlainIds(IdLimits limits) : limits_(limits) {}

  void forget(TimeNs received) {
    while (!chunks_.empty()) {
      Chunk& oldest = chunks_.front();
      bool old = oldest.newest < received - limits_.window_ns;
      bool over = oldest.ids.size() == limits_.chunk_ids && first_.size() - oldest.ids.size() >= limits_.ids_max;
      if (!old && !over) {
        return;
      }
      for (const std::string& id : oldest.ids) {
        first_.erase(id);
      }
      chunks_.pop_front();
    }
  }

  bool repeat(const std::string& id, std::uint64_t at, TimeNs received) {
    if (!first_.try_emplace(id, at).second) {
      return true;
    }
    if (chunks_.empty() || chunks_.back().ids.size() == limits_.chunk_ids) {
      chunks_.emplace_back();
    }
    chunks_.back().ids.push_back(id);
    chunks_.back().newest = std::max(chunks_.back().newest, received);
    return false;
  }

 private:
  struct Chunk {
    std::vector<std::string> ids;
    TimeNs newest = INT64_MIN;
  };
  IdLimits limits_;
  std::deque<Chunk> chunks_;
  std::map<std::string, std::uint64_t> first_;
};

}  // namespace millrace
