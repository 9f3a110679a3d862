#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "runtime/error.h"
#include "tests/loop/sample_kernels.h"

using namespace gradus;
using namespace gradus::loop;
using namespace gradus::loop::samples;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("the sample kernels are valid") {
  for (int64_t lanes : {4, 8, 16}) {
    verify(product_tile(lanes));
    verify(normalise_rows(lanes));
    verify(descend(lanes));
    verify(gather_rows(lanes));
    verify(arg_extremum(lanes, ReduceOp::ArgMin));
  }
}

namespace {

/// Parts to build wrong kernels of: an input, an output, a loop of each kind, registers.
struct Parts {
  Kernel k{.name = "wrong"};
  int out = k.add_buffer({DType::F32, true, 0});
  int in = k.add_buffer({DType::F32, false, 1});
  int ids = k.add_buffer({DType::I32, false, 2});
  int n = k.add_arg("n");
  int i = k.add_variable("i", LoopKind::Serial);
  int u = k.add_variable("u", LoopKind::Unroll, 2);
  int v = k.add_variable("v", LoopKind::Vector, 8);
  int x = k.add_local("x", DType::F32, {u, v});
  int s = k.add_local("s", DType::F32, {});
  int zero = f32(k, 0);

  Stmt over_v(Stmt s) { return make_for(v, count(8), {std::move(s)}); }
  Stmt over_uv(Stmt s) { return make_for(u, count(2), {over_v(std::move(s))}); }
};

template <class F>
void rejects(const char* message, F&& build) {
  Parts p;
  build(p, p.k);
  INFO(message);
  CHECK_THROWS_WITH(verify(p.k),
                    ContainsSubstring("loop kernel 'wrong': ") && ContainsSubstring(message));
  CHECK_THROWS_AS(verify(p.k), InternalError);
}

}  // namespace

TEST_CASE("a kernel whose tables are wrong is rejected") {
  rejects("buffer b3 holds keys", [](Parts&, Kernel& k) { k.add_buffer({DType::Key}); });
  rejects("buffer b3 has the alias group 256", [](Parts&, Kernel& k) {
    k.add_buffer({DType::F32, false, 256});
  });
  rejects("more than 256 buffers, variables or locals", [](Parts&, Kernel& k) {
    for (int i = 0; i < 257; ++i)
      k.add_local("y", DType::F32, {});
  });
  rejects("variable 'w' has the count 0",
          [](Parts&, Kernel& k) { k.add_variable("w", LoopKind::Vector, 0); });
  rejects("local 'y' has the unknown dim 9",
          [](Parts&, Kernel& k) { k.add_local("y", DType::F32, {9}); });
  rejects("dim 'i' of local 'y' is neither unrolled nor a vector's",
          [](Parts& p, Kernel& k) { k.add_local("y", DType::F32, {p.i}); });
  rejects("local 'y' has the dim 'u' twice", [](Parts& p, Kernel& k) {
    k.add_local("y", DType::F32, {p.u, p.u});
  });
  rejects("local 'y' has the vector dim 'v' before its last", [](Parts& p, Kernel& k) {
    k.add_local("y", DType::F32, {p.v, p.u});
  });
}

