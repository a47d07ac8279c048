// Runs statements in libchdb and tells how each went; for the tests of the sandbox and of the roles.
//   engine_attempt FOLDER sandbox|open LIBCHDB [--argument=of-the-connection…]
// Reads one JSON string a line from standard input, and writes one for each answer: "OK …" or the engine's message.

#include <cstring>
#include <iostream>
#include <thread>

#include <unistd.h>

#include "base/json.h"
#include "engine/chdb.h"
#include "engine/sandbox/sandbox.h"

namespace {

using namespace millrace;
using namespace millrace::engine;

void attempt(const std::string& folder, const std::string& library, std::vector<std::string> arguments) {
  auto abi = load_chdb(library);
  if (!abi) _exit(3);
  abi->set_signal_handlers_enabled(0);
  arguments.push_back("--path=" + folder + "/db");
  auto connection = Connection::open(*abi, arguments);
  if (!connection) _exit(4);
  for (std::string line; std::getline(std::cin, line);) {
    ResultPtr result = (*connection)->query(Json::parse(line)->text(), "TSV");
    auto error = (*connection)->error_of(result.get());
    std::string answer;
    append_json_string(answer, error ? error->text : "OK " + std::string(bytes_of(*abi, result.get()).substr(0, 2000)));
    std::cout << answer << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 1;
  std::string folder = argv[1], library = argv[3];
  if (std::strcmp(argv[2], "sandbox") == 0) {
    SandboxPolicy policy{
        {folder + "/db"},
        {library, "/usr/lib", "/lib", "/lib64", "/etc/ld.so.cache", "/dev/null", "/dev/urandom", "/proc/self/statm",
         "/proc/meminfo", "/proc/cpuinfo", "/proc/stat", "/sys/devices/system/cpu", "/sys/fs/cgroup"}};
    if (!enter_sandbox(policy)) return 2;
  }
  std::thread([&] { attempt(folder, library, {argv + 4, argv + argc}); }).join();
  _exit(0);
}
