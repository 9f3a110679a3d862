// What the builder makes of a node on insert: constants, simpler nodes, the node itself.
#include <catch2/catch_test_macros.hpp>

#include "compiler/ops/build.h"
#include "compiler/ops/op.h"

namespace gradus::ops {
namespace {

using ir::Literal;

const Type kF32{DType::F32, {1000, 1000}}, kI32{DType::I32, {4}}, kBool{DType::Bool, {4}};

Literal ints(std::vector<int32_t> x) {
  return Literal::dense({DType::I32, {static_cast<int64_t>(x.size())}}, x.data());
}

std::string op_of(const Builder& b, Value v) {
  return b.graph().op(v.node).name;
}

}  // namespace

TEST_CASE("splats fold as one element") {
  Builder b;
  const Value two = b.splat(kF32, 2), three = b.splat(kF32, 3);
  const Value sum = add(b, two, three);
  REQUIRE(b.literal(sum));
  CHECK(b.literal(sum)->is_splat_of(5));
  CHECK(b.type(sum) == kF32);
  CHECK(b.literal(sum)->stored_bytes() == 4);
  CHECK(b.literal(sqrt(b, b.splat(kF32, 9)))->is_splat_of(3));
  CHECK(b.literal(lt(b, two, three))->is_splat_of(1));
  CHECK(b.literal(select(b, lt(b, two, three), two, three))->is_splat_of(2));
  CHECK(b.literal(convert(b, two, DType::I32))->is_splat_of(2));
  CHECK(b.literal(bitcast(b, two, DType::U32))->element<uint32_t>(0) == 0x40000000);
}

TEST_CASE("functions that round more than once stay in the graph") {
  Builder b;
  const Value x = b.splat(kF32, 2);
  CHECK(!b.literal(exp(b, x)));
  CHECK(!b.literal(tanh(b, x)));
  CHECK(op_of(b, exp(b, x)) == "exp");
}

TEST_CASE("dense constants fold up to 64 elements") {
  Builder b;
  const Value x = b.constant(ints({1, 2, 3, 4}));
  const Value y = mul(b, x, x);
  REQUIRE(b.literal(y));
  CHECK(*b.literal(y) == ints({1, 4, 9, 16}));
  CHECK(*b.literal(reverse(b, y, {0})) == ints({16, 9, 4, 1}));
  CHECK(*b.literal(slice(b, y, {1}, {4}, {2})) == ints({4, 16}));
  std::vector<int32_t> many(65);
  for (size_t i = 0; i < many.size(); ++i)
    many[i] = static_cast<int32_t>(i);
  const Value large = b.constant(ints(many));
  CHECK(!b.literal(add(b, large, large)));
  CHECK(!b.literal(reverse(b, large, {0})));
}

TEST_CASE("layout ops leave a splat a splat, whatever its extents") {
  Builder b;
  const Value x = b.splat({DType::F32, {}}, 7);
  const Value wide = broadcast(b, x, Shape{10000, 10000}, {});
  REQUIRE(b.literal(wide));
  CHECK(b.literal(wide)->stored_bytes() == 4);
  CHECK(b.literal(reshape(b, wide, Shape{100000000}))->is_splat_of(7));
  CHECK(b.literal(transpose(b, wide, {1, 0}))->is_splat_of(7));
  CHECK(b.literal(slice(b, wide, {0, 0}, {5, 5}, {1, 1}))->is_splat_of(7));
  CHECK(b.literal(pad(b, wide, x, {1, 1}, {0, 0}, {0, 0}))->is_splat_of(7));
  CHECK(b.literal(concatenate(b, std::array{wide, wide}, 0))->is_splat_of(7));
  const Value other = b.splat({DType::F32, {}}, 8);
  CHECK(!b.literal(pad(b, wide, other, {1, 1}, {0, 0}, {0, 0})));
}

TEST_CASE("keys fold too") {
  Builder b;
  const uint32_t hi = 1, lo = 2;
  const Type word{DType::U32, {}};
  const Value key =
      key_make(b, b.constant(Literal::splat(word, &hi)), b.constant(Literal::splat(word, &lo)));
  REQUIRE(b.literal(key));
  CHECK(b.literal(key)->element<KeyData>(0) == KeyData{1, 2});
  CHECK(b.literal(key_data(b, key)[1])->element<uint32_t>(0) == 2);
}

TEST_CASE("exact identities give the operand") {
  Builder b;
  const Value x = b.parameter(kF32), i = b.parameter(kI32), p = b.parameter(kBool);
  const auto c = [&](Value like, double value) { return constant_like(b, like, value); };
  CHECK(mul(b, x, c(x, 1)) == x);
  CHECK(mul(b, c(x, 1), x) == x);
  CHECK(op_of(b, mul(b, x, c(x, -1))) == "neg");
  CHECK(div(b, x, c(x, 1)) == x);
  CHECK(sub(b, x, c(x, 0)) == x);
  CHECK(add(b, x, c(x, -0.0)) == x);
  CHECK(neg(b, neg(b, x)) == x);
  CHECK(abs(b, neg(b, x)) == abs(b, x));
  CHECK(abs(b, abs(b, x)) == abs(b, x));
  const Value u = b.parameter({DType::U8, {4}});
  CHECK(abs(b, neg(b, u)) == neg(b, u));
  CHECK(max(b, x, x) == x);
  CHECK(min(b, x, x) == x);
  CHECK(pow(b, x, c(x, 1)) == x);
  CHECK(pow(b, x, c(x, 2)) == mul(b, x, x));
  CHECK(b.literal(pow(b, x, c(x, 0)))->is_splat_of(1));
  CHECK(convert(b, x, DType::F32) == x);
  CHECK(bitcast(b, x, DType::F32) == x);
  CHECK(add(b, i, c(i, 0)) == i);
  CHECK(b.literal(mul(b, i, c(i, 0)))->is_splat_of(0));
  CHECK(b.literal(sub(b, i, i))->is_splat_of(0));
  CHECK(bit_and(b, i, c(i, -1)) == i);
  CHECK(b.literal(bit_and(b, i, c(i, 0)))->is_splat_of(0));
  CHECK(bit_or(b, i, i) == i);
  CHECK(b.literal(bit_xor(b, i, i))->is_splat_of(0));
  CHECK(bit_not(b, bit_not(b, i)) == i);
  CHECK(shl(b, i, c(i, 0)) == i);
  CHECK(bit_or(b, p, c(p, 0)) == p);
  CHECK(select(b, p, i, i) == i);
  const Value j = b.parameter(kI32);
  CHECK(select(b, c(p, 1), i, j) == i);
  CHECK(select(b, c(p, 0), i, j) == j);
  CHECK(select(b, bit_not(b, p), i, j) == select(b, p, j, i));
}

TEST_CASE("what is no identity in IEEE arithmetic stays") {
  Builder b;
  const Value x = b.parameter(kF32);
  const auto c = [&](double value) { return constant_like(b, x, value); };
  CHECK(op_of(b, add(b, x, c(0))) == "add");  // -0 + 0 = 0
  CHECK(op_of(b, sub(b, x, c(-0.0))) == "sub");
  CHECK(op_of(b, mul(b, x, c(0))) == "mul");  // NaN, infinity
  CHECK(op_of(b, sub(b, x, x)) == "sub");
  CHECK(op_of(b, div(b, x, x)) == "div");
  CHECK(op_of(b, eq(b, x, x)) == "eq");
  CHECK(op_of(b, neg(b, sub(b, x, c(2)))) == "neg");
}

TEST_CASE("equal nodes are one, operands of commutative ops in either order") {
  Builder b;
  const Value x = b.parameter(kF32), y = b.parameter(kF32);
  CHECK(add(b, x, y) == add(b, y, x));
  CHECK(mul(b, x, y) == mul(b, y, x));
  CHECK(sub(b, x, y) != sub(b, y, x));
  CHECK(exp(b, x) == exp(b, x));
  const Value once = barrier(b, std::array{x})[0], again = barrier(b, std::array{x})[0];
  CHECK(once != again);
}

}  // namespace gradus::ops
