#include "app/engine_library.h"

#include <cstdlib>
#include <filesystem>
#include <vector>

namespace millrace {
namespace {

constexpr const char* kCached = "/millrace/chdb-26.7.3-stable.1/libchdb.so";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string cache_folder() {
  std::string chosen = variable("XDG_CACHE_HOME");
  return chosen.empty() ? variable("HOME") + "/.cache" : chosen;
}

}  // namespace

Result<std::string> find_engine_library(const std::string& chosen, const std::string& program) {
  std::vector<std::string> places;
  if (!chosen.empty()) {
    places = {chosen};
  } else {
    std::string from_environment = variable("MILLRACE_LIBCHDB");
    if (!from_environment.empty()) {
      places.push_back(from_environment);
    }
    std::filesystem::path prefix = std::filesystem::path(program).parent_path().parent_path();
    places.push_back((prefix / "lib/millrace/libchdb.so").string());
    places.push_back(cache_folder() + kCached);
  }
  std::string looked;
  for (const std::string& place : places) {
    std::error_code error;
    if (std::filesystem::exists(place, error)) {
      return std::filesystem::absolute(place).string();
    }
    looked += "\n  " + place;
  }
  return not_found(
      "the engine's library is not there; 'make setup' fetches it, engine.lib or MILLRACE_LIBCHDB names another. "
      "Looked for:" +
      looked);
}

}  // namespace millrace
