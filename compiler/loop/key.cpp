// The key of a kernel: its content as bytes. Names are left out, and expressions are numbered as
// statements come to need them, so that it depends neither on what nothing uses nor on the order in
// which a lowering asked for things.
#include <vector>

#include "compiler/loop/loop_ir.h"
#include "compiler/loop/walk.h"

namespace gradus::loop {
namespace {

class KeyWriter {
 public:
  explicit KeyWriter(const Kernel& kernel)
      : k_(kernel), number_(kernel.exprs.size(), -1), variable_(kernel.variables.size(), -1) {}

  std::string run() {
    put(k_.buffers.size());
    for (const BufferParam& b : k_.buffers) {
      put(static_cast<uint64_t>(b.dtype) << 1 | (b.written ? 1 : 0));
      put(static_cast<uint64_t>(b.alias_group));
    }
    put(k_.args.size());
    put(k_.locals.size());
    for (const Local& l : k_.locals) {
      put(static_cast<uint64_t>(l.dtype));
      put(l.dims.size());
      for (int d : l.dims)
        put_variable(d);
    }
    put_body(k_.body);
    return std::move(out_);
  }

 private:
  /// Seven bits a byte, the lowest first; the top bit says that there are more.
  void put(uint64_t x) {
    for (; x >= 0x80; x >>= 7)
      out_ += static_cast<char>(x | 0x80);
    out_ += static_cast<char>(x);
  }
  void put_signed(int64_t x) {
    put(static_cast<uint64_t>(x) << 1 ^ static_cast<uint64_t>(x >> 63));
  }

  /// A variable is told when it is first met.
  void put_variable(int v) {
    if (v < 0) return put(0);
    const bool is_new = variable_[v] < 0;
    if (is_new) variable_[v] = variables_++;
    put(static_cast<uint64_t>(variable_[v]) + 1);
    if (!is_new) return;
    put(static_cast<uint64_t>(k_.variables[v].kind));
    put_signed(k_.variables[v].count);
  }

  void put_coefficient(const Coefficient& c) {
    put_signed(c.factor);
    put(static_cast<uint64_t>(c.arg + 1));
  }

  void put_index(const Index& index) {
    put(index.terms.size());
    for (const Term& t : index.terms) {
      put_variable(t.variable);
      put_coefficient(t.coefficient);
    }
  }

  /// Operands before users, with a stack of its own: expressions may be deep.
  void put_expr(int root) {
    std::vector<int>& stack = stack_;
    stack.assign(1, root);
    while (!stack.empty()) {
      const int i = stack.back();
      if (number_[i] >= 0) {
        stack.pop_back();
        continue;
      }
      const Expr& e = k_.exprs[i];
      const size_t height = stack.size();
      for_each_operand(e, [&](int operand) {
        if (number_[operand] < 0) stack.push_back(operand);
      });
      if (stack.size() > height) continue;
      stack.pop_back();
      number_[i] = exprs_++;
      put_node(e);
    }
    put(kUse);
    put(static_cast<uint64_t>(number_[root]));
  }

  void put_node(const Expr& e) {
    put(static_cast<uint64_t>(e.kind));
    put(static_cast<uint64_t>(e.dtype));
    const auto operand = [&](int i) { put(i < 0 ? 0 : static_cast<uint64_t>(number_[i]) + 1); };
    switch (e.kind) {
      case Expr::Kind::Constant:
        return put(e.bits);
      case Expr::Kind::Op:
        put(static_cast<uint64_t>(e.op));
        for (int i : e.in)
          operand(i);
        return;
      case Expr::Kind::Load:
        put(static_cast<uint64_t>(e.buffer));
        put_index(e.index);
        operand(e.predicate);
        operand(e.otherwise);
        operand(e.offset);
        put(e.near);
        return;
      case Expr::Kind::Local:
        return put(static_cast<uint64_t>(e.local));
      case Expr::Kind::Index:
        return put_index(e.index);
    }
  }

  /// Loop nests are as deep as kernels have axes: recursion is bounded.
  void put_body(const std::vector<Stmt>& body) {
    put(body.size());
    for (const Stmt& s : body) {
      put(static_cast<uint64_t>(s.kind));
      switch (s.kind) {
        case Stmt::Kind::For:
          put_variable(s.variable);
          put_coefficient(s.count);
          put(s.limit ? 1 : 0);
          if (s.limit) {
            put_index(*s.limit);
            put_coefficient(s.bound);
          }
          put_body(s.body);
          break;
        case Stmt::Kind::Assign:
          put(static_cast<uint64_t>(s.local) << 1 | (s.merge ? 1 : 0));
          put_expr(s.expr);
          break;
        case Stmt::Kind::Store:
          put(static_cast<uint64_t>(s.buffer));
          put_index(s.index);
          put_expr(s.expr);
          break;
        case Stmt::Kind::LaneReduce:
          put(static_cast<uint64_t>(s.reduce));
          put(s.sources.size());
          for (int l : s.sources)
            put(static_cast<uint64_t>(l));
          for (int l : s.targets)
            put(static_cast<uint64_t>(l));
          break;
      }
    }
  }

  /// No kind of expression.
  static constexpr uint64_t kUse = 0x7f;

  const Kernel& k_;
  std::vector<int> number_, variable_, stack_;  // expressions and variables: by their own numbers
  int exprs_ = 0, variables_ = 0;
  std::string out_;
};

}  // namespace

std::string key_of(const Kernel& kernel) {
  return KeyWriter(kernel).run();
}

}  // namespace gradus::loop
