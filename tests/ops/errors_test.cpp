// Whole messages of the type rules of the structure, elementwise and index families.
#include <catch2/catch_test_macros.hpp>
#include <functional>

#include "compiler/ops/build.h"
#include "compiler/ops/op.h"

namespace gradus::ops {
namespace {

const Type kF32x3{DType::F32, {3}}, kF32x4{DType::F32, {4}}, kI32x3{DType::I32, {3}};

template <class E>
std::string message(const std::function<void(Builder&)>& f) {
  Builder b;
  b.set_source({"model.cpp", 7});
  try {
    f(b);
  } catch (const E& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("elementwise: shapes and dtypes") {
  CHECK(message<ShapeError>([](Builder& b) { add(b, b.parameter(kF32x3), b.parameter(kF32x4)); }) ==
        "[add] shapes differ; got f32[3] and f32[4], expected equal shapes; model.cpp:7; "
        "broadcast one of them");
  CHECK(message<DTypeError>([](Builder& b) { mul(b, b.parameter(kF32x3), b.parameter(kI32x3)); }) ==
        "[mul] dtypes differ; got f32[3] and i32[3], expected equal dtypes; model.cpp:7; "
        "convert one of them");
  CHECK(message<ShapeError>([](Builder& b) {
          fma(b, b.parameter(kF32x3), b.parameter(kF32x3), b.parameter(kF32x4));
        }) ==
        "[fma] shapes differ; got f32[3], f32[3] and f32[4], expected equal shapes; "
        "model.cpp:7; broadcast one of them");
  CHECK(message<DTypeError>([](Builder& b) { exp(b, b.parameter(kI32x3)); }) ==
        "[exp] wrong dtype of the operand; got i32[3], expected f32 or f64; model.cpp:7; "
        "convert it");
  CHECK(message<DTypeError>([](Builder& b) { shl(b, b.parameter(kI32x3), b.parameter(kF32x3)); }) ==
        "[shl] wrong dtype of operand 1; got f32[3], expected an integer; model.cpp:7; convert it");
  CHECK(message<DTypeError>(
            [](Builder& b) { bit_and(b, b.parameter(kF32x3), b.parameter(kF32x3)); }) ==
        "[and] wrong dtype of operand 0; got f32[3], expected bool or an integer; model.cpp:7; "
        "convert it");
}

TEST_CASE("elementwise: select, convert, bitcast, random words") {
  CHECK(message<DTypeError>([](Builder& b) {
          const Value x = b.parameter(kF32x3);
          select(b, x, x, x);
        }) ==
        "[select] wrong dtype of operand 0; got f32[3], expected bool; model.cpp:7; convert it");
  CHECK(message<ShapeError>([](Builder& b) {
          const Value x = b.parameter(kF32x3);
          select(b, b.parameter({DType::Bool, {}}), x, x);
        }) ==
        "[select] shapes differ; got bool[], f32[3] and f32[3], expected equal shapes; "
        "model.cpp:7; broadcast one of them");
  CHECK(message<DTypeError>([](Builder& b) {
          select(b, b.parameter({DType::Bool, {3}}), b.parameter(kF32x3), b.parameter(kI32x3));
        }) ==
        "[select] dtypes differ; got f32[3] and i32[3], expected equal dtypes; model.cpp:7; "
        "convert one of them");
  CHECK(message<DTypeError>([](Builder& b) { convert(b, b.parameter(kF32x3), DType::Key); }) ==
        "[convert] nothing converts to a key; got f32[3] to key; model.cpp:7; make keys with "
        "key_make");
  CHECK(
      message<DTypeError>([](Builder& b) {
        convert(b, b.parameter({DType::Key, {}}), DType::F32);
      }) ==
      "[convert] wrong dtype of the operand; got key[], expected bool or an integer or f32 or f64; "
      "model.cpp:7; convert it");
  CHECK(message<DTypeError>([](Builder& b) { bitcast(b, b.parameter(kF32x3), DType::F64); }) ==
        "[bitcast] widths differ; got f32[3] to f64, expected a number of 32 bits; model.cpp:7; "
        "choose a dtype of the same width");
  CHECK(message<DTypeError>(
            [](Builder& b) { key_make(b, b.parameter(kI32x3), b.parameter(kI32x3)); }) ==
        "[key_make] wrong dtype of operand 0; got i32[3], expected u32; model.cpp:7; "
        "convert it, or bitcast it if it is i32");
}

TEST_CASE("iota") {
  CHECK(message<DTypeError>([](Builder& b) {
          iota(b, {DType::Bool, {3}}, 0);
        }) ==
        "[iota] no such sequence; got bool, expected an integer or f32 or f64; model.cpp:7; "
        "convert the result");
  CHECK(
      message<ValueError>([](Builder& b) { iota(b, kF32x3, 1); }) ==
      "[iota] dim out of range; got 1, expected 0 to 0; model.cpp:7; name an axis that the operand "
      "has");
}

TEST_CASE("index") {
  const Type table{DType::F32, {5, 3}}, empty{DType::F32, {0, 3}};
  CHECK(message<DTypeError>(
            [&](Builder& b) { gather(b, b.parameter(table), b.parameter(kF32x4), 0); }) ==
        "[gather] wrong dtype of the indices; got f32[4], expected i32, i64 or u32; model.cpp:7; "
        "convert the indices");
  CHECK(message<ValueError>(
            [&](Builder& b) { gather(b, b.parameter(table), b.parameter(kI32x3), 2); }) ==
        "[gather] axis out of range; got 2, expected 0 to 1; model.cpp:7; name an axis that the "
        "operand has");
  CHECK(message<ValueError>(
            [&](Builder& b) { gather(b, b.parameter(table), b.parameter(kI32x3), 0, 1); }) ==
        "[gather] wrong number of shared dimensions; got 1, expected 0 to 0; model.cpp:7; "
        "share leading dimensions only, before the axis");
  CHECK(message<ShapeError>(
            [&](Builder& b) { gather(b, b.parameter(table), b.parameter(kI32x3), 1, 1); }) ==
        "[gather] shared dimensions differ; got operand f32[5,3] and indices i32[3], expected "
        "the same first 1; model.cpp:7; share fewer dimensions");
  CHECK(message<ValueError>(
            [&](Builder& b) { gather(b, b.parameter(empty), b.parameter(kI32x3), 0); }) ==
        "[gather] nothing to read; got axis 0 of f32[0,3], expected an extent of 1 or more; "
        "model.cpp:7; gather from an axis that is not empty");
  CHECK(message<ShapeError>([&](Builder& b) {
          scatter_add(b, b.parameter(table), b.parameter(kI32x3), b.parameter(table), 0);
        }) ==
        "[scatter_add] wrong shape of the updates; got f32[5,3], expected f32[3,3]; "
        "model.cpp:7; give one update for each index");
  CHECK(message<DTypeError>([&](Builder& b) {
          scatter_add(b, b.parameter(table), b.parameter(kI32x3), b.parameter({DType::F64, {3, 3}}),
                      0);
        }) ==
        "[scatter_add] dtypes differ; got operand f32[5,3] and updates f64[3,3], expected equal "
        "dtypes; model.cpp:7; convert the updates");
  CHECK(message<DTypeError>([&](Builder& b) {
          const Value flags = b.parameter({DType::Bool, {3}});
          scatter_add(b, flags, b.parameter(kI32x3), flags, 0);
        }) ==
        "[scatter_add] not numbers; got bool[3], expected integers or floats; model.cpp:7; "
        "convert the operand");
}

}  // namespace gradus::ops
