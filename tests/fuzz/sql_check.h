#pragma once
// What must hold of a statement that was made for a question, whoever asked it: the engine's own parser takes it as one
// SELECT, and in the tree that this gives there is one table, ours, and no function or column but those listed here.
// Beside that, a look at the text alone.

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>

#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"

namespace millrace::fuzz {

// The engine's parser, in a process of its own (sql_judge.cc, beside this program).
class SqlJudge {
 public:
  SqlJudge() {
    int to[2], from[2];
    ::signal(SIGPIPE, SIG_IGN);
    MR_CHECK(::pipe(to) == 0 && ::pipe(from) == 0);
    std::string program = folder_of_this_program() + "/sql_judge";
    std::string library = library_path();
    child_ = ::fork();
    if (child_ == 0) {
      ::signal(SIGINT, SIG_IGN);  // of Ctrl-C: it ends when nobody asks any more
      ::dup2(to[0], 0), ::dup2(from[1], 1);
      for (int fd : {to[0], to[1], from[0], from[1]}) ::close(fd);
      ::execl(program.c_str(), program.c_str(), library.c_str(), nullptr);
      std::fprintf(stderr, "can't run %s\n", program.c_str());
      ::_exit(127);
    }
    ::close(to[0]), ::close(from[1]);
    to_ = to[1], from_ = from[0];
  }

  // The syntax tree, a node a line, or "!…" and why not.
  std::string ask(const std::string& sql) {
    auto size = static_cast<std::uint32_t>(sql.size());
    std::string question(reinterpret_cast<const char*>(&size), sizeof size);
    question += sql;
    all([&](char* at, std::size_t left) { return ::write(to_, at, left); }, question.data(), question.size(), sql);
    auto read = [&](char* at, std::size_t left) { return ::read(from_, at, left); };
    all(read, reinterpret_cast<char*>(&size), sizeof size, sql);
    std::string answer(size, '\0');
    all(read, answer.data(), size, sql);
    return answer;
  }

 private:
  // Timers interrupt a call now and then, the fuzzer's and the engine's.
  template <typename Call>
  void all(const Call& call, char* at, std::size_t left, const std::string& sql) {
    while (left > 0) {
      ssize_t done = call(at, left);
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) die(sql);
      at += done, left -= static_cast<std::size_t>(done);
    }
  }

  // The engine itself broke, by this statement or by all before it.
  void die(const std::string& sql) {
    int status = 0;
    ::waitpid(child_, &status, 0);
    std::fprintf(stderr, "not allowed: the engine ended with %s %d at\n%s\n", WIFSIGNALED(status) ? "signal" : "status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), sql.c_str());
    std::abort();
  }
  static std::string folder_of_this_program() {
    char path[4096];
    ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
    MR_CHECK(size > 0 && size < static_cast<ssize_t>(sizeof path));
    std::string text(path, static_cast<std::size_t>(size));
    return text.substr(0, text.rfind('/'));
  }
  static std::string library_path() {
    if (const char* path = std::getenv("MILLRACE_LIBCHDB")) return path;
    std::FILE* asked = ::popen("tools/setup.sh library", "r");
    char path[4096] = "";
    MR_CHECK(asked != nullptr && std::fgets(path, sizeof path, asked) != nullptr && ::pclose(asked) == 0);
    return std::string(path).substr(0, std::string_view(path).find('\n'));
  }
  pid_t child_ = -1;
  int to_ = -1;
  int from_ = -1;
};

// The statement without what stands in quotes. Aborts when a quote doesn't end.
inline std::string without_quotes(const std::string& sql) {
  std::string bare;
  for (std::size_t at = 0; at < sql.size(); ++at) {
    char mark = sql[at];
    if (mark != '\'' && mark != '`') {
      bare.push_back(mark);
      continue;
    }
    for (++at; at < sql.size() && sql[at] != mark; ++at) at += sql[at] == '\\' ? 1 : 0;
    MR_CHECK(at < sql.size());
    bare.push_back(mark);
  }
  return bare;
}

inline void check_text(const std::string& sql) {
  std::string bare = without_quotes(sql);
  std::size_t from = bare.find(" FROM ");
  MR_CHECK(from != std::string::npos && bare.find(" FROM ", from + 1) == std::string::npos);
  MR_CHECK(bare.compare(from, 15, " FROM `.events ") == 0);
  for (const char* word : {";", "--", "/*", "#", "{", "SELECT ", "UNION", "SETTINGS", "INTO", "JOIN", "FORMAT"}) {
    std::size_t found = bare.find(word);
    MR_CHECK(found == std::string::npos || (found == 0 && std::string(word) == "SELECT "));
  }
  MR_CHECK(std::all_of(bare.begin(), bare.end(), [](char c) { return c >= 0x20 && c < 0x7f; }));
}

// A name as the tree shows it: "\\'" stands for "'", and an alias may follow.
inline std::string plain_name(std::string_view rest) {
  // "NAME (alias c1)"; a name may hold such words, too, but not at its end: the tree's own follow it.
  std::size_t alias = rest.rfind(" (alias c");
  if (alias != std::string_view::npos) {
    std::size_t digits = rest.find_first_not_of("0123456789", alias + 9);
    if (digits > alias + 9 && rest.substr(std::min(digits, rest.size())) == ")") rest = rest.substr(0, alias);
  }
  std::string name;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    i += rest[i] == '\\' && i + 1 < rest.size() ? 1 : 0;
    name += rest[i];
  }
  return name;
}