TEST_CASE("a kernel whose expressions are wrong is rejected") {
  using enum ScalarOp;
  rejects("add of f32 and i32", [](Parts& p, Kernel& k) {
    k.op(Add, {p.zero, k.constant(DType::I32, 0)}, DType::F32);
  });
  rejects("add of bool", [](Parts&, Kernel& k) {
    const int yes = k.constant(DType::Bool, 1);
    k.op(Add, {yes, yes}, DType::Bool);
  });
  rejects("sqrt of i32",
          [](Parts&, Kernel& k) { k.op(Sqrt, {k.constant(DType::I32, 4)}, DType::I32); });
  rejects("xor of f32", [](Parts& p, Kernel& k) { k.op(Xor, {p.zero, p.zero}, DType::F32); });
  rejects("shl of bool", [](Parts&, Kernel& k) {
    const int yes = k.constant(DType::Bool, 1);
    k.op(Shl, {yes, yes}, DType::Bool);
  });
  rejects("lt of f32 gives bool, not f32", [](Parts& p, Kernel& k) {
    k.op(Lt, {p.zero, p.zero}, DType::F32);
  });
  rejects("select by f32", [](Parts& p, Kernel& k) {
    k.op(Select, {p.zero, p.zero, p.zero}, DType::F32);
  });
  rejects("bitcast of f32 to u64",
          [](Parts& p, Kernel& k) { k.op(Bitcast, {p.zero}, DType::U64); });
  rejects("bitcast of u8 to bool",
          [](Parts&, Kernel& k) { k.op(Bitcast, {k.constant(DType::U8, 2)}, DType::Bool); });
  rejects("fma takes 3 operands", [](Parts& p, Kernel& k) {
    k.op(Fma, {p.zero, p.zero}, DType::F32);
  });
  rejects("neg takes 1 operands", [](Parts& p, Kernel& k) {
    k.op(Neg, {p.zero, p.zero}, DType::F32);
  });
  rejects("constant 0x100 is wider than u8", [](Parts&, Kernel& k) { k.constant(DType::U8, 256); });
  rejects("constant 0x2 is wider than bool", [](Parts&, Kernel& k) { k.constant(DType::Bool, 2); });
  rejects("operand 1 does not precede its user (expression 1)",
          [](Parts&, Kernel& k) { k.op(Neg, {1}, DType::F32); });
  rejects("expressions 0 and 1 are equal",
          [](Parts& p, Kernel& k) { k.exprs.push_back(k.exprs[p.zero]); });
  rejects("operands of what is no op", [](Parts& p, Kernel& k) {
    Expr e{.kind = Expr::Kind::Constant, .dtype = DType::F32, .bits = 1};
    e.in[0] = p.zero;
    k.add_expr(e);
  });
  rejects("f64 read from local 's' of f32", [](Parts& p, Kernel& k) {
    k.add_expr({.kind = Expr::Kind::Local, .dtype = DType::F64, .local = p.s});
  });
  rejects("unknown local 5", [](Parts&, Kernel& k) {
    k.add_expr({.kind = Expr::Kind::Local, .dtype = DType::F64, .local = 5});
  });
  rejects("an index as bool",
          [](Parts&, Kernel& k) { k.add_expr({.kind = Expr::Kind::Index, .dtype = DType::Bool}); });
}

TEST_CASE("a wrong load is rejected") {
  auto load = [](Parts& p) {
    return Expr{.kind = Expr::Kind::Load, .dtype = DType::F32, .buffer = p.in};
  };
  rejects("i32 loaded from b1 of f32", [&](Parts& p, Kernel& k) {
    Expr e = load(p);
    e.dtype = DType::I32;
    k.add_expr(e);
  });
  rejects("unknown buffer b3", [&](Parts& p, Kernel& k) {
    Expr e = load(p);
    e.buffer = 3;
    k.add_expr(e);
  });
  rejects("unknown argument a4", [&](Parts& p, Kernel& k) {
    Expr e = load(p);
    e.index = {{arg(4)}};
    k.add_expr(e);
  });
  rejects("unknown variable 8", [&](Parts& p, Kernel& k) {
    Expr e = load(p);
    e.index = {{var(8)}};
    k.add_expr(e);
  });
  rejects("the predicate is f32", [&](Parts& p, Kernel& k) {
    Expr e = load(p);
    e.predicate = e.otherwise = p.zero;
    k.add_expr(e);
  });
  rejects("a load has a predicate or a value, not both", [&](Parts& p, Kernel& k) {
    Expr e = load(p);
    e.otherwise = p.zero;
    k.add_expr(e);
  });
  rejects("f32 loaded, otherwise bool", [&](Parts& p, Kernel& k) {
    Expr e = load(p);
    e.predicate = e.otherwise = k.constant(DType::Bool, 1);
    k.add_expr(e);
  });
  rejects("the offset is i32", [&](Parts& p, Kernel& k) {
    Expr e = load(p);
    e.offset = k.constant(DType::I32, 1);
    k.add_expr(e);
  });
}

