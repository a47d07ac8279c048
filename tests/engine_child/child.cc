// The engine's process alone, for the tests of src/engine: the same body as the hidden command `millrace engine`.
//   engine_child --options-fd N

#include <cstdlib>
#include <cstring>

#include <unistd.h>

#include "engine/engine.h"

int main(int argc, char** argv) {
  if (argc != 3 || std::strcmp(argv[1], "--options-fd") != 0) _exit(2);
  millrace::run_engine(std::atoi(argv[2]));
}
