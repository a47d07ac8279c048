#include "app/node.h"

#include <fmt/format.h>

#include "base/json.h"

namespace millrace {
namespace {

constexpr std::int64_t kNodeVersion = 2;  // 1 knew no kinds of streams: it is still written where the log is meant

Result<void> write_node(FileSystem& files, const std::string& path, const Node& node) {
  JsonWriter json;
  bool log = node.stream == "log";
  json.begin_object().key("version").integer(log ? 1 : kNodeVersion);
  json.key("generation").integer(node.generation.value).key("partitions").integer(node.partitions);
  if (!log) {
    json.key("stream").string(node.stream);
  }
  json.end_object();
  return replace_file(files, path, json.text() + "\n");
}

Result<Node> decode_node(const std::string& path, const std::string& text) {
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
  const Json* stream = json->find("stream");
  return Node{Generation(static_cast<std::uint32_t>(*generation->integer())),
              static_cast<std::uint16_t>(*partitions->integer()),
              stream != nullptr && stream->is_string() ? stream->text() : "log", false};
}

std::string path_of(const std::string& data) { return data + "/node.json"; }

}  // namespace

Result<Node> read_node(FileSystem& files, const std::string& data) {
  MR_ASSIGN(std::string text, read_file(files, path_of(data), 4096));
  return decode_node(path_of(data), text);
}

Result<void> switch_node(FileSystem& files, const std::string& data, const Node& node) {
  return write_node(files, path_of(data), node);
}

Result<Node> open_node(FileSystem& files, const std::string& data, const Node& wanted, bool partitions_chosen) {
  Result<Node> found = read_node(files, data);
  if (!found.ok()) {
    if (found.error().code != Code::kNotFound) {
      return found.error();
    }
    Node node = wanted;
    node.made_now = true;
    MR_TRY(write_node(files, path_of(data), node));
    return node;
  }
  const Node& node = *found;
  if (node.stream != wanted.stream) {
    return invalid(
        fmt::format("stream.kind is {}, but {} keeps its stream in {}; set it to {}, or move it with `millrace migrate "
                    "stream --to {}`",
                    wanted.stream, data, node.stream, node.stream, wanted.stream));
  }
  if (partitions_chosen && node.partitions != wanted.partitions) {
    return invalid(fmt::format(
        "stream.partitions is {}, but {} was made with {}, and that is fixed for a data folder; set it to {}, "
        "or start with a new folder",
        wanted.partitions, data, node.partitions, node.partitions));
  }
  return node;
}

}  // namespace millrace
