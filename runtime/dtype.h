// Element types. One row per type in dtypes.def; everything else is derived from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace gradus {

enum class DType : uint8_t {
#define GRADUS_DTYPE(name, text, ctype, kind) name,
#include "dtypes.def"
#undef GRADUS_DTYPE
};

enum class DTypeKind : uint8_t { Bool, Signed, Unsigned, Float, Key };

/// Bytes of one element.
size_t size_of(DType dtype);
DTypeKind kind_of(DType dtype);
/// "f32", "u8", "bool", …: the name in graph texts and messages.
std::string_view name_of(DType dtype);
/// The inverse of name_of.
std::optional<DType> dtype_named(std::string_view name);

inline bool is_float(DType d) {
  return kind_of(d) == DTypeKind::Float;
}
inline bool is_signed_int(DType d) {
  return kind_of(d) == DTypeKind::Signed;
}
inline bool is_unsigned_int(DType d) {
  return kind_of(d) == DTypeKind::Unsigned;
}
inline bool is_integer(DType d) {
  return is_signed_int(d) || is_unsigned_int(d);
}

/// A random key as stored: two words of threefry2x32.
struct KeyData {
  uint32_t hi = 0, lo = 0;
  friend bool operator==(const KeyData&, const KeyData&) = default;
};

/// DType of a C++ element type, e.g. dtype_of<float>() == DType::F32.
template <class T>
constexpr DType dtype_of();
#define GRADUS_DTYPE(name, text, ctype, kind) \
  template <>                                 \
  constexpr DType dtype_of<ctype>() {         \
    return DType::name;                       \
  }
#include "dtypes.def"
#undef GRADUS_DTYPE

/// Calls f.template operator()<T>() with the C++ type of `dtype`.
template <class F>
decltype(auto) visit_dtype(DType dtype, F&& f) {
  switch (dtype) {
#define GRADUS_DTYPE(name, text, ctype, kind) \
  case DType::name:                           \
    return f.template operator()<ctype>();
#include "dtypes.def"
#undef GRADUS_DTYPE
  }
  __builtin_unreachable();
}

}  // namespace gradus