TEST_CASE("loops that are wrong are rejected") {
  rejects("a loop over the unknown variable 7",
          [](Parts&, Kernel& k) { k.body = {make_for(7, count(1), {})}; });
  rejects("the loop over 'u' does not count to its 2",
          [](Parts& p, Kernel& k) { k.body = {make_for(p.u, count(3), {})}; });
  rejects("the loop over 'v' does not count to its 8",
          [](Parts& p, Kernel& k) { k.body = {make_for(p.v, count_arg(p.n), {})}; });
  rejects("the loop over 'u' stands in a vector loop",
          [](Parts& p, Kernel& k) { k.body = {p.over_v(make_for(p.u, count(2), {}))}; });
  rejects("the loop over 'i' stands in another over it", [](Parts& p, Kernel& k) {
    k.body = {make_for(p.i, count(2), {make_for(p.i, count(2), {})})};
  });
  rejects("unknown argument a3",
          [](Parts& p, Kernel& k) { k.body = {make_for(p.i, count_arg(3), {})}; });
  rejects("'i' is used outside its loop", [](Parts& p, Kernel& k) {
    k.body = {make_for_where(p.v, count(8), {{var(p.i)}}, count(3), {})};
  });
}

TEST_CASE("limits that are wrong are rejected") {
  rejects("the loop over 'i' has a limit but is no vector's", [](Parts& p, Kernel& k) {
    k.body = {make_for_where(p.i, count(8), {{var(p.i)}}, count(3), {})};
  });
  rejects("the loop over 'u' has a limit but is no vector's", [](Parts& p, Kernel& k) {
    k.body = {make_for_where(p.u, count(2), {{var(p.u)}}, count(1), {})};
  });
  const char* one_by_one = "the limit of 'v' does not count its lanes one by one";
  rejects(one_by_one, [](Parts& p, Kernel& k) {
    k.body = {make_for_where(p.v, count(8), {{var(p.v, 2)}}, count(3), {})};
  });
  rejects(one_by_one, [](Parts& p, Kernel& k) {
    k.body = {make_for_where(p.v, count(8), {{var(p.v, 1, p.n)}}, count(3), {})};
  });
  rejects(one_by_one, [](Parts& p, Kernel& k) {
    k.body = {make_for_where(p.v, count(8), {{arg(p.n)}}, count(3), {})};
  });
}

TEST_CASE("assignments and stores that are wrong are rejected") {
  rejects("local 'x' is used outside the loop of its dim 'u'",
          [](Parts& p, Kernel& k) { k.body = {p.over_v(make_assign(p.x, p.zero))}; });
  rejects("local 's' has no dim 'v' but is assigned in its vector loop",
          [](Parts& p, Kernel& k) { k.body = {p.over_v(make_assign(p.s, p.zero))}; });
  rejects("i32 assigned to local 's' of f32",
          [](Parts& p, Kernel& k) { k.body = {make_assign(p.s, k.constant(DType::I32, 1))}; });
  rejects("local 's' is read before it is assigned", [](Parts& p, Kernel& k) {
    k.body = {make_assign(p.s, k.op(ScalarOp::Neg, {k.local_value(p.s)}, DType::F32))};
  });
  rejects("local 's' is read before it is assigned", [](Parts& p, Kernel& k) {
    k.body = {make_for(p.i, count_arg(p.n), {make_assign(p.s, p.zero)}),
              make_store(p.out, {}, k.local_value(p.s))};
  });
  rejects("local 'x' is merged before it is assigned",
          [](Parts& p, Kernel& k) { k.body = {p.over_uv(make_assign(p.x, p.zero, true))}; });
  rejects("unknown local 6 is assigned",
          [](Parts& p, Kernel& k) { k.body = {make_assign(6, p.zero)}; });
  rejects("unknown expression 77", [](Parts& p, Kernel& k) { k.body = {make_assign(p.s, 77)}; });
  rejects("'i' is used outside its loop",
          [](Parts& p, Kernel& k) { k.body = {make_assign(p.s, k.load(p.in, {{var(p.i)}}))}; });
  rejects("local 'x' is used outside the loop of its dim 'v'", [](Parts& p, Kernel& k) {
    k.body = {p.over_uv(make_assign(p.x, p.zero)),
              make_for(p.u, count(2), {make_store(p.out, {}, k.local_value(p.x))})};
  });
  rejects("a store to b1, which is not written",
          [](Parts& p, Kernel& k) { k.body = {make_store(p.in, {}, p.zero)}; });
  rejects("a store to the unknown buffer b9",
          [](Parts& p, Kernel& k) { k.body = {make_store(9, {}, p.zero)}; });
  rejects("bool stored to b0 of f32", [](Parts& p, Kernel& k) {
    k.body = {make_store(p.out, {}, k.constant(DType::Bool, 0))};
  });
  rejects("'i' is used outside its loop",
          [](Parts& p, Kernel& k) { k.body = {make_store(p.out, {{var(p.i)}}, p.zero)}; });
  rejects("all lanes of 'v' store to one place in b0", [](Parts& p, Kernel& k) {
    k.body = {make_for(p.i, count(2), {p.over_v(make_store(p.out, {{var(p.i)}}, p.zero))})};
  });
}

