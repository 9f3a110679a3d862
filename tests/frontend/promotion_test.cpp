// The whole promotion table.
#include <catch2/catch_test_macros.hpp>

#include "tests/frontend/values.h"

using namespace gradus;

namespace {

const std::vector<DType> kTypes = {DType::Bool, DType::I8,  DType::I16, DType::I32,
                                   DType::I64,  DType::U8,  DType::U16, DType::U32,
                                   DType::U64,  DType::F32, DType::F64};

// Rows and columns in the order of kTypes; "-" is a DTypeError.
const char* const kTable[] = {
    "bool i8  i16 i32 i64 u8  u16 u32 u64 f32 f64",  // bool
    "i8   i8  i16 i32 i64 i16 i32 i64 -   f32 f64",  // i8
    "i16  i16 i16 i32 i64 i16 i32 i64 -   f32 f64",  // i16
    "i32  i32 i32 i32 i64 i32 i32 i64 -   f32 f64",  // i32
    "i64  i64 i64 i64 i64 i64 i64 i64 -   f32 f64",  // i64
    "u8   i16 i16 i32 i64 u8  u16 u32 u64 f32 f64",  // u8
    "u16  i32 i32 i32 i64 u16 u16 u32 u64 f32 f64",  // u16
    "u32  i64 i64 i64 i64 u32 u32 u32 u64 f32 f64",  // u32
    "u64  -   -   -   -   u64 u64 u64 u64 f32 f64",  // u64
    "f32  f32 f32 f32 f32 f32 f32 f32 f32 f32 f64",  // f32
    "f64  f64 f64 f64 f64 f64 f64 f64 f64 f64 f64",  // f64
};
// A literal beside a tensor of each type.
const char* const kWeakInteger = "i32 i8 i16 i32 i64 u8 u16 u32 u64 f32 f64";
const char* const kWeakReal = "f32 f32 f32 f32 f32 f32 f32 f32 f32 f32 f64";

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> result(1);
  for (char c : text) {
    if (c != ' ') {
      result.back() += c;
    } else if (!result.back().empty()) {
      result.emplace_back();
    }
  }
  return result;
}

std::string name(const Tensor& x) {
  return std::string(name_of(x.dtype()));
}

}  // namespace

TEST_CASE("two tensors") {
  for (size_t i = 0; i < kTypes.size(); ++i) {
    const auto row = words(kTable[i]);
    REQUIRE(row.size() == kTypes.size());
    for (size_t j = 0; j < kTypes.size(); ++j) {
      CAPTURE(name_of(kTypes[i]), name_of(kTypes[j]));
      const Tensor a = ones({}, kTypes[i]), b = ones({}, kTypes[j]);
      if (row[j] == "-") {
        CHECK_THROWS_AS(promoted(kTypes[i], kTypes[j]), DTypeError);
        CHECK_THROWS_AS(a + b, DTypeError);
      } else {
        CHECK(name_of(promoted(kTypes[i], kTypes[j])) == row[j]);
        CHECK(name(where(true, a, b)) == row[j]);
      }
    }
  }
}

TEST_CASE("a literal is weak") {
  const auto integers = words(kWeakInteger), reals = words(kWeakReal);
  for (size_t i = 0; i < kTypes.size(); ++i) {
    CAPTURE(name_of(kTypes[i]));
    const Tensor x = ones({2}, kTypes[i]);
    CHECK(name(x + 1) == integers[i]);
    CHECK(name(1 + x) == integers[i]);
    CHECK(name(x + 1.0) == reals[i]);
    CHECK(name(x * 2.0f) == reals[i]);
    CHECK(name(where(true, x, false)) == name(x));
    CHECK(name(x == 1) == "bool");
  }
}

TEST_CASE("a Tensor is never weak") {
  CHECK(name(Tensor(0.01)) == "f32");
  CHECK(name(Tensor(0.01f)) == "f32");
  CHECK(name(Tensor(1)) == "i32");
  CHECK(name(Tensor(int64_t{1})) == "i64");
  CHECK(name(Tensor(uint8_t{1})) == "u8");
  CHECK(name(Tensor(true)) == "bool");
  CHECK(name(ones({2}, DType::I8) + Tensor(1)) == "i32");
  CHECK(name(ones({2}, DType::F64) * Tensor(0.5)) == "f64");
}

TEST_CASE("division of integers is real; the remainder is not") {
  CHECK(name(Tensor(7) / Tensor(2)) == "f32");
  CHECK((Tensor(7) / 2).item<float>() == 3.5f);
  CHECK((Tensor(-7) % 3).item<int32_t>() == -1);
  CHECK(name(ones({}, DType::F64) / 2) == "f64");
}

TEST_CASE("real functions of integers are f32") {
  CHECK(name(gradus::sin(Tensor(1))) == "f32");
  CHECK(name(gradus::exp(Tensor(true))) == "f32");
  CHECK(name(gradus::sqrt(ones({}, DType::F64))) == "f64");
  CHECK(name(mean(arange(4))) == "f32");
}

TEST_CASE("sums of narrow integers are wide") {
  CHECK(name(sum(ones({3}, DType::Bool))) == "i32");
  CHECK(name(sum(ones({3}, DType::I8))) == "i32");
  CHECK(name(sum(ones({3}, DType::U16))) == "u32");
  CHECK(name(sum(ones({3}, DType::I64))) == "i64");
}

TEST_CASE("a literal that its type does not hold is an error") {
  CHECK_THROWS_AS(ones({2}, DType::U8) + 300, ValueError);
  CHECK_THROWS_AS(ones({2}, DType::U8) + -1, ValueError);
  CHECK_THROWS_AS(ones({2}, DType::I8) + 128, ValueError);
  CHECK_THROWS_AS(ones({2}) * 1e300, ValueError);
  CHECK_NOTHROW(ones({2}, DType::F64) * 1e300);
  CHECK_NOTHROW(ones({2}, DType::I8) + 127);
  CHECK_NOTHROW(ones({2}, DType::U64) + 18446744073709551615u);
}

TEST_CASE("keys do not combine with numbers") {
  CHECK_THROWS_AS(random::key(0) + 1, DTypeError);
  CHECK_THROWS_AS(random::key(0) + Tensor(1), DTypeError);
  CHECK_THROWS_AS(gradus::sin(random::key(0)), DTypeError);
}
