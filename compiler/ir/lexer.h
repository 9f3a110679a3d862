// Tokens of graph texts, with one token of lookahead, and the errors of whoever reads them.
#pragma once

#include <string>
#include <string_view>

#include "runtime/error.h"

namespace gradus::ir {

struct Token {
  enum class Kind : uint8_t {
    End,
    Identifier,  // graph, add, lhs_contract, f32
    Value,       // %7.1, without the sign
    Number,      // -1.5e-07, 0x7fc00001, inf, nan, 128
    String,      // with its quotes
    Punctuation  // one of ( ) { } [ ] , : =
  } kind = Kind::End;
  std::string_view text;
  size_t offset = 0;

  bool is(char c) const { return kind == Kind::Punctuation && text[0] == c; }
  bool is(std::string_view word) const { return kind == Kind::Identifier && text == word; }
};

class Lexer {
 public:
  /// The text must outlive the lexer; `file` names it in errors and has static lifetime.
  Lexer(std::string_view text, const char* file) : text_(text), file_(file) { scan(); }

  const Token& peek() const { return next_; }
  Token take();
  /// Takes the next token if it is that.
  bool accept(char c);
  bool accept(std::string_view word);
  /// Takes the next token, which must be that; `what` names it in the error.
  void expect(char c, std::string_view what);
  Token expect(Token::Kind kind, std::string_view what);

  /// The comment on the rest of the line of the last token taken, without "//" and blanks.
  std::string_view trailing_comment() const;

  /// A string token's characters; throws ParseError at a bad escape.
  std::string unquoted(const Token& token) const;

  /// "expected …, got …" at the next token.
  [[noreturn]] void fail_expected(std::string_view what) const;
  [[noreturn]] void fail(size_t offset, std::string what, std::string remedy,
                         std::string op = "parse") const;

 private:
  void scan();
  void skip_blanks();

  std::string_view text_;
  const char* file_;
  size_t at_ = 0;    // end of next_
  size_t last_ = 0;  // end of the last token taken
  Token next_;
};

/// A token for a message: shortened, without control characters.
std::string shown(std::string_view text);

}  // namespace gradus::ir
