// Random123's known answers for threefry2x32 with 20 rounds, through both the reference and the
// scalar program; keys as pairs of words.
#include <catch2/catch_test_macros.hpp>

#include "compiler/ops/build.h"
#include "compiler/reference.h"
#include "tests/ops/program.h"

namespace gradus::testing {
namespace {

struct Answer {
  std::array<Bits, 4> input;  // key, counter
  std::array<Bits, 2> output;
};

constexpr Answer kAnswers[] = {
    {{0, 0, 0, 0}, {0x6b200159, 0x99ba4efe}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0x1cb996fc, 0xbb002be7}},
    {{0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3}, {0xc4923a9c, 0x483df7a0}},
};

}  // namespace

TEST_CASE("threefry2x32 gives Random123's known answers") {
  const ops::OpDef& op = ops::op_named("threefry2x32");
  const std::vector results(2, Type{DType::U32, {1}});
  Program program(op, {}, std::vector(4, DType::U32), results);
  for (const Answer& answer : kAnswers) {
    CHECK(program.run(answer.input) ==
          std::vector<Bits>(answer.output.begin(), answer.output.end()));
    std::vector<ops::RefArray> operands;
    for (Bits word : answer.input)
      operands.push_back(array_of(DType::U32, std::array{word}));
    const auto out = op.reference({{op, {}}, operands, results});
    CHECK(static_cast<Bits>(out[0].integer[0]) == answer.output[0]);
    CHECK(static_cast<Bits>(out[1].integer[0]) == answer.output[1]);
  }
}

TEST_CASE("threefry2x32 of constants folds to constants") {
  ops::Builder b;
  const Type words{DType::U32, {5}};
  const auto x = [&](uint32_t word) { return b.constant(ir::Literal::splat(words, &word)); };
  const auto out = ops::threefry2x32(b, x(0), x(0), x(0), x(0));
  REQUIRE(b.literal(out[1]));
  CHECK(b.literal(out[0])->element<uint32_t>(0) == 0x6b200159);
  CHECK(b.literal(out[1])->is_splat());
  CHECK(b.literal(out[1])->element<uint32_t>(4) == 0x99ba4efe);
}

TEST_CASE("a key's first word is the low half of its element, as in memory") {
  const std::vector key{Type{DType::Key, {1}}};
  Program make(ops::op_named("key_make"), {}, std::vector(2, DType::U32), key);
  const Bits made = make(std::array<Bits, 2>{0x01234567, 0x89abcdef});
  CHECK(made == 0x89abcdef01234567);
  const auto stored = loop::from_bits<KeyData>(made);
  CHECK(stored == KeyData{0x01234567, 0x89abcdef});
  const std::vector words(2, Type{DType::U32, {1}});
  Program data(ops::op_named("key_data"), {}, std::vector{DType::Key}, words);
  CHECK(data.run(std::array{made}) == std::vector<Bits>{0x01234567, 0x89abcdef});
}

}  // namespace gradus::testing
