#include "tests/support/arrays.h"

#include <fmt/format.h>

#include <cmath>

#include "compiler/ops/families.h"
#include "compiler/ops/reference_view.h"

namespace gradus::testing {

using ops::RefArray;

RefArray shifted(const RefArray& x, const RefArray& t, double h) {
  RefArray y = x;
  for (size_t i = 0; i < y.real.size(); ++i)
    y.real[i] += h * t.real[i];
  return y;
}

double inner_product(std::span<const RefArray> a, std::span<const RefArray> b) {
  double sum = 0;
  for (size_t k = 0; k < a.size(); ++k) {
    for (size_t i = 0; i < a[k].real.size(); ++i)
      sum += a[k].real[i] * b[k].real[i];
  }
  return sum;
}

namespace {

/// Calls f(flat index in the whole, flat index in the example) for each element of example i.
template <class F>
void for_each_of_example(const Shape& whole, int axis, int64_t i, F&& f) {
  const auto strides = ops::strides_of(whole);
  ops::for_each_index(whole.without(axis), [&](std::span<const int64_t> index, int64_t flat) {
    int64_t at = i * strides[static_cast<size_t>(axis)];
    for (size_t d = 0; d < index.size(); ++d) {
      at += index[d] * strides[d + (static_cast<int>(d) >= axis)];
    }
    f(at, flat);
  });
}

}  // namespace

RefArray example(const RefArray& x, int axis, int64_t i) {
  RefArray y = ops::make_reference({x.type.dtype, x.type.shape.without(axis)});
  for_each_of_example(x.type.shape, axis, i,
                      [&](int64_t from, int64_t to) { ops::copy_element(x, from, y, to); });
  return y;
}

RefArray stacked(std::span<const RefArray> examples, int axis, const Type& type) {
  const auto size = static_cast<int64_t>(examples.size());
  RefArray y = ops::make_reference({type.dtype, type.shape.with_inserted(axis, size)});
  for (int64_t i = 0; i < size; ++i) {
    for_each_of_example(y.type.shape, axis, i, [&](int64_t to, int64_t from) {
      ops::copy_element(examples[static_cast<size_t>(i)], from, y, to);
    });
  }
  return y;
}

RefArray sum(std::span<const RefArray> arrays, const Type& type) {
  RefArray y = ops::make_reference(type);
  for (const RefArray& x : arrays)
    y = shifted(y, x, 1);
  return y;
}

std::string difference(const RefArray& got, const RefArray& expected, double tolerance) {
  if (got.type != expected.type) {
    return fmt::format("type {}, expected {}", to_string(got.type), to_string(expected.type));
  }
  for (size_t i = 0; i < got.real.size(); ++i) {
    const double a = got.real[i], b = expected.real[i];
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    if (std::fabs(a - b) <= tolerance * (1 + std::fabs(b))) continue;
    return fmt::format("element {} is {}, expected {}", i, a, b);
  }
  for (size_t i = 0; i < got.integer.size(); ++i) {
    if (got.integer[i] == expected.integer[i]) continue;
    return fmt::format("element {} is {}, expected {}", i, got.integer[i], expected.integer[i]);
  }
  return {};
}

std::string difference(std::span<const RefArray> got, std::span<const RefArray> expected,
                       double tolerance) {
  if (got.size() != expected.size()) {
    return fmt::format("{} arrays, expected {}", got.size(), expected.size());
  }
  for (size_t k = 0; k < got.size(); ++k) {
    const std::string what = difference(got[k], expected[k], tolerance);
    if (!what.empty()) return fmt::format("array {}: {}", k, what);
  }
  return {};
}

std::vector<int> float_indices(std::span<const Type> types) {
  std::vector<int> indices;
  for (size_t i = 0; i < types.size(); ++i) {
    if (is_float(types[i].dtype)) indices.push_back(static_cast<int>(i));
  }
  return indices;
}

}  // namespace gradus::testing
