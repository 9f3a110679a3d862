#include "compiler/loop/math.h"

#include <utility>

namespace gradus::loop {

V max(ScalarBuilder& s, V x, V y) {
  if (s.is_constant(x)) std::swap(x, y);
  if (s.dtype(x) == DType::Bool) return s.bit_or(x, y);
  return s.select(s.bit_or(s.lt(x, y), s.is_nan(y)), y, x);
}

V min(ScalarBuilder& s, V x, V y) {
  if (s.is_constant(x)) std::swap(x, y);
  if (s.dtype(x) == DType::Bool) return s.bit_and(x, y);
  return s.select(s.bit_or(s.gt(x, y), s.is_nan(y)), y, x);
}

}  // namespace gradus::loop
