#include "cmd/demo_state.h"

#include <filesystem>

#include <fmt/format.h>

#include "base/json.h"
#include "io/file.h"
#include "io/random.h"

namespace millrace::cmd {
namespace {

constexpr std::uint64_t kFileBytesMax = 64 << 10;

std::string hex(const std::string& bytes) {
  std::string text;
  for (unsigned char byte : bytes) {
    text += fmt::format("{:02x}", byte);
  }
  return text;
}

Result<DemoState> read(const std::string& path, const std::string& folder) {
  MR_ASSIGN(std::string text, read_file(posix_file_system(), path, kFileBytesMax));
  MR_ASSIGN(Json json, Json::parse(text));
  DemoState state;
  state.folder = folder;
  auto integer = [&json](const char* name) {
    const Json* found = json.find(name);
    return found != nullptr ? found->integer() : std::nullopt;
  };
  auto string = [&json](const char* name) {
    const Json* found = json.find(name);
    return found != nullptr ? found->text() : std::string();
  };
  std::optional<std::int64_t> seed = integer("seed"), began = integer("began"), sent = integer("sent_until"),
                              run = integer("run");
  state.key = string("key");
  state.read_key = string("read_key");
  if (!seed || !began || !sent || !run || state.key.empty()) {
    return invalid(path + " is not readable any more: --reset begins anew");
  }
  state.seed = static_cast<std::uint64_t>(*seed);
  state.began = *began;
  state.sent_until = *sent;
  state.run = static_cast<std::uint64_t>(*run);
  return state;
}

Result<void> remove_all(const std::string& folder) {
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  return error ? Result<void>(unavailable(fmt::format("{} can't be removed: {}", folder, error.message())))
               : Result<void>();
}

}  // namespace

Result<DemoState> DemoState::open(const std::string& folder, bool reset, TimeNs now) {
  std::string path = folder + "/demo.json";
  std::error_code error;
  bool is_demo = std::filesystem::exists(path, error);
  if (!is_demo && std::filesystem::exists(folder, error) && !std::filesystem::is_empty(folder, error)) {
    return invalid(fmt::format("{} holds something else; choose another folder with --data", folder));
  }
  if (is_demo && reset) {
    MR_TRY(remove_all(folder));
  }
  if (is_demo && !reset) {
    return read(path, folder);
  }
  MR_TRY(posix_file_system().make_folders(folder));
  DemoState state;
  state.folder = folder;
  state.seed = random_number() >> 2;
  state.began = now;
  state.key = "demo-" + hex(random_bytes(32));
  MR_TRY(state.save());
  return state;
}

Result<void> DemoState::save() const {
  JsonWriter json;
  json.begin_object().key("seed").integer(static_cast<std::int64_t>(seed)).key("began").integer(began);
  json.key("sent_until").integer(sent_until).key("run").integer(static_cast<std::int64_t>(run));
  json.key("key").string(key).key("read_key").string(read_key).end_object();
  return replace_file(posix_file_system(), folder + "/demo.json", json.text());
}

}  // namespace millrace::cmd
