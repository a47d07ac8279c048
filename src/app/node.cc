#include "app/node.h"

#include <fmt/format.h>

#include "base/json.h"

namespace millrace {
namespace {

constexpr std::int64_t kNodeVersion = 1;

Result<void> write_node(FileSystem& files, const std::string& path, const Node& node) {
  JsonWriter json;
  json.begin_object().key("version").integer(kNodeVersion).key("generation").integer(node.generation.value);
  json.key("partitions").integer(node.partitions).end_object();
  return replace_file(files, path, json.text() + "\n");
}

Result<Node> read_node(const std::string& path, const std::string& text) {
  Result<Json> json = Json::parse(text);
  const Json* version = json.ok() ? json->find("version") : nullptr;
  const Json* generation = json.ok() ? json->find("generation") : nullptr;
  const Json* partitions = json.ok() ? json->find("partitions") : nullptr;
  if (version == nullptr || generation == nullptr || partitions == nullptr || !generation->integer() ||
      !partitions->integer() || *partitions->integer() < 1 || *partitions->integer() > 256) {
    return corrupt(path + " is damaged; restore it from a backup of this folder");
  }
  if (version->integer().value_or(0) > kNodeVersion) {
    return invalid(path + " was written by a newer millrace; start this folder with that version or a later one");
  }
  return Node{Generation(static_cast<std::uint32_t>(*generation->integer())),
              static_cast<std::uint16_t>(*partitions->integer()), false};
}

}  // namespace

Result<Node> open_node(FileSystem& files, const std::string& data, std::uint16_t partitions, bool partitions_chosen) {
  std::string path = data + "/node.json";
  Result<std::string> text = read_file(files, path, 4096);
  if (!text.ok()) {
    if (text.error().code != Code::kNotFound) {
      return text.error();
    }
    Node node{Generation(1), partitions, true};
    MR_TRY(write_node(files, path, node));
    return node;
  }
  MR_ASSIGN(Node node, read_node(path, *text));
  if (partitions_chosen && node.partitions != partitions) {
    return invalid(fmt::format(
        "stream.partitions is {}, but {} was made with {}, and that is fixed for a data folder; set it to {}, "
        "or start with a new folder",
        partitions, data, node.partitions, node.partitions));
  }
  return node;
}

}  // namespace millrace
