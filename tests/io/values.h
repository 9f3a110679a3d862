// The tensors of golden/make.py, and comparison of tensors of any type.
#pragma once

#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gradus/ops.h>

#include "frontend/tensor_impl.h"
#include "tests/support/messages.h"

namespace gradus::test {

inline std::string bytes_of_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return std::move(text).str();
}

inline void put_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline bool same(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() &&
         std::memcmp(detail::buffer_of("test", a, {})->data(),
                     detail::buffer_of("test", b, {})->data(), a.type().bytes()) == 0;
}

inline bool same(const std::map<std::string, Tensor>& a, const std::map<std::string, Tensor>& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, x] : a) {
    if (!b.count(name) || !same(x, b.at(name))) return false;
  }
  return true;
}

/// 0, 1, 2, … as this type, floats halved.
inline Tensor counted(DType dtype, const Shape& shape) {
  const BufferPtr buffer = Buffer::allocate(Type{dtype, shape}.bytes());
  visit_dtype(dtype, [&]<class T>() {
    for (int64_t i = 0; i < shape.elements(); ++i) {
      T& x = buffer->as<T>()[i];
      if constexpr (std::is_same_v<T, KeyData>) {
        x = {static_cast<uint32_t>(i), static_cast<uint32_t>(i + 100)};
      } else if constexpr (std::is_same_v<T, bool>) {
        x = i % 3 == 1;
      } else if constexpr (std::is_floating_point_v<T>) {
        x = static_cast<T>(i) / 2;
      } else {
        x = static_cast<T>(i);
      }
    }
  });
  return detail::wrap_buffer(detail::interned({dtype, shape}), buffer, {});
}

inline std::map<std::string, Tensor> golden_arrays() {
  return {{"bool", counted(DType::Bool, {5})},   {"i8", counted(DType::I8, {3})},
          {"i16", counted(DType::I16, {2, 2})},  {"i32", counted(DType::I32, {1})},
          {"i64", counted(DType::I64, {})},      {"u8", counted(DType::U8, {7})},
          {"u16", counted(DType::U16, {3})},     {"u32", counted(DType::U32, {2, 1, 2})},
          {"u64", counted(DType::U64, {2})},     {"f32", counted(DType::F32, {2, 3})},
          {"f64", counted(DType::F64, {4})},     {"linear/w", counted(DType::F32, {3, 2})},
          {"empty", counted(DType::F32, {0, 4})}};
}

}  // namespace gradus::test
