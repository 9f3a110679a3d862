// A constant array. Splats stay symbolic: zeros({10000, 10000}) is one element.
#pragma once

#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/type.h"

namespace gradus::ir {

class Literal {
 public:
  Literal() = default;
  /// Every element has the given bits (size_of(type.dtype) bytes).
  static Literal splat(Type type, const void* element);
  /// Row-major data, type.bytes() bytes, copied.
  static Literal dense(Type type, const void* data);

  template <class T>
  static Literal scalar(T x) {
    return splat({dtype_of<T>(), {}}, &x);
  }
  /// `x` converted to the dtype (exactly representable or rounded to nearest), as a splat.
  static Literal splat_of(Type type, double x);

  const Type& type() const { return type_; }
  bool is_splat() const { return splat_; }
  /// One element for a splat, all of them otherwise.
  const std::byte* bytes() const { return bytes_.get(); }
  size_t stored_bytes() const;

  template <class T>
  T element(int64_t i) const {
    T x;
    std::memcpy(&x, bytes_.get() + (splat_ ? 0 : i * sizeof(T)), sizeof(T));
    return x;
  }
  /// Element i as a double (bools as 0/1). Not for keys.
  double as_double(int64_t i = 0) const;
  /// The same element everywhere, under another shape.
  Literal splat_like(const Shape& shape) const;
  bool is_splat_of(double x) const;  // false for dense literals and keys

  /// Bitwise: NaN equals itself, -0 differs from 0.
  friend bool operator==(const Literal& a, const Literal& b);
  size_t hash() const;

 private:
  Type type_;
  bool splat_ = true;
  std::shared_ptr<const std::byte[]> bytes_;
};

}  // namespace gradus::ir
