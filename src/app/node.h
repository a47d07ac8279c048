#pragma once
// What a data folder is: which generation of the stream it holds, of which kind and of how many partitions. Kept in
// <data>/node.json, made at the first start.

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/strong.h"
#include "io/file.h"

namespace millrace {

struct Node {
  Generation generation{1};
  std::uint16_t partitions = 1;
  std::string stream = "log";  // or "kafka"
  bool made_now = false;
};

// kNotFound: there is no folder, or nothing in it.
Result<Node> read_node(FileSystem& files, const std::string& data);
// Durable when it returns ok. Nobody else has the folder, and its stream is there already as that kind.
Result<void> switch_node(FileSystem& files, const std::string& data, const Node& node);

// Makes the folder as it is wanted when there is none. kInvalid: made by a newer program, for another kind of stream,
// or with other partitions, if they were chosen by the user.
Result<Node> open_node(FileSystem& files, const std::string& data, const Node& wanted, bool partitions_chosen);

}  // namespace millrace
