#include "cmd/send_state.h"

#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/crc32c.h"
#include "base/json.h"
#include "io/file.h"
#include "io/random.h"

namespace millrace::cmd {
namespace {

std::string state_folder() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  if (state != nullptr && *state != '\0') {
    return std::string(state) + "/millrace/send";
  }
  return std::string(home != nullptr ? home : "/tmp") + "/.local/state/millrace/send";
}

// Names this content at this place, as far as that can be told without reading it.
std::string identity_of(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    return "";
  }
  return fmt::format("{} {} {}.{}", std::filesystem::absolute(path).string(), info.st_size, info.st_mtim.tv_sec,
                     info.st_mtim.tv_nsec);
}

}  // namespace

SendState::SendState(const std::string& path, const std::string& url) : run_(fmt::format("{:016x}", random_number())) {
  if (path == "-") {
    return;
  }
  identity_ = identity_of(path);
  std::string place = std::filesystem::absolute(path).string() + " " + url;
  state_path_ = fmt::format("{}/{:08x}{:08x}.json", state_folder(), crc32c(place), crc32c(place + "."));
  load(identity_);
}

void SendState::load(const std::string& identity) {
  Result<std::string> text = read_file(posix_file_system(), state_path_, 64 << 10);
  Result<Json> json = text.ok() ? Json::parse(*text) : Result<Json>(text.error());
  if (!json.ok()) {
    return;
  }
  const Json* same = json->find("file");
  const Json* run = json->find("run");
  const Json* bytes = json->find("bytes");
  if (same != nullptr && same->text() == identity && run != nullptr && bytes != nullptr && bytes->integer()) {
    run_ = run->text();
    acknowledged_ = static_cast<std::uint64_t>(*bytes->integer());
  }
}

void SendState::begin_anew() {
  acknowledged_ = 0;
  run_ = fmt::format("{:016x}", random_number());
}

void SendState::acknowledged(std::uint64_t begin, std::uint64_t end) {
  std::lock_guard lock(mutex_);
  ahead_[begin] = end;
  for (auto next = ahead_.find(acknowledged_); next != ahead_.end(); next = ahead_.find(acknowledged_)) {
    acknowledged_ = next->second;
    ahead_.erase(next);
  }
}

void SendState::save() {
  if (state_path_.empty()) {
    return;
  }
  std::string text;
  {
    std::lock_guard lock(mutex_);
    JsonWriter json;
    json.begin_object()
        .key("file")
        .string(identity_)
        .key("run")
        .string(run_)
        .key("bytes")
        .unsigned_integer(acknowledged_)
        .end_object();
    text = json.take();
  }
  // Losing the state costs a repeated sending, which ids make harmless: an error here stops nobody.
  if (posix_file_system().make_folders(state_folder()).ok()) {
    (void)replace_file(posix_file_system(), state_path_, text);
  }
}

void SendState::remove() {
  if (!state_path_.empty()) {
    (void)posix_file_system().remove(state_path_);
  }
}

}  // namespace millrace::cmd
