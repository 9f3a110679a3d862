// Kernels written by hand, as lowering would, for 4, 8 or 16 lanes: the tests of the loop IR
// compare them with plain C++, those of code generation with the interpreter.
#pragma once

#include <array>
#include <limits>

#include "compiler/loop/loop_ir.h"

namespace gradus::loop::samples {

inline Term var(int variable, int64_t factor = 1, int arg = -1) {
  return {variable, {factor, arg}};
}
inline Term arg(int number, int64_t factor = 1) {
  return {-1, {factor, number}};
}
inline Coefficient count(int64_t n) {
  return {n, -1};
}
inline Coefficient count_arg(int arg) {
  return {1, arg};
}

inline Stmt make_for_where(int variable, Coefficient n, Index limit, Coefficient bound,
                           std::vector<Stmt> body) {
  Stmt s = make_for(variable, n, std::move(body));
  s.limit = std::move(limit);
  s.bound = bound;
  return s;
}

inline Stmt make_lane_reduce(ReduceOp op, std::vector<int> sources, std::vector<int> targets) {
  Stmt s{.kind = Stmt::Kind::LaneReduce};
  s.reduce = op;
  s.sources = std::move(sources);
  s.targets = std::move(targets);
  return s;
}

inline int f32(Kernel& k, float x) {
  return k.constant(DType::F32, bits_of(x));
}

/// Loops over 16 canonical lanes as unrolled vectors: for u: for v [where limit < bound]: body.
struct Lanes {
  int u, v;
  int64_t width;

  Lanes(Kernel& k, int64_t lanes)
      : u(k.add_variable("u", LoopKind::Unroll, 16 / lanes)),
        v(k.add_variable("v", LoopKind::Vector, lanes)),
        width(lanes) {}

