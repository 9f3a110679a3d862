#include "compiler/ir/lexer.h"

#include <fmt/format.h>

#include <algorithm>

namespace gradus::ir {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_word(char c) {
  return is_letter(c) || is_digit(c) || c == '.';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string shown(std::string_view text) {
  constexpr size_t kLongest = 40;
  std::string out;
  for (const char c : text.substr(0, kLongest)) {
    const bool plain =
        static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f;
    out += plain ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return "'" + out + (text.size() > kLongest ? "…'" : "'");
}

Token Lexer::take() {
  const Token token = next_;
  last_ = at_;
  scan();
  return token;
}

bool Lexer::accept(char c) {
  if (!next_.is(c)) return false;
  take();
  return true;
}

bool Lexer::accept(std::string_view word) {
  if (!next_.is(word)) return false;
  take();
  return true;
}

void Lexer::expect(char c, std::string_view what) {
  if (!accept(c)) fail_expected(what);
}

Token Lexer::expect(Token::Kind kind, std::string_view what) {
  if (next_.kind != kind) fail_expected(what);
  return take();
}

void Lexer::skip_blanks() {
  while (at_ < text_.size()) {
    if (is_blank(text_[at_])) {
      ++at_;
    } else if (text_.substr(at_, 2) == "//") {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else {
      return;
    }
  }
}

void Lexer::scan() {
  skip_blanks();
  const size_t start = at_;
  const auto token = [&](Token::Kind kind) {
    next_ = {kind, text_.substr(start, at_ - start), start};
  };
  if (at_ >= text_.size()) return token(Token::Kind::End);
  const char c = text_[at_];
  const auto skip_word = [&] {
    while (at_ < text_.size() && is_word(text_[at_]))
      ++at_;
  };
  if (c == '%') {
    ++at_;
    skip_word();
    token(Token::Kind::Value);
    next_.text.remove_prefix(1);
    if (next_.text.empty()) fail(start, "expected a name after '%'", "name values like %7 or %w1");
  } else if (is_letter(c)) {
    skip_word();
    token(Token::Kind::Identifier);
    if (next_.text == "inf" || next_.text == "nan") next_.kind = Token::Kind::Number;
  } else if (is_digit(c) || c == '-' || c == '+' || c == '.') {
    ++at_;
    while (at_ < text_.size()) {
      const char before = text_[at_ - 1];
      const bool sign = text_[at_] == '-' || text_[at_] == '+';
      if (!is_word(text_[at_]) && !(sign && (before == 'e' || before == 'E'))) break;
      ++at_;
    }
    token(Token::Kind::Number);
  } else if (c == '"') {
    for (++at_; at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n'; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
    }
    if (at_ >= text_.size() || text_[at_] != '"') {
      fail(start, "a text in quotes does not end on its line", "close it with '\"'");
    }
    ++at_;
    token(Token::Kind::String);
  } else if (std::string_view("(){}[],:=").find(c) != std::string_view::npos) {
    ++at_;
    token(Token::Kind::Punctuation);
  } else {
    fail(start, fmt::format("unexpected character {}", shown(text_.substr(start, 1))),
         "see the grammar of graph texts");
  }
}

std::string_view Lexer::trailing_comment() const {
  std::string_view line = text_.substr(last_, text_.find('\n', last_) - last_);
  while (!line.empty() && is_blank(line[0]))
    line.remove_prefix(1);
  if (!line.starts_with("//")) return {};
  line.remove_prefix(2);
  while (!line.empty() && is_blank(line[0]))
    line.remove_prefix(1);
  while (!line.empty() && is_blank(line.back()))
    line.remove_suffix(1);
  return line;
}

std::string Lexer::unquoted(const Token& token) const {
  const std::string_view body = token.text.substr(1, token.text.size() - 2);
  std::string out;
  for (size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '\\') {
      out += body[i];
      continue;
    }
    const char c = ++i < body.size() ? body[i] : '\0';
    if (c == '"' || c == '\\') {
      out += c;
    } else if (c == 'n') {
      out += '\n';
    } else if (c == 'x' && i + 2 < body.size() && hex_digit(body[i + 1]) >= 0 &&
               hex_digit(body[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(body[i + 1]) * 16 + hex_digit(body[i + 2]));
      i += 2;
    } else {
      fail(token.offset + i, "unknown escape in a text", "use one of \\\", \\\\, \\n and \\xHH");
    }
  }
  return out;
}

void Lexer::fail_expected(std::string_view what) const {
  const std::string got = next_.kind == Token::Kind::End ? "the end of the text"
                          : next_.kind == Token::Kind::Value
                              ? shown(text_.substr(next_.offset, next_.text.size() + 1))
                              : shown(next_.text);
  fail(next_.offset, fmt::format("expected {}, got {}", what, got), {});
}

void Lexer::fail(size_t offset, std::string what, std::string remedy, std::string op) const {
  const std::string_view before = text_.substr(0, offset);
  const int line = 1 + static_cast<int>(std::ranges::count(before, '\n'));
  const int column = static_cast<int>(offset - (before.rfind('\n') + 1)) + 1;
  throw ParseError({std::move(op), std::move(what), {file_, line, column}, std::move(remedy)});
}

}  // namespace gradus::ir
