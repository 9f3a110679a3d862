#include "compiler/ops/families.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace gradus::ops {
namespace {

Message message_of(const InferContext& c, std::string what, std::string remedy) {
  return {c.op.name, std::move(what), c.where, std::move(remedy)};
}

}  // namespace

void fail_shape(const InferContext& c, std::string what, std::string remedy) {
  throw ShapeError(message_of(c, std::move(what), std::move(remedy)));
}

void fail_dtype(const InferContext& c, std::string what, std::string remedy) {
  throw DTypeError(message_of(c, std::move(what), std::move(remedy)));
}

void fail_value(const InferContext& c, std::string what, std::string remedy) {
  throw ValueError(message_of(c, std::move(what), std::move(remedy)));
}

void expect_equal_dtypes(const InferContext& c) {
  for (const Type& t : c.in) {
    if (t.dtype != c.in[0].dtype) {
      fail_dtype(c,
                 fmt::format("dtypes differ; got {} and {}, expected equal dtypes",
                             name_of(c.in[0].dtype), name_of(t.dtype)),
                 "convert one operand");
    }
  }
}

void expect_axis(const InferContext& c, int64_t axis, int rank, std::string_view role) {
  if (0 <= axis && axis < rank) return;
  fail_value(c,
             rank == 0
                 ? fmt::format("{} out of range; got {} of a scalar, expected none", role, axis)
                 : fmt::format("{} out of range; got {}, expected 0 to {}", role, axis, rank - 1),
             rank == 0 ? "a scalar has no axes" : "name an axis that the operand has");
}

void expect_distinct_axes(const InferContext& c, const ir::Ints& axes, int rank,
                          std::string_view role) {
  std::vector<bool> seen(static_cast<size_t>(rank));
  for (int64_t a : axes) {
    expect_axis(c, a, rank, role);
    if (seen[static_cast<size_t>(a)]) {
      fail_value(c, fmt::format("{} given twice; got {}, expected distinct axes", role, a),
                 "name each axis once");
    }
    seen[static_cast<size_t>(a)] = true;
  }
}

void expect_sorted_axes(const InferContext& c, const ir::Ints& axes) {
  if (std::ranges::is_sorted(axes)) return;
  fail_value(c,
             fmt::format("axes are not in order; got [{}], expected increasing axes",
                         fmt::join(axes, ",")),
             "sort the axes");
}

std::vector<int64_t> strides_of(const Shape& shape) {
  std::vector<int64_t> strides(static_cast<size_t>(shape.rank()), 1);
  for (int d = shape.rank() - 2; d >= 0; --d) {
    strides[static_cast<size_t>(d)] = strides[static_cast<size_t>(d) + 1] * shape[d + 1];
  }
  return strides;
}

int64_t wrap_integer(DType dtype, int64_t x) {
  return visit_dtype(dtype, [&]<class T>() -> int64_t {
    if constexpr (std::is_same_v<T, bool>) {
      return x != 0;
    } else if constexpr (std::is_integral_v<T>) {
      return static_cast<int64_t>(static_cast<T>(x));
    } else {
      return x;
    }
  });
}

Space space_of_result(SpaceKind kind, const Shape& result) {
  return {.kind = kind, .extents = {result.begin(), result.end()}, .parallel = result.rank()};
}

std::vector<DimIndex> identity_index(int rank) {
  std::vector<DimIndex> index;
  for (int d = 0; d < rank; ++d)
    index.push_back(DimIndex::axis(d));
  return index;
}

}  // namespace gradus::ops
