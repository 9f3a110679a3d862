#include "compiler/ops/reference_product.h"

#include <algorithm>

#include "compiler/ops/reference_view.h"
#include "runtime/error.h"

namespace gradus::ops {
namespace {

/// At all points of a space of these extents.
bool stays_inside(const DimIndex& dim, int64_t extent, std::span<const int64_t> extents) {
  int64_t low = dim.constant, high = dim.constant;
  for (const auto& [axis, factor] : dim.terms) {
    const int64_t points = extents[static_cast<size_t>(axis)];
    if (points == 0) return true;
    (factor < 0 ? low : high) += factor * (points - 1);
  }
  return low >= 0 && high < extent;
}

/// Where an operand is read at a point of the space.
class Reader {
 public:
  Reader(const std::vector<DimIndex>& dims, const Shape& shape, const Space& space)
      : strides_(space.extents.size()) {
    const auto row_major = strides_of(shape);
    for (size_t d = 0; d < dims.size(); ++d) {
      start_ += dims[d].constant * row_major[d];
      for (const auto& [axis, factor] : dims[d].terms)
        strides_[static_cast<size_t>(axis)] += factor * row_major[d];
      const int64_t extent = shape[static_cast<int>(d)];
      if (dims[d].guarded) guards_.push_back({dims[d], extent});
      GRADUS_CHECK(dims[d].guarded || stays_inside(dims[d], extent, space.extents),
                   "an index leaves its array unguarded");
    }
  }

  /// What the axes from `first` on add to the offset of the first element.
  int64_t offset(std::span<const int64_t> index, size_t first) const {
    int64_t sum = 0;
    for (size_t a = 0; a < index.size(); ++a)
      sum += index[a] * strides_[first + a];
    return sum;
  }
  int64_t start() const { return start_; }

  bool is_inside(std::span<const int64_t> point) const {
    return std::ranges::all_of(guards_, [&](const Guard& guard) {
      int64_t at = guard.dim.constant;
      for (const auto& [axis, factor] : guard.dim.terms)
        at += point[static_cast<size_t>(axis)] * factor;
      return at >= 0 && at < guard.extent;
    });
  }

 private:
  struct Guard {
    DimIndex dim;
    int64_t extent;
  };
  std::vector<int64_t> strides_;
  std::vector<Guard> guards_;
  int64_t start_ = 0;
};

}  // namespace

std::vector<RefArray> reference_product(const ReferenceContext& c, const Space& space) {
  const size_t axes = space.extents.size(), parallel = static_cast<size_t>(space.parallel);
  const Shape inner(std::span(space.extents).subspan(parallel));
  const Reader lhs(space.operands[0], c.in[0].type.shape, space);
  const Reader rhs(space.operands[1], c.in[1].type.shape, space);
  RefArray out = make_reference(c.out_types[0]);
  const bool is_real = is_float(out.type.dtype);
  std::vector<int64_t> point(axes);
  for_each_index(out.type.shape, [&](std::span<const int64_t> index, int64_t to) {
    std::ranges::copy(index, point.begin());
    const int64_t l0 = lhs.start() + lhs.offset(index, 0), r0 = rhs.start() + rhs.offset(index, 0);
    double real = 0;
    uint64_t integer = 0;
    for_each_index(inner, [&](std::span<const int64_t> k, int64_t) {
      std::ranges::copy(k, point.begin() + static_cast<std::ptrdiff_t>(parallel));
      if (!lhs.is_inside(point) || !rhs.is_inside(point)) return;
      const auto i = static_cast<size_t>(l0 + lhs.offset(k, parallel));
      const auto j = static_cast<size_t>(r0 + rhs.offset(k, parallel));
      if (is_real) {
        real += c.in[0].real[i] * c.in[1].real[j];
      } else {
        integer +=
            static_cast<uint64_t>(c.in[0].integer[i]) * static_cast<uint64_t>(c.in[1].integer[j]);
      }
    });
    if (is_real) {
      out.real[static_cast<size_t>(to)] = real;
    } else {
      set_number(out, to, static_cast<int64_t>(integer));
    }
  });
  return {out};
}

}  // namespace gradus::ops
