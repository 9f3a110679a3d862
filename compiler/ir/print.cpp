#include "compiler/ir/print.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "compiler/ops/op.h"

namespace gradus::ir {
namespace {

bool is_identifier(std::string_view text) {
  const auto letter = [](char c) {
    return std::isalpha(static_cast<unsigned char>(c)) || c == '_';
  };
  if (text.empty() || !letter(text[0]) || text == "inf" || text == "nan") return false;
  return std::ranges::all_of(text, [&](char c) {
    return letter(c) || std::isdigit(static_cast<unsigned char>(c)) || c == '.';
  });
}

/// The shortest decimal that reads back as x, or its bits if x is a NaN other than the usual one.
template <class T>
void append_float(std::string& out, T x) {
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  const Bits bits = std::bit_cast<Bits>(x);
  if (std::isnan(x)) {
    const bool usual = bits == std::bit_cast<Bits>(std::numeric_limits<T>::quiet_NaN());
    out += usual ? "nan" : fmt::format("{:#0{}x}", bits, 2 + 2 * sizeof(T));
    return;
  }
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, x).ptr;
  const std::string_view digits(text, static_cast<size_t>(end - text));
  out += digits;
  if (digits.find_first_of(".en") == std::string_view::npos) out += ".0";
}

void append_element(std::string& out, const Literal& literal, int64_t i) {
  visit_dtype(literal.type().dtype, [&]<class T>() {
    const T x = literal.element<T>(i);
    if constexpr (std::is_same_v<T, KeyData>) {
      fmt::format_to(std::back_inserter(out), "key({},{})", x.hi, x.lo);
    } else if constexpr (std::is_same_v<T, bool>) {
      out += x ? "true" : "false";
    } else if constexpr (std::is_floating_point_v<T>) {
      append_float(out, x);
    } else {
      fmt::format_to(std::back_inserter(out), "{}", +x);
    }
  });
}

class Printer {
 public:
  Printer(std::string& out, const PrintOptions& options, int indent)
      : out_(out), options_(options), indent_(indent) {}

  void graph(const Graph& g) {
    out_ += "graph ";
    out_ += is_identifier(g.name()) ? g.name() : quoted(g.name());
    out_ += " {\n";
    indent_ += 2;
    for (NodeId n = 0; n < g.size(); ++n)
      node(g, n);
    out_.append(static_cast<size_t>(indent_), ' ');
    out_ += "return";
    for (size_t i = 0; i < g.outputs().size(); ++i) {
      out_ += i ? ", " : " ";
      value(g, g.outputs()[i]);
      if (!g.output_name(i).empty()) out_ += " " + quoted(g.output_name(i));
    }
    indent_ -= 2;
    out_ += '\n';
    out_.append(static_cast<size_t>(indent_), ' ');
    out_ += '}';
  }

  void attr(const Attr& a, const Type* implied) {
    const auto to = std::back_inserter(out_);
    std::visit(
        [&]<class T>(const T& x) {
          if constexpr (std::is_same_v<T, int64_t>) {
            fmt::format_to(to, "{}", x);
          } else if constexpr (std::is_same_v<T, double>) {
            append_float(out_, x);
          } else if constexpr (std::is_same_v<T, Ints>) {
            fmt::format_to(to, "[{}]", fmt::join(x, ","));
          } else if constexpr (std::is_same_v<T, std::string>) {
            out_ += quoted(x);
          } else if constexpr (std::is_same_v<T, DType>) {
            out_ += gradus::name_of(x);
          } else if constexpr (std::is_same_v<T, Literal>) {
            literal(x, implied);
          } else {
            graph(*x);
          }
        },
        a);
  }

 private:
  void value(const Graph& g, Value v) {
    const auto to = std::back_inserter(out_);
    if (g.results(v.node) == 1) {
      fmt::format_to(to, "%{}", v.node);
    } else {
      fmt::format_to(to, "%{}.{}", v.node, v.out);
    }
  }

  void literal(const Literal& l, const Type* implied) {
    if (!implied || *implied != l.type()) out_ += to_string(l.type()) + " ";
    if (l.is_splat()) {
      out_ += "splat ";
      append_element(out_, l, 0);
      return;
    }
    out_ += "dense [";
    const int64_t n = l.type().elements();
    for (int64_t i = 0; i < n; ++i) {
      if (i) out_ += ',';
      append_element(out_, l, i);
    }
    out_ += ']';
  }

  void node(const Graph& g, NodeId n) {
    const ops::OpDef& op = g.op(n);
    out_.append(static_cast<size_t>(indent_), ' ');
    for (uint32_t i = 0; i < g.results(n); ++i) {
      if (i) out_ += ", ";
      value(g, {n, i});
      if (std::string_view name = input_name(g, {n, i}); !name.empty()) out_ += " " + quoted(name);
    }
    if (g.results(n)) out_ += " = ";
    out_ += op.name;
    if (const auto in = g.operands(n); !in.empty()) {
      for (size_t i = 0; i < in.size(); ++i) {
        out_ += i ? ", " : "(";
        value(g, in[i]);
      }
      out_ += ')';
    }
    const Type* first = g.results(n) ? &g.type({n, 0}) : nullptr;
    for (size_t i = 0; i < op.attributes.size(); ++i) {
      out_ += i ? ", " : "{";
      out_ += op.attributes[i].name + "=";
      attr(g.attrs(n)[i], first);
    }
    if (!op.attributes.empty()) out_ += '}';
    for (uint32_t i = 0; i < g.results(n); ++i) {
      out_ += i ? ", " : ": ";
      out_ += to_string(g.type({n, i}));
    }
    if (const SourcePos at = g.source(n); at && options_.sources) {
      fmt::format_to(std::back_inserter(out_), "  // {}:{}", at.file, at.line);
    }
    out_ += '\n';
  }

  static std::string_view input_name(const Graph& g, Value v) {
    static const ops::OpDef& parameter = ops::op_named("parameter");
    if (&g.op(v.node) != &parameter) return {};
    return g.input_name(static_cast<size_t>(g.attr<int64_t>(v.node, "index")));
  }

  std::string& out_;
  const PrintOptions& options_;
  int indent_;
};

}  // namespace

std::string print(const Graph& graph, const PrintOptions& options) {
  std::string out;
  Printer(out, options, 0).graph(graph);
  out += '\n';
  return out;
}

std::string name_of(const Graph& graph, Value v) {
  return graph.results(v.node) == 1 ? fmt::format("%{}", v.node)
                                    : fmt::format("%{}.{}", v.node, v.out);
}

std::string element_text(const Literal& literal, int64_t i) {
  std::string out;
  append_element(out, literal, i);
  return out;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", c);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string attr_text(const Attr& attr, const Type* implied, int indent,
                      const PrintOptions& options) {
  std::string out;
  Printer(out, options, indent).attr(attr, implied);
  return out;
}

}  // namespace gradus::ir
