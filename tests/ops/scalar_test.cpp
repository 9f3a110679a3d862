// The builder of scalar programs: what it numbers, folds and simplifies, and that none of it
// changes a bit; evaluate() where C++ leaves things open.
#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <random>

#include "compiler/loop/math.h"
#include "tests/ops/program.h"

namespace gradus::loop {
namespace {

using testing::bits_of_real;
using testing::Program;
using testing::real_of;

Bits eval(ScalarOp op, DType type, DType result, std::initializer_list<Bits> in) {
  return evaluate(op, type, result, std::span(in.begin(), in.size()));
}

}  // namespace

TEST_CASE("names and numbers of operands come from the table") {
  CHECK(name_of(ScalarOp::RoundEven) == "round_even");
  CHECK(operands_of(ScalarOp::Fma) == 3);
  CHECK(operands_of(ScalarOp::Convert) == 1);
}

TEST_CASE("evaluate is total") {
  constexpr DType i32 = DType::I32, u8 = DType::U8, f32 = DType::F32, f64 = DType::F64;
  const Bits minimum = 0x80000000;
  CHECK(eval(ScalarOp::Div, i32, i32, {7, 0}) == 0xffffffff);
  CHECK(eval(ScalarOp::Div, u8, u8, {7, 0}) == 255);
  CHECK(eval(ScalarOp::Div, i32, i32, {minimum, 0xffffffff}) == minimum);
  CHECK(eval(ScalarOp::Rem, i32, i32, {7, 0}) == 7);
  CHECK(eval(ScalarOp::Rem, i32, i32, {minimum, 0xffffffff}) == 0);
  CHECK(eval(ScalarOp::Rem, i32, i32, {0xfffffff9, 4}) == 0xfffffffd);  // -7 rem 4 = -3
  CHECK(eval(ScalarOp::Add, u8, u8, {200, 100}) == 44);
  CHECK(eval(ScalarOp::Shl, u8, u8, {255, 8}) == 0);
  CHECK(eval(ScalarOp::Shr, i32, i32, {minimum, 31}) == 1);
  CHECK(eval(ScalarOp::Shr, i32, i32, {minimum, 32}) == 0);
  CHECK(eval(ScalarOp::ShrArith, i32, i32, {minimum, 99}) == 0xffffffff);
  CHECK(eval(ScalarOp::ShrArith, i32, i32, {5, 0xffffffff}) == 0);  // by 2^32 - 1
  CHECK(eval(ScalarOp::Abs, i32, i32, {minimum}) == minimum);
  CHECK(eval(ScalarOp::Not, DType::Bool, DType::Bool, {1}) == 0);
  CHECK(eval(ScalarOp::Not, u8, u8, {1}) == 254);
  const auto to = [&](double x, DType dtype) {
    return eval(ScalarOp::Convert, f64, dtype, {bits_of(x)});
  };
  CHECK(to(3e10, i32) == 0x7fffffff);
  CHECK(to(-3e10, i32) == minimum);
  CHECK(to(-1.0, u8) == 0);
  CHECK(to(300.0, u8) == 255);
  CHECK(to(-2.9, i32) == 0xfffffffe);
  CHECK(to(std::nan(""), i32) == 0);
  CHECK(to(std::nan(""), DType::Bool) == 1);
  CHECK(to(0.25, DType::Bool) == 1);
  CHECK(to(-0.0, DType::Bool) == 0);
  CHECK(to(1e19, DType::I64) == 0x7fffffffffffffff);
  CHECK(to(1e20, DType::U64) == ~Bits{0});
  CHECK(eval(ScalarOp::Convert, i32, u8, {0xffffffff}) == 255);
  CHECK(eval(ScalarOp::Convert, i32, DType::I64, {0xffffffff}) == ~Bits{0});
  CHECK(eval(ScalarOp::Convert, DType::U64, f32, {~Bits{0}}) == bits_of(0x1p64f));
  const Bits nan = bits_of(std::nanf(""));
  CHECK(eval(ScalarOp::Ne, f32, DType::Bool, {nan, nan}) == 1);
  CHECK(eval(ScalarOp::Ge, f32, DType::Bool, {nan, nan}) == 0);
  CHECK(eval(ScalarOp::Neg, f32, f32, {bits_of(0.0f)}) == bits_of(-0.0f));
  CHECK(eval(ScalarOp::Fma, f32, f32,
             {bits_of(0x1.000002p0f), bits_of(0x1.fffffep-1f), bits_of(-1.0f)}) ==
        bits_of(0x1.fffffcp-25f));
}

TEST_CASE("the builder numbers and folds") {
  ScalarBuilder s;
  const V x = s.input(DType::F32, 0), y = s.input(DType::F32, 1);
  CHECK(s.add(x, y) == s.add(y, x));
  CHECK(s.sub(x, y) != s.sub(y, x));
  CHECK(s.fma(x, y, x) == s.fma(y, x, x));
  const V five = s.add(s.constant(DType::F32, 2), s.constant(DType::F32, 3));
  CHECK(five == s.constant(DType::F32, 5));
  CHECK(s.input(DType::Key, 2) == s.input(DType::U64, 2));
  CHECK(s.is_nan(five) == s.constant_bits(DType::Bool, 0));
  CHECK_THROWS_AS(s.add(x, s.input(DType::I32, 3)), InternalError);
  CHECK_THROWS_AS(s.bitcast(x, DType::F64), InternalError);
}

TEST_CASE("max with a constant is one comparison and one select") {
  for (bool swapped : {false, true}) {
    ScalarBuilder s;
    const V x = s.input(DType::F32, 0), zero = s.constant(DType::F32, 0);
    Program relu(s, {swapped ? max(s, zero, x) : max(s, x, zero)});
    CHECK(Program(s, {swapped ? max(s, zero, x) : max(s, x, zero)}).operations() == 2);
  }
  ScalarBuilder s;
  const V y = max(s, s.input(DType::F32, 0), s.constant(DType::F32, 0));
  Program relu(s, {y});
  CHECK(std::isnan(real_of(DType::F32, relu(std::array{bits_of(std::nanf(""))}))));
  CHECK(relu(std::array{bits_of(-1.0f)}) == bits_of(0.0f));
  CHECK(relu(std::array{bits_of(2.0f)}) == bits_of(2.0f));
}

TEST_CASE("simplifications change no bit") {
  // Random programs over inputs and the constants that identities look for, once through the
  // builder and once by evaluating every operation as it was asked for.
  std::mt19937_64 random(3);
  for (DType dtype : {DType::F32, DType::I32, DType::U8, DType::F64}) {
    const bool real = is_float(dtype);
    std::vector<ScalarOp> choices{ScalarOp::Add, ScalarOp::Sub, ScalarOp::Mul, ScalarOp::Div,
                                  ScalarOp::Neg, ScalarOp::Abs, ScalarOp::Fma, ScalarOp::Select};
    for (ScalarOp op : {ScalarOp::And, ScalarOp::Or, ScalarOp::Xor, ScalarOp::Not, ScalarOp::Shl,
                        ScalarOp::Shr, ScalarOp::ShrArith, ScalarOp::Rem}) {
      if (!real) choices.push_back(op);
    }
    const auto specials = testing::special_bits(dtype);
    for (int round = 0; round < 400; ++round) {
      ScalarBuilder s;
      std::vector<V> values;
      std::vector<Bits> bits, inputs;
      for (int i = 0; i < 3; ++i) {
        inputs.push_back(specials[random() % specials.size()]);
        values.push_back(s.input(dtype, i));
        bits.push_back(inputs.back());
      }
      for (double c : {0.0, -0.0, 1.0, -1.0}) {
        values.push_back(s.constant(dtype, c));
        bits.push_back(s.nodes()[static_cast<size_t>(values.back().id)].bits);
      }
      for (int step = 0; step < 12; ++step) {
        const ScalarOp op = choices[random() % choices.size()];
        std::array<size_t, 3> pick{};
        for (size_t& p : pick)
          p = random() % values.size();
        if (op == ScalarOp::Select) {
          const V condition = s.lt(values[pick[0]], values[pick[1]]);
          const std::array compared{bits[pick[0]], bits[pick[1]]};
          const Bits less = evaluate(ScalarOp::Lt, dtype, DType::Bool, compared);
          values.push_back(s.select(condition, values[pick[1]], values[pick[2]]));
          bits.push_back(less ? bits[pick[1]] : bits[pick[2]]);
          continue;
        }
        const auto n = static_cast<size_t>(operands_of(op));
        const std::array in{bits[pick[0]], bits[pick[1]], bits[pick[2]]};
        bits.push_back(evaluate(op, dtype, dtype, std::span(in).first(n)));
        const V a = values[pick[0]], b = values[pick[1]], c = values[pick[2]];
        values.push_back(n == 1 ? s.op(op, {a}) : n == 2 ? s.op(op, {a, b}) : s.op(op, {a, b, c}));
      }
      Program program(s, values);
      const auto got = program.run(inputs);
      for (size_t i = 0; i < got.size(); ++i) {
        const bool both_nan =
            real && std::isnan(real_of(dtype, got[i])) && std::isnan(real_of(dtype, bits[i]));
        if (both_nan) continue;
        INFO(name_of(dtype) << " round " << round << " value " << i);
        CHECK(got[i] == bits[i]);
      }
    }
  }
}

}  // namespace gradus::loop
