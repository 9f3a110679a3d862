#include "compiler/ir/parse.h"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <numeric>
#include <optional>
#include <sstream>

#include "compiler/ir/lexer.h"
#include "compiler/ops/op.h"

namespace gradus::ir {
namespace {

using ops::AttrKind;
using ops::OpDef;
using Kind = Token::Kind;

/// How many letters must change to make b of a.
size_t edits(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

std::string nearest_op(std::string_view name) {
  name = name.substr(0, 64);
  std::string_view best;
  size_t least = 4;
  for (const OpDef* op : ops::all_ops()) {
    if (const size_t d = edits(name, op->name); d < least) {
      best = op->name;
      least = d;
    }
  }
  return best.empty() ? std::string() : fmt::format("the nearest op is '{}'", best);
}

std::string_view kind_text(AttrKind kind) {
  switch (kind) {
    case AttrKind::Int:
      return "an integer";
    case AttrKind::Float:
      return "a number";
    case AttrKind::Ints:
      return "a list of integers such as [0,1]";
    case AttrKind::Text:
      return "a text in quotes";
    case AttrKind::DType:
      return "an element type such as f32";
    case AttrKind::Literal:
      return "a literal: splat x or dense [x, …]";
    case AttrKind::Graph:
      return "a graph";
  }
  __builtin_unreachable();
}

/// Parses all of `text`; hex digits with the right count are the bits of a float.
template <class T>
std::optional<T> number(std::string_view text) {
  T x{};
  if constexpr (std::is_floating_point_v<T>) {
    if (text.starts_with("0x")) {
      using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
      Bits bits{};
      const auto [end, error] = std::from_chars(text.begin() + 2, text.end(), bits, 16);
      if (text.size() != 2 + 2 * sizeof(T) || error != std::errc() || end != text.end()) return {};
      return std::bit_cast<T>(bits);
    }
  }
  const auto [end, error] = std::from_chars(text.begin(), text.end(), x);
  if (error != std::errc() || end != text.end()) return {};
  return x;
}

/// An element as written: its type may be known at the end of the statement only.
struct RawElement {
  Token token;
  std::optional<KeyData> key;
};

struct RawLiteral {
  std::optional<Type> type;
  bool splat = false;
  std::vector<RawElement> elements;
  size_t offset = 0;
};

class GraphParser {
 public:
  GraphParser(Lexer& lexer, int depth) : lex_(lexer), depth_(depth) {}

  Graph parse();

 private:
  struct Named {
    Token token;
    std::string name;
  };
  /// What a statement says before it becomes a node.
  struct Statement {
    std::vector<Named> results;
    Token op_token;
    const OpDef* op = nullptr;
    std::vector<Value> operands;
    std::vector<std::optional<Attr>> attrs;
    std::vector<std::pair<size_t, RawLiteral>> literals;  // attribute index
    std::vector<Type> types;
    std::vector<size_t> type_offsets;
    SourcePos source;
  };

  void statement();
  Named named_value();
  Value operand(const Token& token) const;
  void attributes(Statement& s);
  void attribute_value(Statement& s, size_t index);
  Type type();
  int64_t integer();
  Ints integers();
  RawLiteral raw_literal();
  RawElement raw_element();
  Literal literal(const RawLiteral& raw, const Statement& s) const;
  template <class T>
  T element(const RawElement& raw, DType dtype) const;
  std::vector<Value> append(Statement& s);
  void define(const Statement& s, std::span<const Value> values);
  SourcePos source() const;
  void finish_outputs(std::vector<Value>& outputs, std::vector<std::string>& names);

  Lexer& lex_;
  const int depth_;
  std::optional<Builder> builder_;
  std::unordered_map<std::string_view, Value> values_;
};

Graph GraphParser::parse() {
  const Token start = lex_.peek();
  if (!lex_.accept("graph")) lex_.fail_expected("'graph'");
  if (depth_ > kDeepestNesting) {
    lex_.fail(start.offset, fmt::format("graphs nest more than {} deep", kDeepestNesting),
              "flatten the inner graphs");
  }
  const Token name = lex_.peek();
  if (name.kind != Kind::Identifier && name.kind != Kind::String) {
    lex_.fail_expected("the graph's name");
  }
  lex_.take();
  builder_.emplace(name.kind == Kind::String ? lex_.unquoted(name) : std::string(name.text),
                   Builder::Mode::Verbatim);
  lex_.expect('{', "'{'");
  while (!lex_.peek().is("return")) {
    if (lex_.peek().kind == Kind::End || lex_.peek().is('}')) {
      lex_.fail_expected("a statement or 'return'");
    }
    statement();
  }
  lex_.take();
  std::vector<Value> outputs;
  std::vector<std::string> names;
  finish_outputs(outputs, names);
  lex_.expect('}', "'}' after the results");
  return builder_->finish(outputs, std::move(names));
}

void GraphParser::finish_outputs(std::vector<Value>& outputs, std::vector<std::string>& names) {
  if (lex_.peek().kind != Kind::Value) return;
  do {
    Named result = named_value();
    outputs.push_back(operand(result.token));
    names.push_back(std::move(result.name));
  } while (lex_.accept(','));
}

GraphParser::Named GraphParser::named_value() {
  Named result{lex_.expect(Kind::Value, "a value such as %7"), {}};
  if (lex_.peek().kind == Kind::String) result.name = lex_.unquoted(lex_.take());
  return result;
}

Value GraphParser::operand(const Token& token) const {
  const auto it = values_.find(token.text);
  if (it == values_.end()) {
    lex_.fail(token.offset, fmt::format("%{} is not defined above", token.text),
              "define each value before it is used");
  }
  return it->second;
}

void GraphParser::statement() {
  Statement s;
  if (lex_.peek().kind == Kind::Value) {
    do {
      s.results.push_back(named_value());
    } while (lex_.accept(','));
    lex_.expect('=', "'=' after the results");
  }
  s.op_token = lex_.expect(Kind::Identifier, "an op's name");
  s.op = ops::find_op(s.op_token.text);
  if (!s.op) {
    lex_.fail(s.op_token.offset, fmt::format("unknown op {}", shown(s.op_token.text)),
              nearest_op(s.op_token.text));
  }
  if (lex_.accept('(') && !lex_.accept(')')) {
    do {
      s.operands.push_back(operand(lex_.expect(Kind::Value, "an operand such as %7")));
    } while (lex_.accept(','));
    lex_.expect(')', "',' or ')' after an operand");
  }
  s.attrs.resize(s.op->attributes.size());
  attributes(s);
  if (lex_.accept(':')) {
    do {
      s.type_offsets.push_back(lex_.peek().offset);
      s.types.push_back(type());
    } while (lex_.accept(','));
  }
  s.source = source();
  for (const auto& [index, raw] : s.literals)
    s.attrs[index] = literal(raw, s);
  define(s, append(s));
}

void GraphParser::attributes(Statement& s) {
  const auto& rows = s.op->attributes;
  if (lex_.accept('{') && !lex_.accept('}')) {
    do {
      const Token name = lex_.expect(Kind::Identifier, "an attribute's name");
      const auto row = std::ranges::find(rows, name.text, &ops::AttrDef::name);
      if (row == rows.end()) {
        std::string known;
        for (const auto& r : rows)
          known += (known.empty() ? "" : ", ") + r.name;
        lex_.fail(name.offset,
                  fmt::format("'{}' has no attribute {}", s.op->name, shown(name.text)),
                  known.empty() ? "it has none" : "its attributes are " + known);
      }
      const auto index = static_cast<size_t>(row - rows.begin());
      const bool again = s.attrs[index].has_value() ||
                         std::ranges::any_of(s.literals, [&](auto& l) { return l.first == index; });
      if (again) {
        lex_.fail(name.offset, fmt::format("attribute '{}' is given twice", name.text),
                  "remove one of them");
      }
      lex_.expect('=', fmt::format("'=' after attribute '{}'", name.text));
      attribute_value(s, index);
    } while (lex_.accept(','));
    lex_.expect('}', "',' or '}' after an attribute");
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (s.attrs[i] || std::ranges::any_of(s.literals, [&](auto& l) { return l.first == i; })) {
      continue;
    }
    lex_.fail(s.op_token.offset, fmt::format("'{}' lacks attribute '{}'", s.op->name, rows[i].name),
              fmt::format("give {}=…, {}", rows[i].name, kind_text(rows[i].kind)));
  }
}

void GraphParser::attribute_value(Statement& s, size_t index) {
  const AttrKind kind = s.op->attributes[index].kind;
  const auto fail = [&] {
    lex_.fail_expected(
        fmt::format("{} for attribute '{}'", kind_text(kind), s.op->attributes[index].name));
  };
  const Token token = lex_.peek();
  std::optional<Attr>& attr = s.attrs[index];
  switch (kind) {
    case AttrKind::Int:
      if (token.kind != Kind::Number) fail();
      attr = integer();
      break;
    case AttrKind::Float:
      if (const auto x = number<double>(token.text); token.kind == Kind::Number && x) {
        attr = *x;
      } else {
        fail();
      }
      lex_.take();
      break;
    case AttrKind::Ints:
      if (!token.is('[')) fail();
      attr = integers();
      break;
    case AttrKind::Text:
      if (token.kind != Kind::String) fail();
      attr = lex_.unquoted(lex_.take());
      break;
    case AttrKind::DType:
      if (const auto dtype = dtype_named(token.text); token.kind == Kind::Identifier && dtype) {
        attr = *dtype;
      } else {
        fail();
      }
      lex_.take();
      break;
    case AttrKind::Literal:
      if (token.kind != Kind::Identifier) fail();
      s.literals.emplace_back(index, raw_literal());
      break;
    case AttrKind::Graph:
      if (!token.is("graph")) fail();
      attr = std::make_shared<const Graph>(GraphParser(lex_, depth_ + 1).parse());
      break;
  }
}

Type GraphParser::type() {
  const Token token = lex_.peek();
  const auto dtype = dtype_named(token.text);
  if (token.kind != Kind::Identifier || !dtype) lex_.fail_expected("a type such as f32[128,784]");
  lex_.take();
  if (!lex_.peek().is('[')) lex_.fail_expected("'[' and the extents");
  const Ints extents = integers();
  try {
    return {*dtype, Shape(extents)};
  } catch (const Error& e) {
    lex_.fail(token.offset, e.message().what, e.message().remedy);
  }
}

int64_t GraphParser::integer() {
  const auto x = number<int64_t>(lex_.peek().text);
  if (lex_.peek().kind != Kind::Number || !x) lex_.fail_expected("an integer of 64 bits");
  lex_.take();
  return *x;
}

Ints GraphParser::integers() {
  Ints values;
  lex_.expect('[', "'['");
  if (lex_.accept(']')) return values;
  do {
    values.push_back(integer());
  } while (lex_.accept(','));
  lex_.expect(']', "',' or ']' after an integer");
  return values;
}

RawLiteral GraphParser::raw_literal() {
  RawLiteral raw;
  raw.offset = lex_.peek().offset;
  if (dtype_named(lex_.peek().text)) raw.type = type();
  if (lex_.accept("splat")) {
    raw.splat = true;
    raw.elements.push_back(raw_element());
    return raw;
  }
  if (!lex_.accept("dense")) lex_.fail_expected("'splat' or 'dense'");
  lex_.expect('[', "'[' and the elements");
  if (lex_.accept(']')) return raw;
  do {
    raw.elements.push_back(raw_element());
  } while (lex_.accept(','));
  lex_.expect(']', "',' or ']' after an element");
  return raw;
}

RawElement GraphParser::raw_element() {
  const Token token = lex_.peek();
  const bool is_key = token.is("key");
  if (token.kind != Kind::Number && !is_key && !token.is("true") && !token.is("false")) {
    lex_.fail_expected("an element: a number, true, false or key(hi,lo)");
  }
  lex_.take();
  if (!is_key) return {token, {}};
  const auto word = [&] {
    const auto x = number<uint32_t>(lex_.peek().text);
    if (!x) lex_.fail_expected("an integer of 32 bits");
    lex_.take();
    return *x;
  };
  KeyData key;
  lex_.expect('(', "'(' after 'key'");
  key.hi = word();
  lex_.expect(',', "',' between a key's words");
  key.lo = word();
  lex_.expect(')', "')' after a key's words");
  return {token, key};
}

template <class T>
T GraphParser::element(const RawElement& raw, DType dtype) const {
  std::optional<T> x;
  if constexpr (std::is_same_v<T, KeyData>) {
    x = raw.key;
  } else if (!raw.key) {
    if constexpr (std::is_same_v<T, bool>) {
      if (raw.token.kind == Kind::Identifier) x = raw.token.text == "true";
    } else if (raw.token.kind == Kind::Number) {
      x = number<T>(raw.token.text);
    }
  }
  if (!x) {
    lex_.fail(
        raw.token.offset,
        fmt::format("{} is no {} (or is out of its range)", shown(raw.token.text), name_of(dtype)),
        "write an element of the literal's type");
  }
  return *x;
}

Literal GraphParser::literal(const RawLiteral& raw, const Statement& s) const {
  if (!raw.type && s.types.empty()) {
    lex_.fail(raw.offset, "the literal's type is not known", "give the result's type after ':'");
  }
  const Type& type = raw.type ? *raw.type : s.types[0];
  if (!raw.splat && static_cast<int64_t>(raw.elements.size()) != type.elements()) {
    lex_.fail(raw.offset,
              fmt::format("a dense literal of {} has {} elements; got {}", to_string(type),
                          type.elements(), raw.elements.size()),
              "list every element, row-major, or write splat x");
  }
  return visit_dtype(type.dtype, [&]<class T>() {
    if (raw.splat) {
      const T x = element<T>(raw.elements[0], type.dtype);
      return Literal::splat(type, &x);
    }
    const auto data = std::make_unique<T[]>(raw.elements.size());
    for (size_t i = 0; i < raw.elements.size(); ++i) {
      data[i] = element<T>(raw.elements[i], type.dtype);
    }
    return Literal::dense(type, data.get());
  });
}

std::vector<Value> GraphParser::append(Statement& s) {
  static const OpDef& parameter = ops::op_named("parameter");
  const OpDef& op = *s.op;
  const size_t count = s.operands.size();
  const size_t most = std::numeric_limits<uint16_t>::max();
  if ((op.operands >= 0 && static_cast<size_t>(op.operands) != count) || count > most) {
    lex_.fail(s.op_token.offset,
              fmt::format(
                  "'{}' has the wrong number of operands; got {}, expected {}", op.name, count,
                  op.operands < 0 ? fmt::format("at most {}", most) : std::to_string(op.operands)),
              {});
  }
  Attrs attrs;
  for (auto& a : s.attrs)
    attrs.push_back(std::move(*a));
  builder_->set_source(s.source);
  if (&op == &parameter) {
    const auto index = std::get<int64_t>(attrs[0]);
    const auto next = static_cast<int64_t>(builder_->graph().inputs().size());
    if (index != next) {
      lex_.fail(s.op_token.offset,
                fmt::format("parameter {} stands where parameter {} is due", index, next),
                "number parameters from 0 in their order");
    }
    if (s.types.size() != 1 || s.results.size() != 1) {
      lex_.fail(s.op_token.offset, "a parameter has one result and its type",
                "write %0 \"name\" = parameter{index=0}: f32[3]");
    }
    return {builder_->parameter(s.types[0], s.results[0].name)};
  }
  try {
    return builder_->add_node(op, s.operands, std::move(attrs));
  } catch (const Error& e) {
    lex_.fail(s.op_token.offset, e.message().what, e.message().remedy, e.message().op);
  }
}

void GraphParser::define(const Statement& s, std::span<const Value> values) {
  static const OpDef& parameter = ops::op_named("parameter");
  const size_t count = values.size();
  if (s.results.size() != count || s.types.size() != count) {
    lex_.fail(s.op_token.offset,
              fmt::format("'{}' has the wrong number of results; got {} names and {} types, "
                          "expected {} of each",
                          s.op->name, s.results.size(), s.types.size(), count),
              "name and type every result");
  }
  for (size_t i = 0; i < count; ++i) {
    const Type& type = builder_->type(values[i]);
    if (s.types[i] != type) {
      lex_.fail(s.type_offsets[i],
                fmt::format("'{}' gives {} here; got {}", s.op->name, to_string(type),
                            to_string(s.types[i])),
                "write the type that the op's rule gives");
    }
    const auto& [token, name] = s.results[i];
    if (!name.empty() && s.op != &parameter) {
      lex_.fail(token.offset, fmt::format("%{} has a name but is no parameter", token.text),
                "name parameters and the graph's results only");
    }
    if (!values_.emplace(token.text, values[i]).second) {
      lex_.fail(token.offset, fmt::format("%{} is defined twice", token.text),
                "give each value its own name");
    }
  }
}

SourcePos GraphParser::source() const {
  const std::string_view comment = lex_.trailing_comment();
  const size_t colon = comment.rfind(':');
  if (colon == std::string_view::npos) return {};
  const auto line = number<int>(comment.substr(colon + 1));
  if (!line) return {};
  return {interned(comment.substr(0, colon)), *line};
}

}  // namespace

Graph parse(std::string_view text, std::string_view file) {
  Lexer lexer(text, interned(file));
  Graph graph = GraphParser(lexer, 1).parse();
  if (lexer.peek().kind != Kind::End) lexer.fail_expected("the end of the text");
  return graph;
}

Graph parse_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in || !text) {
    throw DataError({"parse",
                     fmt::format("cannot read '{}'", path),
                     {},
                     "check that the file is there and may be read"});
  }
  return parse(std::move(text).str(), path);
}

}  // namespace gradus::ir
