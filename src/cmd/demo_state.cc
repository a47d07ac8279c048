#include "cmd/demo_state.h"

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

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

std::optional<DemoHistory> read_history(const Json& json) {
  auto integer = [&json](const char* name) {
    const Json* found = json.find(name);
    return found != nullptr ? found->integer() : std::nullopt;
  };
  std::optional<std::int64_t> from = integer("from"), until = integer("until"), traffic = integer("traffic"),
                              batches = integer("batches");
  if (!from || !until || !traffic || !batches) {
    return std::nullopt;
  }
  return DemoHistory{*from, *until, static_cast<std::uint64_t>(*traffic), static_cast<std::uint64_t>(*batches)};
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
                              next = integer("next");
  const Json* histories = json.find("histories");
  const Json* ended = json.find("ended");
  state.key = string("key");
  state.read_key = string("read_key");
  state.story = string("story");
  bool good = seed && began && sent && next && histories != nullptr && ended != nullptr && !state.key.empty();
  for (const Json& one : good ? histories->items() : std::vector<Json>()) {
    std::optional<DemoHistory> history = read_history(one);
    good = good && history;
    state.histories.push_back(history.value_or(DemoHistory{}));
  }
  if (!good) {
    return invalid(path + " is damaged, or another version's: --reset begins anew");
  }
  state.seed = static_cast<std::uint64_t>(*seed);
  state.began = *began;
  state.sent_until = *sent;
  state.ended = ended->boolean();
  state.next = static_cast<std::uint64_t>(*next);
  return state;
}

// In the folder while it is emptied: a start after that was broken off goes on with it.
constexpr const char* kEmptying = "/RESET";

// Removes all that is in a folder but what has one of these names.
void empty(const std::string& folder, const std::set<std::string>& kept, std::error_code& error) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    found.push_back(entry.path());
  }
  for (const std::filesystem::path& path : found) {
    if (!error && kept.find(path.filename()) == kept.end()) {
      std::filesystem::remove_all(path, error);
    }
  }
}

// All but the lock of the server's folder: one that runs keeps what it has.
Result<void> throw_away(const std::string& folder) {
  FileSystem& files = posix_file_system();
  std::string data = folder + "/data";
  MR_TRY(files.make_folders(data));
  MR_ASSIGN(std::unique_ptr<FileLock> lock, files.lock(data + "/LOCK"));
  MR_TRY(replace_file(files, folder + kEmptying, "this folder's demonstration is being thrown away\n"));
  std::error_code error;
  empty(folder, {"data", "RESET"}, error);
  if (!error) {
    empty(data, {"LOCK"}, error);
  }
  return error ? Result<void>(unavailable(fmt::format("{} can't be emptied: {}", folder, error.message())))
               : Result<void>();
}

}  // namespace

Result<DemoState> DemoState::open(const std::string& folder, bool reset, TimeNs now) {
  std::string path = folder + "/demo.json";
  std::error_code error;
  bool emptying = std::filesystem::exists(folder + kEmptying, error);
  reset = reset || emptying;
  bool is_demo = emptying || std::filesystem::exists(path, error);
  if (!is_demo && std::filesystem::exists(folder, error) && !std::filesystem::is_empty(folder, error)) {
    return invalid(fmt::format("{} holds something else; choose another folder with --data", folder));
  }
  if (is_demo && reset) {
    MR_TRY(throw_away(folder));
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
  std::filesystem::remove(folder + kEmptying, error);
  return state;
}

Result<void> DemoState::save() const {
  JsonWriter json;
  json.begin_object().key("seed").integer(static_cast<std::int64_t>(seed)).key("began").integer(began);
  json.key("sent_until").integer(sent_until).key("ended").boolean(ended);
  json.key("next").integer(static_cast<std::int64_t>(next)).key("story").string(story);
  json.key("histories").begin_array();
  for (const DemoHistory& one : histories) {
    json.begin_object().key("from").integer(one.from).key("until").integer(one.until);
    json.key("traffic").integer(static_cast<std::int64_t>(one.traffic));
    json.key("batches").integer(static_cast<std::int64_t>(one.batches)).end_object();
  }
  json.end_array();
  json.key("key").string(key).key("read_key").string(read_key).end_object();
  return replace_file(posix_file_system(), folder + "/demo.json", json.text());
}

}  // namespace millrace::cmd
