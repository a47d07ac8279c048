// An engine without the rest of the program, for tests with clients that nobody here wrote.
//   engine_alone FOLDER
// Prints "URL USER PASSWORD" when it answers, then "SOCKET USER SECRET" of the way that Millrace itself takes, and
// stops when standard input ends.

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <unistd.h>

#include "engine/supervisor.h"

int main(int argc, char** argv) {
  const char* library = getenv("MILLRACE_LIBCHDB");
  if (argc != 2 || library == nullptr) {
    std::fputs("usage: MILLRACE_LIBCHDB=path engine_alone FOLDER\n", stderr);
    return 2;
  }
  millrace::Metrics metrics;
  millrace::engine::SupervisorOptions options;
  options.program = {(std::filesystem::canonical("/proc/self/exe").parent_path() / "engine_child").string()};
  options.data_folder = std::filesystem::absolute(argv[1]).string();
  options.libchdb = library;
  options.public_listen = "127.0.0.1:0";
  options.public_user = "tester";
  options.public_password = "only-for-tests";
  auto engine = millrace::engine::Supervisor::start(options, metrics);
  if (!engine) {
    std::fprintf(stderr, "%s\n", engine.error().message.c_str());
    return 1;
  }
  std::printf("http://%s %s %s\n", (*engine)->public_address().c_str(), options.public_user.c_str(),
              options.public_password.c_str());
  std::printf("%s %s %s\n", (*engine)->socket_path().c_str(), (*engine)->user().c_str(), (*engine)->secret().c_str());
  std::fflush(stdout);
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
}