  std::vector<int> dims() const { return {u, v}; }
  /// block*16 + lane
  Index column(int block) const { return {{var(block, 16), var(u, width), var(v)}}; }
  Index column(int block, Term more) const {
    Index index = column(block);
    index.terms.push_back(more);
    return index;
  }
  Stmt loop(std::vector<Stmt> body) const {
    return make_for(u, count(16 / width), {make_for(v, count(width), std::move(body))});
  }
  Stmt loop_where(Index limit, Coefficient bound, std::vector<Stmt> body) const {
    return make_for(u, count(16 / width),
                    {make_for_where(v, count(width), std::move(limit), bound, std::move(body))});
  }
};

/// C[8 x 48] = A[8 x k] B, B packed as k rows of 48. Buffers C, A, B; args k, lda, ldc.
inline Kernel product_tile(int64_t lanes) {
  Kernel k{.name = "product_tile"};
  const int c = k.add_buffer({DType::F32, true, 0});
  const int a = k.add_buffer({DType::F32, false, 1});
  const int b = k.add_buffer({DType::F32, false, 2});
  const int depth = k.add_arg("k"), lda = k.add_arg("lda"), ldc = k.add_arg("ldc");
  const int m = k.add_variable("m", LoopKind::Unroll, 8);
  const int n = k.add_variable("n", LoopKind::Unroll, 48 / lanes);
  const int v = k.add_variable("v", LoopKind::Vector, lanes);
  const int r = k.add_variable("k", LoopKind::Reduce);
  const int acc = k.add_local("acc", DType::F32, {m, n, v});
  const int row = k.add_local("row", DType::F32, {n, v});

  auto over_tile = [&](Stmt s) {
    return make_for(m, count(8),
                    {make_for(n, count(48 / lanes), {make_for(v, count(lanes), {std::move(s)})})});
  };
  const int b_value = k.load(b, {{var(r, 48), var(n, lanes), var(v)}});
  const int a_value = k.load(a, {{var(m, 1, lda), var(r)}});
  const int sum =
      k.op(ScalarOp::Fma, {a_value, k.local_value(row), k.local_value(acc)}, DType::F32);
  k.body = {
      over_tile(make_assign(acc, f32(k, 0))),
      make_for(
          r, count_arg(depth),
          {make_for(n, count(48 / lanes), {make_for(v, count(lanes), {make_assign(row, b_value)})}),
           over_tile(make_assign(acc, sum))}),
      over_tile(make_store(c, {{var(m, 1, ldc), var(n, lanes), var(v)}}, k.local_value(acc))),
  };
  return k;
}

/// y[r, j] = e / sum(e), e = 1 / (1 + (max_j x - x)^2), of rows of any length. Buffers y, x, which
/// may be the same; args rows, columns, blocks of 16 columns.
inline Kernel normalise_rows(int64_t lanes) {
  Kernel k{.name = "normalise_rows"};
  const int y = k.add_buffer({DType::F32, true, 0});
  const int x = k.add_buffer({DType::F32, false, 1});
  const int rows = k.add_arg("rows"), columns = k.add_arg("columns"), blocks = k.add_arg("blocks");
  const int r = k.add_variable("r", LoopKind::Serial);
  const int j = k.add_variable("j", LoopKind::Reduce);
  const Lanes lane(k, lanes);
  const int high = k.add_local("high", DType::F32, lane.dims());
  const int total = k.add_local("total", DType::F32, lane.dims());
  const int row_high = k.add_local("row_high", DType::F32, {});
  const int row_total = k.add_local("row_total", DType::F32, {});

  const Index at = lane.column(j, var(r, 1, columns));
  const int value = k.load(x, at);
  const int distance = k.op(ScalarOp::Sub, {k.local_value(row_high), value}, DType::F32);
  const int one = f32(k, 1);
  const int e = k.op(ScalarOp::Div,
                     {one, k.op(ScalarOp::Fma, {distance, distance, one}, DType::F32)}, DType::F32);
  const int share = k.op(ScalarOp::Div, {e, k.local_value(row_total)}, DType::F32);
  auto blocks_where = [&](Stmt s) {
    return make_for(j, count_arg(blocks),
                    {lane.loop_where(lane.column(j), count_arg(columns), {std::move(s)})});
  };
  const int max = k.combine(ReduceOp::Max, {k.local_value(high)}, {value})[0];
  const int sum = k.combine(ReduceOp::Add, {k.local_value(total)}, {e})[0];
  k.body = {make_for(
      r, count_arg(rows),
      {lane.loop(
           {make_assign(high, k.constant(DType::F32, identity_of(ReduceOp::Max, DType::F32)))}),
       blocks_where(make_assign(high, max, true)),
       make_lane_reduce(ReduceOp::Max, {high}, {row_high}),
       lane.loop({make_assign(total, f32(k, 0))}), blocks_where(make_assign(total, sum, true)),
       make_lane_reduce(ReduceOp::Add, {total}, {row_total}),
       blocks_where(make_store(y, at, share))})};
  return k;
}

/// p = p - rate * g in place, any length. Buffers p' and p (one group), g; args n, blocks of 16.
inline Kernel descend(int64_t lanes, float rate = 0.125f) {
  Kernel k{.name = "descend"};
  const int out = k.add_buffer({DType::F32, true, 0});
  const int p = k.add_buffer({DType::F32, false, 0});
  const int g = k.add_buffer({DType::F32, false, 1});
  const int n = k.add_arg("n"), blocks = k.add_arg("blocks");
  const int i = k.add_variable("i", LoopKind::Serial);
  const Lanes lane(k, lanes);
  const int next =
      k.op(ScalarOp::Fma, {f32(k, -rate), k.load(g, lane.column(i)), k.load(p, lane.column(i))},
           DType::F32);
  k.body = {make_for(
      i, count_arg(blocks),
      {lane.loop_where(lane.column(i), count_arg(n), {make_store(out, lane.column(i), next)})})};
  return k;
}

/// out[i, :16] = table[id[i], :16], or -1 where the id is not in [0, rows). Buffers out (f64),
/// table (f64), id (i32); args count, rows, stride.
inline Kernel gather_rows(int64_t lanes) {
  Kernel k{.name = "gather_rows"};
  const int out = k.add_buffer({DType::F64, true, 0});
  const int table = k.add_buffer({DType::F64, false, 1});
  const int ids = k.add_buffer({DType::I32, false, 2});
  const int n = k.add_arg("count"), rows = k.add_arg("rows"), stride = k.add_arg("stride");
  const int i = k.add_variable("i", LoopKind::Serial);
  const Lanes lane(k, lanes);
  auto index = [&](Term t) {
    return k.add_expr({.kind = Expr::Kind::Index, .dtype = DType::I64, .index = {{t}}});
  };
  const int id = k.op(ScalarOp::Convert, {k.load(ids, {{var(i)}})}, DType::I64);
  const int low = k.op(ScalarOp::Ge, {id, k.constant(DType::I64, 0)}, DType::Bool);
  const int high = k.op(ScalarOp::Lt, {id, index(arg(rows))}, DType::Bool);
  Expr load{.kind = Expr::Kind::Load, .dtype = DType::F64, .buffer = table};
  load.index = {{var(lane.u, lanes), var(lane.v)}};
  load.predicate = k.op(ScalarOp::And, {low, high}, DType::Bool);
  load.otherwise = k.constant(DType::F64, bits_of(-1.0));
  load.offset = k.op(ScalarOp::Mul, {id, index(arg(stride))}, DType::I64);
  k.body = {
      make_for(i, count_arg(n), {lane.loop({make_store(out, lane.column(i), k.add_expr(load))})})};
  return k;
}

/// out[r] = the index of the extremum of row r. Buffers out (i32), x (f32); args rows, columns,
/// blocks of 16 columns.
inline Kernel arg_extremum(int64_t lanes, ReduceOp op) {
  Kernel k{.name = "arg_extremum"};
  const int out = k.add_buffer({DType::I32, true, 0});
  const int x = k.add_buffer({DType::F32, false, 1});
  const int rows = k.add_arg("rows"), columns = k.add_arg("columns"), blocks = k.add_arg("blocks");
  const int r = k.add_variable("r", LoopKind::Serial);
  const int j = k.add_variable("j", LoopKind::Reduce);
  const Lanes lane(k, lanes);
  const int best = k.add_local("best", DType::F32, lane.dims());
  const int where = k.add_local("where", DType::I32, lane.dims());
  const int next = k.add_local("next", DType::F32, lane.dims());
  const int row_best = k.add_local("row_best", DType::F32, {});
  const int row_where = k.add_local("row_where", DType::I32, {});

  const int column =
      k.add_expr({.kind = Expr::Kind::Index, .dtype = DType::I32, .index = lane.column(j)});
  const int value = k.load(x, lane.column(j, var(r, 1, columns)));
  const auto taken = k.combine(op, {k.local_value(best), k.local_value(where)}, {value, column});
  k.body = {make_for(
      r, count_arg(rows),
      {lane.loop({make_assign(best, k.constant(DType::F32, identity_of(op, DType::F32))),
                  make_assign(where, k.constant(DType::I32, 0x7fffffff))}),
       make_for(
           j, count_arg(blocks),
           {lane.loop_where(lane.column(j), count_arg(columns),
                            {make_assign(next, taken[0]), make_assign(where, taken[1], true),
                             make_assign(best, k.local_value(next), true)})}),
       make_lane_reduce(op, {best, where}, {row_best, row_where}),
       make_store(out, {{var(r)}}, k.local_value(row_where))})};
  return k;
}

}  // namespace gradus::loop::samples
