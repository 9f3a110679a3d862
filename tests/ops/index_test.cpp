// gather and scatter_add against loops written out here; what their rules promise beyond what the
// properties of all rows cover: indices out of range, shared dimensions, adjointness.
#include <catch2/catch_test_macros.hpp>

#include "compiler/ops/build.h"
#include "compiler/reference.h"
#include "tests/ops/program.h"

namespace gradus::ops {
namespace {

RefArray reals(Shape shape, std::vector<double> x) {
  return {{DType::F32, shape}, std::move(x), {}};
}
RefArray ints(Shape shape, std::vector<int64_t> x) {
  return {{DType::I32, shape}, {}, std::move(x)};
}

/// One op applied to inputs.
template <class F>
RefArray run(std::vector<RefArray> inputs, F f) {
  Builder b;
  std::vector<Value> in;
  for (const RefArray& x : inputs)
    in.push_back(b.parameter(x.type));
  const Value out = f(b, in);
  return evaluate_reference(b.finish(std::array{out}), inputs)[0];
}

const RefArray kTable = reals({3, 2}, {0, 1, 10, 11, 20, 21});

}  // namespace

TEST_CASE("gather reads rows, clamping indices") {
  const auto out = run({kTable, ints({4}, {2, -5, 7, 1})},
                       [](Builder& b, auto& in) { return gather(b, in[0], in[1], 0); });
  CHECK(out.type.shape == Shape{4, 2});
  CHECK(out.real == std::vector<double>{20, 21, 0, 1, 20, 21, 10, 11});
}

TEST_CASE("gather along an inner axis, by indices of any rank") {
  const auto columns = run({kTable, ints({1, 3}, {1, 0, 1})},
                           [](Builder& b, auto& in) { return gather(b, in[0], in[1], 1); });
  CHECK(columns.type.shape == Shape{3, 1, 3});
  CHECK(columns.real == std::vector<double>{1, 0, 1, 11, 10, 11, 21, 20, 21});
  const auto scalar =
      run({kTable, ints({}, {1})}, [](Builder& b, auto& in) { return gather(b, in[0], in[1], 0); });
  CHECK(scalar.type.shape == Shape{2});
  CHECK(scalar.real == std::vector<double>{10, 11});
}

TEST_CASE("gather with a shared dimension: one index a row") {
  const auto out = run({kTable, ints({3, 1}, {1, 0, 1})},
                       [](Builder& b, auto& in) { return gather(b, in[0], in[1], 1, 1); });
  CHECK(out.type.shape == Shape{3, 1});
  CHECK(out.real == std::vector<double>{1, 10, 21});
}

TEST_CASE("scatter_add sums in order of the indices and drops what is out of range") {
  const auto out = run(
      {kTable, ints({5}, {2, -1, 3, 0, 2}), reals({5, 2}, {1, 2, 99, 99, 99, 99, 5, 6, 100, 200})},
      [](Builder& b, auto& in) { return scatter_add(b, in[0], in[1], in[2], 0); });
  CHECK(out.real == std::vector<double>{5, 7, 10, 11, 121, 223});
}

TEST_CASE("the transpose of gather adds where gather read, clamped") {
  Builder b;
  const Value table = b.parameter(kTable.type), indices = b.parameter({DType::I32, {2}});
  const Value ct = b.parameter({DType::F32, {2, 2}});
  const OpDef& op = op_named("gather");
  const ir::Attrs attrs{int64_t{0}, int64_t{0}};
  const std::vector<Value> in{Value{}, indices};
  const std::vector types{b.type(table), b.type(indices)};
  const Value out = op.transpose({{op, attrs}, b, in, types, 0, std::array{ct}});
  const std::vector inputs{kTable, ints({2}, {-3, 9}), reals({2, 2}, {1, 2, 3, 4})};
  const auto result = evaluate_reference(b.finish(std::array{out}), inputs)[0];
  CHECK(result.real == std::vector<double>{1, 2, 0, 0, 3, 4});
}

TEST_CASE("the transpose of scatter_add gives nothing to updates that were dropped") {
  Builder b;
  const Value indices = b.parameter({DType::I32, {3, 2}}), ct = b.parameter({DType::F32, {3, 4}});
  const OpDef& op = op_named("scatter_add");
  const ir::Attrs attrs{int64_t{1}, int64_t{1}};
  const std::vector<Value> in{Value{}, indices, Value{}};
  const std::vector types{Type{DType::F32, {3, 4}}, b.type(indices), Type{DType::F32, {3, 2}}};
  const Value out = op.transpose({{op, attrs}, b, in, types, 2, std::array{ct}});
  const std::vector inputs{ints({3, 2}, {0, 4, -1, 3, 2, 2}),
                           reals({3, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})};
  const auto result = evaluate_reference(b.finish(std::array{out}), inputs)[0];
  CHECK(result.real == std::vector<double>{1, 0, 0, 8, 11, 11});
}

TEST_CASE("spaces: only the axis that is indexed by data is unknown") {
  const OpDef& op = op_named("gather");
  const ir::Attrs attrs{int64_t{1}, int64_t{1}};
  const std::vector in{Type{DType::F32, {5, 7, 2}}, Type{DType::I32, {5, 3}}};
  const std::vector out{Type{DType::F32, {5, 3, 2}}};
  const Space space = op.space({{op, attrs}, in, out});
  CHECK(space.kind == SpaceKind::Gather);
  CHECK(space.extents == std::vector<int64_t>{5, 3, 2});
  REQUIRE(space.operands.size() == 2);
  CHECK(space.operands[0][0].terms[0].first == 0);
  CHECK(space.operands[0][1].data);
  CHECK(space.operands[0][2].terms[0].first == 2);
  CHECK(space.operands[1][0].terms[0].first == 0);
  CHECK(space.operands[1][1].terms[0].first == 1);

  const OpDef& add = op_named("scatter_add");
  const std::vector operands{in[0], in[1], out[0]};
  const Space reduced = add.space({{add, attrs}, operands, std::array{in[0]}});
  CHECK(reduced.kind == SpaceKind::Scatter);
  CHECK(reduced.extents == std::vector<int64_t>{5, 7, 2, 3});
  CHECK(reduced.parallel == 3);
  CHECK(reduced.operands[1][1].terms[0].first == 3);
  REQUIRE(reduced.operands[2].size() == 3);
  CHECK(reduced.operands[2][1].terms[0].first == 3);
  CHECK(reduced.operands[2][2].terms[0].first == 2);
}

}  // namespace gradus::ops
