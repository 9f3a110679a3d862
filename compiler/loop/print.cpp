// The text of a kernel. Two kernels have the same text only if they do the same: constants are exact,
// names are made unique, and what no statement uses is left out. Expressions are written where they
// are used; those used more than once in a statement, and parts of long ones, get a line `%n = …` of
// their own before it.
#include <fmt/format.h>

#include <cctype>
#include <cmath>
#include <iterator>
#include <set>

#include "compiler/loop/loop_ir.h"
#include "compiler/loop/walk.h"

namespace gradus::loop {
namespace {

/// An expression whose text is longer gets a line of its own: it bounds the text's size as well.
constexpr size_t kLongText = 72;

std::string_view text_of(LoopKind kind) {
  switch (kind) {
    case LoopKind::Serial:
      return "serial";
    case LoopKind::Reduce:
      return "reduce";
    case LoopKind::Unroll:
      return "unroll";
    case LoopKind::Vector:
      return "vector";
  }
  __builtin_unreachable();
}

std::string_view text_of(ReduceOp op) {
  switch (op) {
    case ReduceOp::Add:
      return "add";
    case ReduceOp::Mul:
      return "mul";
    case ReduceOp::Max:
      return "max";
    case ReduceOp::Min:
      return "min";
    case ReduceOp::And:
      return "and";
    case ReduceOp::Or:
      return "or";
    case ReduceOp::ArgMax:
      return "argmax";
    case ReduceOp::ArgMin:
      return "argmin";
  }
  __builtin_unreachable();
}

std::string text_of_constant(DType dtype, Bits bits) {
  if (dtype == DType::Bool && bits <= 1) return bits ? "true" : "false";
  std::string value = fmt::format("{:#x}", bits);  // NaN: the payload counts
  if (dtype == DType::F32) {
    const float x = from_bits<float>(bits);
    if (!std::isnan(x)) value = fmt::format("{}", x);
  } else if (dtype == DType::F64) {
    const double x = from_bits<double>(bits);
    if (!std::isnan(x)) value = fmt::format("{}", x);
  } else if (is_signed_int(dtype)) {
    const int shift = 64 - 8 * static_cast<int>(size_of(dtype));
    value = fmt::format("{}", static_cast<int64_t>(bits << shift) >> shift);
  } else if (is_unsigned_int(dtype)) {
    value = fmt::format("{}", bits);
  }
  return fmt::format("{}:{}", value, name_of(dtype));
}

/// b0 and a0 are buffers and arguments in the text: no other name may look like them.
bool is_reserved(const std::string& name) {
  if (name == "true" || name == "false") return true;
  if (name[0] != 'a' && name[0] != 'b') return false;
  return name.size() > 1 && name.find_first_not_of("0123456789", 1) == std::string::npos;
}

class Printer {
 public:
  explicit Printer(const Kernel& kernel) : k_(kernel) {
    std::set<std::string> taken;
    for (size_t i = 0; i < k_.variables.size(); ++i) {
      variables_.push_back(unique_name(k_.variables[i].name, "v", i, taken));
    }
    for (size_t i = 0; i < k_.locals.size(); ++i) {
      locals_.push_back(unique_name(k_.locals[i].name, "l", i, taken));
    }
  }

  std::string run() {
    write_header();
    write_body(k_.body, 1);
    return std::move(out_);
  }

 private:
  template <class... A>
  void line(int depth, fmt::format_string<A...> format, A&&... a) {
    out_.append(2 * depth, ' ');
    fmt::format_to(std::back_inserter(out_), format, std::forward<A>(a)...);
    out_ += '\n';
  }

  /// `.` and `%` never stand in the cleaned name, so that a numbered one meets no other.
  static std::string unique_name(std::string name, const char* stem, size_t number,
                                 std::set<std::string>& taken) {
    for (char& c : name) {
      if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
    }
    if (name.empty()) name = stem;
    if (std::isdigit(static_cast<unsigned char>(name[0]))) name = stem + name;
    if (is_reserved(name) || taken.count(name)) name += fmt::format(".{}{}", stem, number);
    taken.insert(name);
    return name;
  }

  void write_header() {
    std::string text = "kernel(";
    for (size_t i = 0; i < k_.buffers.size(); ++i) {
      const BufferParam& b = k_.buffers[i];
      text += fmt::format("{}b{}: {}{} group {}", i ? ", " : "", i, name_of(b.dtype),
                          b.written ? " written" : "", b.alias_group);
    }
    for (size_t i = 0; i < k_.args.size(); ++i) {
      text += fmt::format("{}a{}: {}", i ? ", " : "; ", i, k_.args[i]);
    }
    line(0, "{})", text);
    for (size_t i = 0; i < k_.locals.size(); ++i) {
      std::string dims;
      for (int d : k_.locals[i].dims) {
        dims +=
            fmt::format("{}{}:{}", dims.empty() ? "" : ", ", variables_[d], k_.variables[d].count);
      }
      line(1, "local {}: {}[{}]", locals_[i], name_of(k_.locals[i].dtype), dims);
    }
  }

