// Short ways to say and to compare values in tests.
#pragma once

#include <cmath>
#include <initializer_list>
#include <string>
#include <vector>

#include <gradus/gradus.h>

#include "tests/support/messages.h"

inline std::vector<float> floats(const gradus::Tensor& x) {
  return x.to_vector<float>();
}
inline std::vector<int32_t> ints(const gradus::Tensor& x) {
  return x.to_vector<int32_t>();
}

inline bool close(const gradus::Tensor& a, const gradus::Tensor& b, double tolerance = 1e-5) {
  if (a.type() != b.type()) return false;
  const auto x = floats(a), y = floats(b);
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i]) != std::isnan(y[i])) return false;
    if (std::abs(x[i] - y[i]) > tolerance * (1 + std::abs(y[i]))) return false;
  }
  return true;
}

/// The same elements, whatever the shape.
inline bool close(const gradus::Tensor& a, std::initializer_list<float> expected,
                  double tolerance = 1e-5) {
  return a.size() == static_cast<int64_t>(expected.size()) &&
         close(a, gradus::tensor(std::vector<float>(expected), a.shape()), tolerance);
}

using gradus::test::here;
using gradus::test::message_of;