TEST_CASE("lane reductions that are wrong are rejected") {
  const auto add = ReduceOp::Add;
  auto assigned = [](Parts& p) { return p.over_uv(make_assign(p.x, p.zero)); };
  rejects("a lane reduction of 1 sources to 1 targets, expected 2 each", [&](Parts& p, Kernel& k) {
    k.body = {assigned(p), make_lane_reduce(ReduceOp::ArgMax, {p.x}, {p.s})};
  });
  rejects("local 'x' is reduced before it is assigned",
          [&](Parts& p, Kernel& k) { k.body = {make_lane_reduce(add, {p.x}, {p.s})}; });
  rejects("reduced local 's' has 0 dims, not lanes' two", [&](Parts& p, Kernel& k) {
    k.body = {make_assign(p.s, p.zero), make_lane_reduce(add, {p.s}, {p.s})};
  });
  rejects("local 'y' is reduced over 32 lanes, not 16", [&](Parts& p, Kernel& k) {
    const int w = k.add_variable("w", LoopKind::Unroll, 4);
    const int y = k.add_local("y", DType::F32, {w, p.v});
    k.body = {make_lane_reduce(add, {y}, {p.s})};
  });
  rejects("lanes of 'y' are not unrolled vectors", [&](Parts& p, Kernel& k) {
    const int w = k.add_variable("w", LoopKind::Unroll, 8);
    const int y = k.add_local("y", DType::F32, {p.u, w});
    k.body = {make_lane_reduce(add, {y}, {p.s})};
  });
  rejects("local 'x' is reduced within the loops of its lanes", [&](Parts& p, Kernel& k) {
    k.body = {assigned(p), make_for(p.u, count(2), {make_lane_reduce(add, {p.x}, {p.s})})};
  });
  rejects("target 'y' has not the dims before the lanes of 'x'", [&](Parts& p, Kernel& k) {
    const int w = k.add_variable("w", LoopKind::Unroll, 3);
    const int y = k.add_local("y", DType::F32, {w});
    k.body = {assigned(p), make_for(w, count(3), {make_lane_reduce(add, {p.x}, {y})})};
  });
  rejects("'x' of f32 reduced to 'y' of f64", [&](Parts& p, Kernel& k) {
    const int y = k.add_local("y", DType::F64, {});
    k.body = {assigned(p), make_lane_reduce(add, {p.x}, {y})};
  });
  rejects("lanes of f32 do not combine so", [&](Parts& p, Kernel& k) {
    k.body = {assigned(p), make_lane_reduce(ReduceOp::And, {p.x}, {p.s})};
  });
  rejects("the index of an extremum is f32", [&](Parts& p, Kernel& k) {
    k.body = {assigned(p), make_lane_reduce(ReduceOp::ArgMin, {p.x, p.x}, {p.s, p.s})};
  });
  rejects("a lane reduction in a vector loop", [&](Parts& p, Kernel& k) {
    k.body = {assigned(p), p.over_v(make_lane_reduce(add, {p.x}, {p.s}))};
  });
}
