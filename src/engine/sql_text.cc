#include "engine/sql_text.h"

#include <algorithm>
#include <cctype>

namespace millrace::engine {
namespace {

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_word_byte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// The size of a quoted text at the front: backslashes escape, a doubled quote is a quote.
std::size_t quoted_size(std::string_view text) {
  char quote = text[0];
  std::size_t at = 1;
  while (at < text.size()) {
    if (text[at] == '\\') {
      at += 2;
    } else if (text[at] != quote) {
      ++at;
    } else if (at + 1 < text.size() && text[at + 1] == quote) {
      at += 2;
    } else {
      return at + 1;
    }
  }
  return text.size();
}

// $tag$ … $tag$; 0 when there is none at the front.
std::size_t heredoc_size(std::string_view text) {
  std::size_t tag = 1;
  while (tag < text.size() && (std::isalnum(static_cast<unsigned char>(text[tag])) != 0 || text[tag] == '_')) ++tag;
  if (tag >= text.size() || text[tag] != '$') return 0;
  std::string_view mark = text.substr(0, tag + 1);
  std::size_t end = text.find(mark, mark.size());
  return end == std::string_view::npos ? text.size() : end + mark.size();
}

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return result;
}

// Follows ClickHouse: blanks, then at most one line end, belong to neither the clause nor the data.
std::size_t skip_line_end(std::string_view text, std::size_t at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t' || text[at] == '\f')) ++at;
  if (at < text.size() && text[at] == '\r') ++at;
  if (at < text.size() && text[at] == '\n') ++at;
  return at;
}

// An INSERT … SELECT needs no FORMAT unless its rows come by input(), and then data would follow, which the engine cuts
// at a `;`.
Statement insert_select(Lexer lexer) {
  std::string last;
  while (std::optional<Token> token = lexer.next()) {
    if (token->depth == 0 && last == "FORMAT" && token->kind == Token::Kind::kWord)
      return {Shape::kInsertUnclear, 0, 0, {}};
    last = token->depth == 0 && token->kind == Token::Kind::kWord ? upper(token->text) : "";
  }
  return {Shape::kOther, 0, 0, {}};
}

// Walks over an INSERT from behind the word INSERT.
Statement look_at_insert(std::string_view text, Lexer lexer) {
  Statement statement{Shape::kInsertUnclear, 0, 0, {}};
  std::size_t before = 0;  // end of the token before this one
  std::string last = "INSERT";
  while (std::optional<Token> token = lexer.next()) {
    bool names_something = last == "." || last == "INTO" || last == "TABLE" || last == "FUNCTION";
    if (token->depth == 0 && token->kind == Token::Kind::kWord && !names_something) {
      if (is_word(*token, "VALUES")) return {Shape::kInsertData, before, token->end, "Values"};
      if (is_word(*token, "FORMAT")) {
        std::optional<Token> format = lexer.next();
        if (!format || format->kind != Token::Kind::kWord) return statement;
        return {Shape::kInsertData, before, skip_line_end(text, format->end), std::string(format->text)};
      }
      if (is_word(*token, "FROM")) return statement;  // INFILE
      if (is_word(*token, "SELECT") || is_word(*token, "WITH")) return insert_select(lexer);
    }
    if (token->depth == 1 && last == "(" && (is_word(*token, "SELECT") || is_word(*token, "WITH")))
      return insert_select(lexer);
    before = token->end;
    last = token->kind == Token::Kind::kWord ? upper(token->text) : std::string(token->text);
  }
  return statement;
}

// FORMAT name, at the end or before SETTINGS.
std::string own_format(Lexer lexer) {
  std::string found;
  std::string last;
  while (std::optional<Token> token = lexer.next()) {
    if (token->depth == 0 && last == "FORMAT" && token->kind == Token::Kind::kWord) found = token->text;
    last = token->depth == 0 && token->kind == Token::Kind::kWord ? upper(token->text) : "";
  }
  return found;
}

}  // namespace

