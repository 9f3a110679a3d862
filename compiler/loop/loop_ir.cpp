#include "compiler/loop/loop_ir.h"

#include <limits>

#include "runtime/error.h"

namespace gradus::loop {

int Kernel::add_buffer(BufferParam p) {
  buffers.push_back(p);
  return static_cast<int>(buffers.size() - 1);
}

int Kernel::add_arg(std::string name) {
  args.push_back(std::move(name));
  return static_cast<int>(args.size() - 1);
}

int Kernel::add_variable(std::string name, LoopKind kind, int64_t count) {
  variables.push_back({std::move(name), kind, count});
  return static_cast<int>(variables.size() - 1);
}

int Kernel::add_local(std::string name, DType dtype, std::vector<int> dims) {
  locals.push_back({std::move(name), dtype, std::move(dims)});
  return static_cast<int>(locals.size() - 1);
}

int Kernel::add_expr(Expr e) {
  for (size_t i = exprs.size(); i-- > 0;) {
    if (exprs[i] == e) return static_cast<int>(i);
  }
  exprs.push_back(std::move(e));
  return static_cast<int>(exprs.size() - 1);
}

int Kernel::constant(DType dtype, Bits bits) {
  return add_expr({.kind = Expr::Kind::Constant, .dtype = dtype, .bits = bits});
}

int Kernel::load(int buffer, Index index) {
  return add_expr({.kind = Expr::Kind::Load,
                   .dtype = buffers[buffer].dtype,
                   .buffer = buffer,
                   .index = std::move(index)});
}

int Kernel::local_value(int local) {
  return add_expr({.kind = Expr::Kind::Local, .dtype = locals[local].dtype, .local = local});
}

int Kernel::op(ScalarOp op, std::initializer_list<int> in, DType result) {
  Expr e{.kind = Expr::Kind::Op, .op = op, .dtype = result};
  std::copy(in.begin(), in.end(), e.in.begin());
  return add_expr(std::move(e));
}

std::vector<int> Kernel::append(const ScalarBuilder& program, std::span<const int> inputs,
                                std::span<const V> results) {
  std::vector<int> number(program.nodes().size(), -1);
  for (size_t i = 0; i < number.size(); ++i) {
    const ScalarNode& n = program.nodes()[i];
    switch (n.kind) {
      case ScalarNode::Kind::Input:
        number[i] = inputs[n.bits];
        break;
      case ScalarNode::Kind::Constant:
        number[i] = constant(n.dtype, n.bits);
        break;
      case ScalarNode::Kind::Op: {
        Expr e{.kind = Expr::Kind::Op, .op = n.op, .dtype = n.dtype};
        for (int k = 0; k < operands_of(n.op); ++k)
          e.in[k] = number[n.in[k]];
        number[i] = add_expr(std::move(e));
      }
    }
  }
  std::vector<int> out;
  for (V v : results)
    out.push_back(number[v.id]);
  return out;
}

std::vector<int> Kernel::combine(ReduceOp op, std::vector<int> acc, std::vector<int> x,
                                 bool in_order) {
  ScalarBuilder s;
  std::vector<V> a, b;
  std::vector<int> inputs;
  for (int e : acc) {
    a.push_back(s.input(exprs[e].dtype, static_cast<int>(inputs.size())));
    inputs.push_back(e);
  }
  for (int e : x) {
    b.push_back(s.input(exprs[e].dtype, static_cast<int>(inputs.size())));
    inputs.push_back(e);
  }
  return append(s, inputs, in_order ? combine_next(s, op, a, b) : loop::combine(s, op, a, b));
}

std::vector<V> combine(ScalarBuilder& s, ReduceOp op, std::span<const V> acc,
                       std::span<const V> x) {
  const V a = acc[0], b = x[0];
  switch (op) {
    case ReduceOp::Add:
      return {s.add(a, b)};
    case ReduceOp::Mul:
      return {s.mul(a, b)};
    case ReduceOp::And:
      return {s.bit_and(a, b)};
    case ReduceOp::Or:
      return {s.bit_or(a, b)};
    case ReduceOp::Max:
      return {s.select(s.bit_or(s.lt(a, b), s.is_nan(b)), b, a)};
    case ReduceOp::Min:
      return {s.select(s.bit_or(s.gt(a, b), s.is_nan(b)), b, a)};
    case ReduceOp::ArgMax:
    case ReduceOp::ArgMin: {
      // The first NaN wins; else the extremum; of equals the lower index.
      const V better = op == ReduceOp::ArgMax ? s.gt(b, a) : s.lt(b, a);
      const V lower = s.lt(x[1], acc[1]);
      const V equal = s.bit_or(s.eq(a, b), s.bit_and(s.is_nan(a), s.is_nan(b)));
      const V nan_wins = s.bit_and(s.is_nan(b), s.bit_not(s.is_nan(a)));
      const V number_wins = s.bit_and(better, s.bit_not(s.is_nan(a)));
      const V take = s.bit_or(s.bit_or(number_wins, nan_wins), s.bit_and(equal, lower));
      return {s.select(take, b, a), s.select(take, x[1], acc[1])};
    }
  }
  __builtin_unreachable();
}

std::vector<V> combine_next(ScalarBuilder& s, ReduceOp op, std::span<const V> acc,
                            std::span<const V> x) {
  if (op != ReduceOp::ArgMax && op != ReduceOp::ArgMin) return combine(s, op, acc, x);
  const V a = acc[0], b = x[0];
  V take = op == ReduceOp::ArgMax ? s.gt(b, a) : s.lt(b, a);
  if (is_float(s.dtype(a))) {
    // Unless the first NaN has been met; a comparison with a NaN fails.
    const V worse = op == ReduceOp::ArgMax ? s.le(b, a) : s.ge(b, a);
    take = s.bit_and(s.eq(a, a), s.bit_not(worse));
  }
  return {s.select(take, b, a), s.select(take, x[1], acc[1])};
}

Bits identity_of(ReduceOp op, DType dtype) {
  return visit_dtype(dtype, [&]<class T>() -> Bits {
    if constexpr (std::is_same_v<T, KeyData>) {
      GRADUS_CHECK(false, "keys are not reduced");
      return 0;
    } else {
      using Limits = std::numeric_limits<T>;
      const T lowest =
          Limits::has_infinity ? static_cast<T>(-Limits::infinity()) : Limits::lowest();
      const T highest = Limits::has_infinity ? Limits::infinity() : Limits::max();
      switch (op) {
        case ReduceOp::Add:
          return 0;  // +0: the sum of nothing, and x + 0 = x but for -0
        case ReduceOp::Mul:
          return bits_of<T>(T(1));
        case ReduceOp::And:
          return std::is_same_v<T, bool> ? 1 : bits_of<T>(static_cast<T>(~uint64_t{0}));
        case ReduceOp::Or:
          return 0;
        case ReduceOp::Max:
        case ReduceOp::ArgMax:
          return bits_of<T>(lowest);
        case ReduceOp::Min:
        case ReduceOp::ArgMin:
          return bits_of<T>(highest);
      }
      __builtin_unreachable();
    }
  });
}

Stmt make_for(int variable, Coefficient count, std::vector<Stmt> body) {
  Stmt s{.kind = Stmt::Kind::For};
  s.variable = variable;
  s.count = count;
  s.body = std::move(body);
  return s;
}

std::vector<Stmt> body_of(Stmt s) {
  std::vector<Stmt> body;
  body.push_back(std::move(s));
  return body;
}

void append(std::vector<Stmt>& body, std::vector<Stmt> tail) {
  body.insert(body.end(), std::make_move_iterator(tail.begin()),
              std::make_move_iterator(tail.end()));
}

std::vector<Stmt> for_loop(int variable, Coefficient count, std::vector<Stmt> body) {
  return body_of(make_for(variable, count, std::move(body)));
}

Stmt make_assign(int local, int expr, bool merge) {
  Stmt s{.kind = Stmt::Kind::Assign};
  s.local = local;
  s.expr = expr;
  s.merge = merge;
  return s;
}

Stmt make_store(int buffer, Index index, int expr) {
  Stmt s{.kind = Stmt::Kind::Store};
  s.buffer = buffer;
  s.index = std::move(index);
  s.expr = expr;
  return s;
}

}  // namespace gradus::loop