  static std::string text_of(const Coefficient& c) {
    if (c.arg < 0) return fmt::format("{}", c.factor);
    if (c.factor == 1) return fmt::format("a{}", c.arg);
    return fmt::format("{}*a{}", c.factor, c.arg);
  }

  std::string text_of(const Index& index) const {
    std::string text;
    for (const Term& t : index.terms) {
      if (!text.empty()) text += " + ";
      if (t.variable < 0) {
        text += text_of(t.coefficient);
      } else if (t.coefficient == Coefficient{}) {
        text += variables_[t.variable];
      } else {
        text += fmt::format("{}*{}", variables_[t.variable], text_of(t.coefficient));
      }
    }
    return text.empty() ? "0" : text;
  }

  std::string text_of_local(int local) const {
    std::string dims;
    for (int d : k_.locals[local].dims)
      dims += (dims.empty() ? "" : ", ") + variables_[d];
    return dims.empty() ? locals_[local] : fmt::format("{}[{}]", locals_[local], dims);
  }

  /// The expression in terms of the texts of its operands.
  std::string text_of(const Expr& e, const std::vector<std::string>& texts) const {
    switch (e.kind) {
      case Expr::Kind::Constant:
        return text_of_constant(e.dtype, e.bits);
      case Expr::Kind::Local:
        return text_of_local(e.local);
      case Expr::Kind::Index:
        return fmt::format("{}({})", name_of(e.dtype), text_of(e.index));
      case Expr::Kind::Load: {
        std::string text = fmt::format("b{}[{}", e.buffer, text_of(e.index));
        if (e.offset >= 0) text += fmt::format("; + {}", texts[e.offset]);
        if (e.predicate >= 0) {
          text += fmt::format("; if {}{}", e.near ? "near " : "", texts[e.predicate]);
        }
        if (e.otherwise >= 0) text += fmt::format("; else {}", texts[e.otherwise]);
        return text + "]";
      }
      case Expr::Kind::Op: {
        std::string text(name_of(e.op));
        // The others' result types follow from their operands'.
        if (e.op == ScalarOp::Convert || e.op == ScalarOp::Bitcast) {
          text += fmt::format("<{}>", name_of(e.dtype));
        }
        text += '(';
        for (int i = 0; i < operands_of(e.op); ++i) {
          if (i) text += ", ";
          text += texts[e.in[i]];
        }
        return text + ")";
      }
    }
    __builtin_unreachable();
  }

  /// Writes the lines that the expression needs before it; returns what stands for it.
  std::string write_expr(int root, int depth) {
    const std::vector<int> cone = cone_of(k_, root);
    std::vector<int> uses(root + 1, 0);
    for (int i : cone)
      for_each_operand(k_.exprs[i], [&](int operand) { ++uses[operand]; });
    std::vector<std::string> texts(root + 1);
    int next = 0;
    for (int i : cone) {
      const Expr& e = k_.exprs[i];
      std::string text = text_of(e, texts);
      const bool named = e.kind == Expr::Kind::Op || e.kind == Expr::Kind::Load;
      if (i != root && named && (uses[i] > 1 || text.size() > kLongText)) {
        line(depth, "%{} = {}", next, text);
        text = fmt::format("%{}", next++);
      }
      texts[i] = std::move(text);
    }
    return std::move(texts[root]);
  }

  void write_for(const Stmt& s, int depth) {
    std::string where;
    if (s.limit) where = fmt::format(" where {} < {}", text_of(*s.limit), text_of(s.bound));
    line(depth, "for {} {} {}{}:", loop::text_of(k_.variables[s.variable].kind),
         variables_[s.variable], text_of(s.count), where);
    write_body(s.body, depth + 1);
  }

  void write_lane_reduce(const Stmt& s, int depth) {
    std::string from, to;
    for (int l : s.sources)
      from += (from.empty() ? "" : ", ") + text_of_local(l);
    for (int l : s.targets)
      to += (to.empty() ? "" : ", ") + text_of_local(l);
    line(depth, "{} = lane_reduce {} {}", to, loop::text_of(s.reduce), from);
  }

  /// Loop nests are as deep as kernels have axes: recursion is bounded.
  void write_body(const std::vector<Stmt>& body, int depth) {
    for (const Stmt& s : body) {
      switch (s.kind) {
        case Stmt::Kind::For:
          write_for(s, depth);
          break;
        case Stmt::Kind::Assign: {
          const std::string value = write_expr(s.expr, depth);
          line(depth, "{} = {}{}", text_of_local(s.local), s.merge ? "merge " : "", value);
          break;
        }
        case Stmt::Kind::Store: {
          const std::string value = write_expr(s.expr, depth);
          line(depth, "b{}[{}] = {}", s.buffer, text_of(s.index), value);
          break;
        }
        case Stmt::Kind::LaneReduce:
          write_lane_reduce(s, depth);
          break;
      }
    }
  }

  const Kernel& k_;
  std::vector<std::string> variables_, locals_;
  std::string out_;
};

}  // namespace

std::string to_string(const Kernel& kernel) {
  return Printer(kernel).run();
}

}  // namespace gradus::loop