void Lexer::skip_blanks_and_comments() {
  while (at_ < text_.size()) {
    std::string_view rest = text_.substr(at_);
    std::size_t end = 0;
    if (is_blank(rest[0])) {
      end = 1;
    } else if (rest.starts_with("--") || rest.starts_with("# ") || rest.starts_with("#!")) {
      end = rest.find('\n');
    } else if (rest.starts_with("/*")) {
      end = rest.find("*/", 2);
      if (end != std::string_view::npos) end += 2;
    } else {
      return;
    }
    at_ = end == std::string_view::npos ? text_.size() : at_ + end;
  }
}

Token Lexer::take(Token::Kind kind, std::size_t size, int depth) {
  size = std::min(size, text_.size() - at_);
  Token token{kind, text_.substr(at_, size), at_ + size, depth};
  at_ += size;
  return token;
}

std::optional<Token> Lexer::next() {
  skip_blanks_and_comments();
  if (at_ >= text_.size()) return {};
  std::string_view rest = text_.substr(at_);
  char first = rest[0];
  if (first == '\'') return take(Token::Kind::kString, quoted_size(rest), depth_);
  if (first == '"' || first == '`') return take(Token::Kind::kQuotedName, quoted_size(rest), depth_);
  if (first == '$') {
    if (std::size_t size = heredoc_size(rest); size > 0) return take(Token::Kind::kString, size, depth_);
  }
  if (is_word_byte(first)) {
    auto end = std::find_if_not(rest.begin(), rest.end(), is_word_byte);
    return take(Token::Kind::kWord, static_cast<std::size_t>(end - rest.begin()), depth_);
  }
  if (first == '(') return take(Token::Kind::kSymbol, 1, depth_++);
  if (first == ')' && depth_ > 0) --depth_;
  return take(Token::Kind::kSymbol, 1, depth_);
}

bool is_word(const Token& token, std::string_view upper_case) {
  return token.kind == Token::Kind::kWord && upper(token.text) == upper_case;
}

Statement look_at(std::string_view text) {
  Lexer lexer(text);
  std::optional<Token> first = lexer.next();
  bool bracketed = false;
  while (first && first->text == "(") {
    bracketed = true;
    first = lexer.next();
  }
  if (!first) return {};
  if (is_word(*first, "INSERT") && !bracketed) return look_at_insert(text, lexer);
  if (is_word(*first, "WITH")) {  // WITH … INSERT INTO …
    Lexer ahead = lexer;
    while (std::optional<Token> token = ahead.next()) {
      if (token->depth == 0 && is_word(*token, "INSERT")) {
        Lexer behind = ahead;
        std::optional<Token> into = behind.next();
        if (into && is_word(*into, "INTO")) return look_at_insert(text, ahead);
      }
    }
  }
  bool select = is_word(*first, "SELECT") || is_word(*first, "WITH") || is_word(*first, "FROM");
  return {select ? Shape::kSelect : Shape::kOther, 0, 0, own_format(Lexer(text))};
}

std::vector<std::string> names_in(std::string_view text, std::size_t names_max) {
  std::vector<std::string> names;
  Lexer lexer(text);
  while (std::optional<Token> token = lexer.next()) {
    if (names.size() == names_max) break;
    if (token->kind == Token::Kind::kString || token->kind == Token::Kind::kSymbol) continue;
    std::string_view name = token->text;
    if (token->kind == Token::Kind::kQuotedName && name.size() >= 2) name = name.substr(1, name.size() - 2);
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
  }
  return names;
}

bool is_insert(std::string_view text) {
  std::optional<Token> first = Lexer(text).next();
  return first && (is_word(*first, "INSERT") || is_word(*first, "WITH"));
}

std::vector<std::string> engines_in(std::string_view text) {
  std::vector<std::string> engines;
  Lexer lexer(text);
  std::optional<Token> token = lexer.next();
  while (token) {
    bool engine = is_word(*token, "ENGINE");
    token = lexer.next();
    if (!engine) continue;
    if (token && token->text == "=") token = lexer.next();
    engines.emplace_back(token ? token->text : "");
  }
  return engines;
}

}  // namespace millrace::engine