// One line of the tree: "   Function nullIf (alias c1) (children 2)".
inline bool node_is_allowed(std::string_view line, const std::set<std::string>& columns, int& selects, int& tables) {
  static const std::set<std::string_view> kPlain = {"SelectWithUnionQuery", "ExpressionList",
                                                    "TablesInSelectQuery",  "TablesInSelectQueryElement",
                                                    "TableExpression",      "OrderByElement"};
  static const std::set<std::string_view> kFunctions = {"count",
                                                        "uniqExact",
                                                        "sum",
                                                        "avg",
                                                        "minOrNull",
                                                        "maxOrNull",
                                                        "quantileExactInclusive",
                                                        "and",
                                                        "or",
                                                        "not",
                                                        "equals",
                                                        "less",
                                                        "lessOrEquals",
                                                        "greater",
                                                        "greaterOrEquals",
                                                        "notEquals",
                                                        "isNotNull",
                                                        "ifNull",
                                                        "nullIf",
                                                        "minus",
                                                        "positiveModulo",
                                                        "position",
                                                        "startsWith",
                                                        "toString",
                                                        "toInt64",
                                                        "toFloat64",
                                                        "toFloat64OrNull",
                                                        "JSONExtract",
                                                        "JSONExtractRaw",
                                                        "toDateTime64",
                                                        "fromUnixTimestamp64Nano",
                                                        "toUnixTimestamp64Milli",
                                                        "toUnixTimestamp64Nano",
                                                        "toStartOfSecond",
                                                        "toStartOfMinute",
                                                        "toStartOfFiveMinutes",
                                                        "toStartOfFifteenMinutes",
                                                        "toStartOfHour",
                                                        "toStartOfDay",
                                                        "toMonday",
                                                        "toStartOfMonth"};
  static const std::set<std::string_view> kColumns = {
      "project",    "event",   "time",       "received",   "sent",    "user_id",    "anonymous_id",
      "session_id", "visitor", "message_id", "properties", "context", "generation", "partition",
      "sequence",   "epoch",   "p_n",        "p_price",    "p_flag",  "p_s",        "p_cart:total"};
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  std::string_view kind = line.substr(0, line.find(' '));
  std::string_view rest = line.substr(std::min(kind.size() + 1, line.size()));
  std::string_view name = rest.substr(0, rest.find(' '));
  if (kind == "SelectQuery") return ++selects == 1;
  if (kind == "TableIdentifier") return ++tables == 1 && name == "millrace.events";
  if (kind == "Function") return kFunctions.count(name) == 1;
  if (kind == "Literal") return true;
  if (kind != "Identifier") return kPlain.count(kind) == 1;
  bool alias = name.size() > 1 && name[0] == 'c' && name.find_first_not_of("0123456789", 1) == std::string_view::npos;
  return alias || kColumns.count(name) == 1 || columns.count(plain_name(rest)) == 1;
}

// Equal for statements that differ only in what letters, digits and bytes past ASCII stand in their literals: the
// parser can't tell them apart, so that it is asked once.
inline std::string shape_of(const std::string& sql) {
  std::string shape;
  auto kind_of = [](char c) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return 'a';
    if (c >= '0' && c <= '9') return '0';
    return static_cast<unsigned char>(c) >= 0x80 ? 'u' : '\0';
  };
  char open = '\0';  // the mark of what is quoted here
  for (std::size_t at = 0; at < sql.size(); ++at) {
    char c = sql[at];
    if (open != '\0' && c == '\\' && at + 1 < sql.size()) {
      (shape += c) += sql[++at];
      continue;
    }
    bool mark = open != '\0' ? c == open : c == '\'' || c == '`';
    if (mark) open = open != '\0' ? '\0' : c;
    char kind = kind_of(c);
    bool folded = kind != '\0' && (open == '\'' || (open == '\0' && kind == '0'));
    if (!folded) shape += c;
    if (folded && (shape.empty() || shape.back() != kind)) shape += kind;
  }
  return shape;
}

// MILLRACE_JUDGE_EVERY=10: only every tenth shape is shown to the engine, always the same ones; 0: none is.
inline bool is_for_judge(const std::string& shape) {
  static const char* const text = std::getenv("MILLRACE_JUDGE_EVERY");
  static const std::size_t every = text != nullptr ? std::strtoul(text, nullptr, 10) : 1;
  return every != 0 && std::hash<std::string>()(shape) % every == 0;
}

// How many statements were looked at, and how many of them the engine's parser read: said at the end.
struct Asked {
  ~Asked() { std::fprintf(stderr, "stat::statements: %zu\nstat::statements_the_engine_read: %zu\n", looked_at, read); }
  std::size_t looked_at = 0, read = 0;
};

// `columns`: such as may be named beside those that are always there.
inline void check_sql(const std::string& sql, const std::set<std::string>& columns) {
  static std::unordered_set<std::string> asked;
  static Asked counts;
  ++counts.looked_at;
  check_text(sql);
  std::string shape = shape_of(sql);
  if (!is_for_judge(shape)) return;
  if (asked.size() > 500'000) asked.clear();
  if (!asked.insert(shape).second) return;
  ++counts.read;
  static SqlJudge judge;
  std::string tree = judge.ask(sql);
  int selects = 0, tables = 0;
  bool good = !tree.empty() && tree[0] != '!';
  for (std::string_view rest = tree; good && !rest.empty();) {
    std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    good = line.empty() || node_is_allowed(line, columns, selects, tables);
    if (!good) std::fprintf(stderr, "not allowed: %.*s\n", static_cast<int>(line.size()), line.data());
  }
  good = good && selects == 1 && tables == 1;
  if (!good) std::fprintf(stderr, "the engine reads\n%s\nas\n%s\n", sql.c_str(), tree.c_str());
  MR_CHECK(good);
}

}  // namespace millrace::fuzz
