#include "runtime/type.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "runtime/error.h"

namespace gradus {

Shape::Shape(std::span<const int64_t> dims) : rank_(static_cast<int>(dims.size())) {
  if (dims.size() > kMaxRank) {
    throw ShapeError({.op = "shape",
                      .what = fmt::format("too many dimensions; got {}, expected at most {}",
                                          dims.size(), kMaxRank),
                      .remedy = "merge dimensions with reshape"});
  }
  for (int64_t d : dims) {
    if (d < 0) {
      throw ShapeError({.op = "shape",
                        .what = fmt::format("negative extent; got [{}]", fmt::join(dims, ",")),
                        .remedy = "use extents of 0 or more"});
    }
  }
  std::ranges::copy(dims, dims_.begin());
  check_elements();
}

void Shape::check_elements() const {
  constexpr int64_t kMost = int64_t{1} << 56;
  int64_t rest = kMost;  // empty dimensions count as 1: the others are multiplied on their own too
  for (int64_t d : *this) {
    if (d > rest) {
      throw ShapeError({.op = "shape",
                        .what = fmt::format("too many elements; got {}, expected at most 2^56",
                                            to_string(*this)),
                        .remedy = "use smaller extents"});
    }
    rest /= std::max<int64_t>(d, 1);
  }
}

int64_t Shape::elements() const {
  int64_t n = 1;
  for (int64_t d : *this)
    n *= d;
  return n;
}

Shape Shape::with_inserted(int axis, int64_t extent) const {
  std::vector<int64_t> dims(begin(), end());
  dims.insert(dims.begin() + axis, extent);
  return Shape(dims);
}

Shape Shape::without(int axis) const {
  Shape s = *this;
  std::copy(dims_.begin() + axis + 1, dims_.begin() + rank_, s.dims_.begin() + axis);
  s.dims_[--s.rank_] = 0;
  return s;
}

Shape Shape::with(int axis, int64_t extent) const {
  Shape s = *this;
  s.dims_[axis] = extent;
  s.check_elements();
  return s;
}

std::string to_string(const Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape, ","));
}

std::string to_string(const Type& type) {
  return fmt::format("{}{}", name_of(type.dtype), to_string(type.shape));
}

size_t hash_of(const Type& type) {
  size_t h = static_cast<size_t>(type.dtype) + 0x9e3779b97f4a7c15u;
  for (int64_t d : type.shape)
    h = (h ^ static_cast<size_t>(d)) * 0x100000001b3u + (h >> 29);
  return h;
}

}  // namespace gradus
