#include "compiler/ops/reference_values.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace gradus::ops {
namespace {

int64_t integer_of(KeyData k) {
  return static_cast<int64_t>(uint64_t{k.hi} << 32 | k.lo);
}

KeyData key_of(int64_t x) {
  const auto bits = static_cast<uint64_t>(x);
  return {static_cast<uint32_t>(bits >> 32), static_cast<uint32_t>(bits)};
}

}  // namespace

RefArray make_reference(const Type& type) {
  RefArray array{.type = type};
  const auto n = static_cast<size_t>(type.elements());
  if (is_float(type.dtype)) {
    array.real.resize(n);
  } else {
    array.integer.resize(n);
  }
  return array;
}

RefArray reference_of(const Type& type, const void* data) {
  RefArray array = make_reference(type);
  const auto n = static_cast<size_t>(type.elements());
  visit_dtype(type.dtype, [&]<class T>() {
    const auto* bytes = static_cast<const char*>(data);
    for (size_t i = 0; i < n; ++i) {
      T x;
      std::memcpy(&x, bytes + i * sizeof(T), sizeof(T));
      if constexpr (std::is_floating_point_v<T>) {
        array.real[i] = x;
      } else if constexpr (std::is_same_v<T, KeyData>) {
        array.integer[i] = integer_of(x);
      } else {
        array.integer[i] = static_cast<int64_t>(x);
      }
    }
  });
  return array;
}

RefArray reference_of(const ir::Literal& literal) {
  if (!literal.is_splat()) return reference_of(literal.type(), literal.bytes());
  const RefArray one = reference_of(Type{literal.type().dtype, {}}, literal.bytes());
  RefArray array = make_reference(literal.type());
  if (!one.real.empty()) std::ranges::fill(array.real, one.real[0]);
  if (!one.integer.empty()) std::ranges::fill(array.integer, one.integer[0]);
  return array;
}

void store_reference(const RefArray& array, void* data) {
  const auto n = static_cast<size_t>(array.type.elements());
  visit_dtype(array.type.dtype, [&]<class T>() {
    auto* bytes = static_cast<char*>(data);
    for (size_t i = 0; i < n; ++i) {
      T x;
      if constexpr (std::is_floating_point_v<T>) {
        x = static_cast<T>(array.real[i]);
      } else if constexpr (std::is_same_v<T, KeyData>) {
        x = key_of(array.integer[i]);
      } else {
        x = static_cast<T>(array.integer[i]);
      }
      std::memcpy(bytes + i * sizeof(T), &x, sizeof(T));
    }
  });
}

int64_t saturate(DType dtype, double x) {
  if (dtype == DType::Bool) return x != 0;
  return visit_dtype(dtype, [&]<class T>() -> int64_t {
    if constexpr (std::is_integral_v<T>) {
      using Limits = std::numeric_limits<T>;
      if (std::isnan(x)) return 0;
      if (x <= static_cast<double>(Limits::min())) return static_cast<int64_t>(Limits::min());
      // The maximum of a 64-bit type rounds up to the first value out of range.
      if (x >= static_cast<double>(Limits::max())) return static_cast<int64_t>(Limits::max());
      return static_cast<int64_t>(static_cast<T>(x));
    }
    return 0;
  });
}

}  // namespace gradus::ops
