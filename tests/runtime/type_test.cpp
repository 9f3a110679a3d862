#include "runtime/type.h"

#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "runtime/error.h"

using namespace gradus;

TEST_CASE("a shape knows its extents") {
  const Shape shape{128, 784};
  CHECK(shape.rank() == 2);
  CHECK(shape[1] == 784);
  CHECK(shape.elements() == 128 * 784);
  CHECK(Shape{}.elements() == 1);
  CHECK(Shape{3, 0, 5}.elements() == 0);
  CHECK(to_string(shape) == "[128,784]");
  CHECK(to_string(Shape{}) == "[]");
}

TEST_CASE("axes are inserted, removed and replaced") {
  const Shape shape{2, 3};
  CHECK(shape.with_inserted(0, 7) == Shape{7, 2, 3});
  CHECK(shape.with_inserted(2, 7) == Shape{2, 3, 7});
  CHECK(shape.without(0) == Shape{3});
  CHECK(shape.with(1, 9) == Shape{2, 9});
}

TEST_CASE("a shape refuses negative extents and too many of them") {
  CHECK_THROWS_AS((Shape{2, -1}), ShapeError);
  CHECK_THROWS_AS(Shape(std::vector<int64_t>(Shape::kMaxRank + 1, 1)), ShapeError);
  CHECK_NOTHROW(Shape(std::vector<int64_t>(Shape::kMaxRank, 1)));
}

TEST_CASE("types compare, print and hash by dtype and shape") {
  const Type a{DType::F32, {128, 784}};
  CHECK(to_string(a) == "f32[128,784]");
  CHECK(a.bytes() == 4 * 128 * 784);
  CHECK(a == Type{DType::F32, {128, 784}});
  CHECK(a != Type{DType::F64, {128, 784}});
  CHECK(a != Type{DType::F32, {784, 128}});
  CHECK(hash_of(a) == hash_of(Type{DType::F32, {128, 784}}));
  CHECK(hash_of(a) != hash_of(Type{DType::F32, {784, 128}}));
}
