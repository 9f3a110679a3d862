// Functions as scalar programs: fused polynomials of f32 or f64, without branches or tables, so
// that they run in vector registers and give the same bits everywhere. NaN, infinities, signed
// zeros and denormals behave as in C. The largest errors are measured by tests/ops/ulp_test.cpp.
#pragma once

#include "compiler/loop/scalar.h"

namespace gradus::loop {

/// The larger; NaN if either is. With a constant that is no NaN: one comparison, one select.
V max(ScalarBuilder& s, V x, V y);
V min(ScalarBuilder& s, V x, V y);

V exp(ScalarBuilder& s, V x);
V expm1(ScalarBuilder& s, V x);
V log(ScalarBuilder& s, V x);
V log1p(ScalarBuilder& s, V x);
V tanh(ScalarBuilder& s, V x);
V logistic(ScalarBuilder& s, V x);
V sin(ScalarBuilder& s, V x);
V cos(ScalarBuilder& s, V x);
V atan2(ScalarBuilder& s, V y, V x);
V erf(ScalarBuilder& s, V x);
V erf_inv(ScalarBuilder& s, V x);
V pow(ScalarBuilder& s, V x, V y);

}  // namespace gradus::loop
