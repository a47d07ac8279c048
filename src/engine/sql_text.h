#pragma once
// Looks at the outside of a statement in ClickHouse's dialect, without understanding it: where an INSERT ends and its
// data begins, what format is asked for, which names and table engines occur. Nothing that protects data leans on this
// alone: what is classified by the engine's own parser is the very text that is run.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::engine {

struct Token {
  enum class Kind { kWord, kQuotedName, kString, kSymbol };
  Kind kind;
  std::string_view text;  // as written, with quotes
  std::size_t end;        // offset behind it
  int depth;              // of round brackets around it
};

// Words include numbers. A string, name or comment that isn't closed runs to the end of the text.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  std::optional<Token> next();

 private:
  void skip_blanks_and_comments();
  Token take(Token::Kind kind, std::size_t size, int depth);
  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

bool is_word(const Token& token, std::string_view upper);  // without case; only unquoted words

enum class Shape {
  kSelect,         // SELECT, WITH, FROM or ( first: its answer can be streamed
  kInsertData,     // INSERT … VALUES or FORMAT, data behind it
  kInsertUnclear,  // an INSERT from a file, from input(), or without anything that says where its rows are
  kOther,
};

struct Statement {
  Shape shape = Shape::kOther;
  std::size_t head_size = 0;   // kInsertData: the text up to VALUES or FORMAT
  std::size_t data_begin = 0;  // kInsertData: offset of the first byte of data
  std::string format;          // of the data, or asked for by the statement's own FORMAT clause; else empty
};

// `text` may go on behind what is here, as long as an INSERT's data begins within it.
Statement look_at(std::string_view text);

// Every name in the text, once, without quotes: candidates for the database that a statement writes to. At most
// `names_max`.
std::vector<std::string> names_in(std::string_view text, std::size_t names_max);

// Of a statement that writes: whether it is an INSERT, by its first word (INSERT, or the WITH before one).
bool is_insert(std::string_view text);

// The words that follow ENGINE (and an optional =).
std::vector<std::string> engines_in(std::string_view text);

}  // namespace millrace::engine
