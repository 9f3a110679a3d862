// Shape and Type: what is known of a value before it is computed.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "dtype.h"

namespace gradus {

/// Extents of an array, outermost first, row-major. Rank 0 is a scalar; extents may be 0.
class Shape {
 public:
  static constexpr int kMaxRank = 12;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  /// Throws ShapeError above kMaxRank dimensions, for negative extents, and above 2^56 elements: so
  /// that no product of extents or size in bytes ever overflows.
  explicit Shape(std::span<const int64_t> dims);

  int rank() const { return rank_; }
  int64_t operator[](int d) const { return dims_[d]; }
  const int64_t* begin() const { return dims_.data(); }
  const int64_t* end() const { return dims_.data() + rank_; }
  std::span<const int64_t> dims() const { return {begin(), end()}; }
  /// Product of the extents; 1 for a scalar.
  int64_t elements() const;

  Shape with_inserted(int axis, int64_t extent) const;
  Shape without(int axis) const;
  Shape with(int axis, int64_t extent) const;

  friend bool operator==(const Shape& a, const Shape& b) {
    return std::ranges::equal(a.dims(), b.dims());
  }

 private:
  void check_elements() const;
  std::array<int64_t, kMaxRank> dims_{};
  int rank_ = 0;
};

struct Type {
  DType dtype = DType::F32;
  Shape shape;

  int rank() const { return shape.rank(); }
  int64_t elements() const { return shape.elements(); }
  size_t bytes() const { return size_of(dtype) * static_cast<size_t>(shape.elements()); }
  friend bool operator==(const Type&, const Type&) = default;
};

/// "[128,784]", "[]".
std::string to_string(const Shape& shape);
/// "f32[128,784]".
std::string to_string(const Type& type);

size_t hash_of(const Type& type);

}  // namespace gradus
