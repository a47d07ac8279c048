#include <cerrno>

#include <fmt/format.h>
#include <unistd.h>

#include "base/json.h"
#include "engine/engine.h"

namespace millrace::engine {
namespace {

std::string text_of(const Json& json, std::string_view key) {
  const Json* found = json.find(key);
  return found != nullptr && found->is_string() ? found->text() : std::string();
}

std::int64_t integer_of(const Json& json, std::string_view key, std::int64_t otherwise) {
  const Json* found = json.find(key);
  return found != nullptr ? found->integer().value_or(otherwise) : otherwise;
}

}  // namespace

std::string to_json(const EngineOptions& options) {
  JsonWriter json;
  json.begin_object();
  json.key("data_folder").string(options.data_folder);
  json.key("libchdb").string(options.libchdb);
  json.key("internal_fd").integer(options.internal_fd);
  json.key("public_fd").integer(options.public_fd);
  json.key("ready_fd").integer(options.ready_fd);
  json.key("parent").integer(options.parent);
  json.key("internal_secret").string(options.internal_secret);
  json.key("public_user").string(options.public_user);
  json.key("public_password").string(options.public_password);
  json.key("memory_bytes_max").unsigned_integer(options.memory_bytes_max);
  json.key("threads").integer(options.threads);
  json.key("internal_queries_max").integer(options.internal_queries_max);
  json.key("public_queries_max").integer(options.public_queries_max);
  json.key("queue_ms_max").integer(options.queue_ms_max);
  json.key("public_execution_s_max").integer(options.public_execution_s_max);
  json.end_object();
  return json.take();
}

Result<EngineOptions> parse_engine_options(const std::string& text) {
  MR_ASSIGN(Json json, Json::parse(text));
  EngineOptions options;
  options.data_folder = text_of(json, "data_folder");
  options.libchdb = text_of(json, "libchdb");
  options.internal_fd = static_cast<int>(integer_of(json, "internal_fd", -1));
  options.public_fd = static_cast<int>(integer_of(json, "public_fd", -1));
  options.ready_fd = static_cast<int>(integer_of(json, "ready_fd", -1));
  options.parent = static_cast<int>(integer_of(json, "parent", 0));
  options.internal_secret = text_of(json, "internal_secret");
  options.public_user = text_of(json, "public_user");
  options.public_password = text_of(json, "public_password");
  options.memory_bytes_max = static_cast<std::uint64_t>(integer_of(json, "memory_bytes_max", 4LL << 30));
  options.threads = static_cast<unsigned>(integer_of(json, "threads", 2));
  options.internal_queries_max = static_cast<unsigned>(integer_of(json, "internal_queries_max", 8));
  options.public_queries_max = static_cast<unsigned>(integer_of(json, "public_queries_max", 4));
  options.queue_ms_max = integer_of(json, "queue_ms_max", 5'000);
  options.public_execution_s_max = integer_of(json, "public_execution_s_max", 60);
  if (options.data_folder.empty() || options.libchdb.empty() || options.internal_fd < 0 ||
      options.internal_secret.empty()) {
    return invalid("The engine's options lack data_folder, libchdb, internal_fd or internal_secret.");
  }
  return options;
}

std::string to_json(const ReadyReport& report) {
  JsonWriter json;
  json.begin_object();
  json.key("landlock_abi").integer(report.landlock_abi);
  json.key("seccomp").boolean(report.seccomp);
  json.key("version").string(report.version);
  json.end_object();
  return json.take();
}

Result<ReadyReport> parse_ready_report(const std::string& text) {
  MR_ASSIGN(Json json, Json::parse(text));
  const Json* seccomp = json.find("seccomp");
  return ReadyReport{static_cast<int>(integer_of(json, "landlock_abi", 0)), seccomp != nullptr && seccomp->boolean(),
                     text_of(json, "version")};
}

Result<EngineOptions> read_engine_options(int fd) {
  std::string text;
  char piece[4096];
  while (true) {
    ssize_t size = read(fd, piece, sizeof piece);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return invalid(fmt::format("The engine's options can't be read from descriptor {}.", fd));
    if (size == 0) break;
    text.append(piece, static_cast<std::size_t>(size));
  }
  close(fd);
  return parse_engine_options(text);
}

}  // namespace millrace::engine
