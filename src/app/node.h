#pragma once
// What a data folder is: which generation of the stream it holds, and of how many partitions. Kept in <data>/node.json,
// made at the first start.

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/strong.h"
#include "io/file.h"

namespace millrace {

struct Node {
  Generation generation{1};
  std::uint16_t partitions = 1;
  bool made_now = false;
};

// Makes the folder when there is none. kInvalid: made by a newer program, or `partitions` was chosen by the user and
// differs from what the folder was made with.
Result<Node> open_node(FileSystem& files, const std::string& data, std::uint16_t partitions, bool partitions_chosen);

}  // namespace millrace
