// Says what the engine's own parser makes of statements: sql_judge LIBCHDB. In a process of its own, because libchdb
// can't be loaded into one that was built with sanitizers.
//   in:  u32 bytes, a statement     out: u32 bytes, "!why" when it isn't exactly one SELECT that only reads, else its
//   syntax tree
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>

#include <unistd.h>

#include "engine/chdb.h"

namespace {

using namespace millrace::engine;

// The engine's timers interrupt a call now and then, which stdio takes for the end.
bool read_all(char* into, std::size_t size) {
  while (size > 0) {
    ssize_t got = ::read(0, into, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    into += got, size -= static_cast<std::size_t>(got);
  }
  return true;
}

bool write_all(const std::string& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    ssize_t written = ::write(1, bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    done += static_cast<std::size_t>(written);
  }
  return true;
}

std::string judge(Connection& connection, const std::string& sql) {
  QueryAnalysis analysis = connection.classify(sql, "");
  if (analysis.query_class != static_cast<std::uint32_t>(QueryClass::kReadOnly) || analysis.statement_count != 1) {
    return "!class " + std::to_string(analysis.query_class) + ", statements " +
           std::to_string(analysis.statement_count);
  }
  ResultPtr tree = connection.query("EXPLAIN AST " + sql, "TSV");
  if (auto error = connection.error_of(tree.get())) return "!" + error->text;
  return std::string(bytes_of(connection.abi(), tree.get()));
}

void serve(const char* library) {
  auto abi = load_chdb(library);
  if (!abi.ok()) {
    std::fprintf(stderr, "sql_judge: %s\n", abi.error().message.c_str());
    _exit(3);
  }
  abi->set_signal_handlers_enabled(0);
  auto connection = Connection::open(*abi, {});
  if (!connection.ok()) _exit(4);
  std::uint32_t size = 0;
  while (read_all(reinterpret_cast<char*>(&size), sizeof size)) {
    std::string sql(size, '\0');
    if (!read_all(sql.data(), size)) break;
    std::string answer = judge(**connection, sql);
    size = static_cast<std::uint32_t>(answer.size());
    if (!write_all(std::string(reinterpret_cast<const char*>(&size), sizeof size) + answer)) break;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 1;
  // The library wants a thread that isn't the first one, and doesn't like to be unloaded.
  std::thread([&] { serve(argv[1]); }).join();
  _exit(0);
}
