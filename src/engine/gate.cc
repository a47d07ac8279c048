#include "engine/gate.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "engine/sql_text.h"

namespace millrace::engine {
namespace {

// A statement with more names than this is not examined but refused.
constexpr std::size_t kNamesMax = 4096;

// Table and database engines that keep their rows in their own database, and nowhere else.
constexpr std::string_view kEngines[] = {
    "MergeTree",
    "ReplacingMergeTree",
    "SummingMergeTree",
    "AggregatingMergeTree",
    "CollapsingMergeTree",
    "VersionedCollapsingMergeTree",
    "CoalescingMergeTree",
    "Memory",
    "Null",
    "Log",
    "TinyLog",
    "StripeLog",
    "Set",
    "Join",
    "Atomic",
};

Exception denied(std::string what) { return make_exception(kAccessDenied, "ACCESS_DENIED", what); }

std::optional<Exception> refuse_engines(std::string_view sql) {
  if (is_insert(sql)) return {};
  for (const std::string& engine : engines_in(sql)) {
    if (std::find(std::begin(kEngines), std::end(kEngines), engine) == std::end(kEngines)) {
      return denied(fmt::format("Tables and databases of engine {} can't be made through this port", engine));
    }
  }
  return {};
}

// The database of its own that a writing statement keeps to, found by asking the parser about each name that occurs.
bool writes_to_one_own_database(Connection& connection, const GateQuestion& question) {
  std::vector<std::string> names = names_in(question.sql, kNamesMax);
  if (names.size() == kNamesMax) return false;
  names.emplace_back(question.database);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    if (name.empty() || is_protected_database(name)) return false;
    return (connection.classify(question.sql, name).flags & kWritesOnlyTargetDatabase) != 0;
  });
}

// ClickHouse takes some letters outside ASCII for blanks or quotes. Where its reading of a statement could differ from
// ours, ours doesn't count.
bool reads_doubtfully(std::string_view sql) {
  Lexer lexer(sql);
  while (std::optional<Token> token = lexer.next()) {
    bool quoted = token->kind == Token::Kind::kString || token->kind == Token::Kind::kQuotedName;
    auto beyond_ascii = [](char c) { return static_cast<unsigned char>(c) >= 0x80; };
    if (!quoted && std::any_of(token->text.begin(), token->text.end(), beyond_ascii)) return true;
  }
  return false;
}

bool contains_without_case(std::string_view text, std::string_view lower) {
  auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  return std::search(text.begin(), text.end(), lower.begin(), lower.end(), same) != text.end();
}

// A view that is fed by inserts into its source runs within them: on Millrace's tables it could slow or fail every
// insert of events. The name could also hide behind an escape or a parameter.
bool could_hang_on_our_inserts(const GateQuestion& question) {
  std::vector<std::string> names = names_in(question.sql, kNamesMax);
  bool view = std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return contains_without_case(name, "materialized") || contains_without_case(name, "window") ||
           contains_without_case(name, "live") || contains_without_case(name, "query");
  });
  if (!view) return false;
  return question.database == "millrace" || contains_without_case(question.sql, "millrace") ||
         question.sql.find_first_of("\\{") != std::string_view::npos;
}

std::optional<Exception> refuse_public_write(Connection& connection, const GateQuestion& question) {
  if (reads_doubtfully(question.sql))
    return denied("Through this port names with letters outside ASCII must be quoted");
  if (!is_insert(question.sql) && could_hang_on_our_inserts(question)) {
    return denied(
        "Views that are fed by inserts can't read tables of millrace; query them, or copy rows by INSERT SELECT");
  }
  if (std::optional<Exception> refused = refuse_engines(question.sql)) return refused;
  if (!writes_to_one_own_database(connection, question)) {
    return denied("Through this port a statement may write to one database, and not to millrace or system");
  }
  return {};
}

}  // namespace

bool is_protected_database(std::string_view name) {
  constexpr std::string_view kProtected[] = {"millrace", "system", "information_schema", "INFORMATION_SCHEMA",
                                             "default"};
  return std::find(std::begin(kProtected), std::end(kProtected), name) != std::end(kProtected);
}

std::optional<Exception> refuse(Connection& connection, const GateQuestion& question) {
  QueryAnalysis analysis = connection.classify(question.sql, "millrace");
  auto kind = static_cast<QueryClass>(analysis.query_class);
  if (kind == QueryClass::kUnknown) {
    // The engine's own words say what is wrong with it. A stream takes one SELECT and nothing else, so nothing is run
    // here.
    ResultPtr refused = connection.start_select(question.sql, "Null", {});
    if (std::optional<Exception> error = connection.error_of(refused.get())) return error;
    return make_exception(kSyntaxError, "SYNTAX_ERROR", "The statement can't be parsed");
  }
  if (analysis.statement_count != 1) {
    return make_exception(kSyntaxError, "SYNTAX_ERROR", "Multi-statements are not allowed");
  }
  if (kind == QueryClass::kReadOnly) return {};
  if (!question.may_write) {
    return make_exception(kReadonly, "READONLY",
                          "Cannot execute query in readonly mode. Use POST for statements that write");
  }
  if (question.port == Port::kInternal) return {};
  if (kind != QueryClass::kMutating) {
    return denied("Through this port only queries and writes to databases of your own are allowed");
  }
  return refuse_public_write(connection, question);
}

}  // namespace millrace::engine
