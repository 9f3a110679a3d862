// Arithmetic on affine expressions of axes.
#pragma once

#include <span>

#include "compiler/schedule/plan.h"

namespace gradus::schedule {

Affine axis_index(int axis);
/// Puts terms in order, adds up those of the same axis, drops zeros.
void normalize(Affine& a);
/// a with axis t replaced by by[t].
Affine substitute(const Affine& a, std::span<const Affine> by);
/// Row-major index over the axes first … first+extents.size()-1, times scale, plus constant.
Affine row_major(int first, std::span<const int64_t> extents, int64_t scale = 1,
                 int64_t constant = 0);
bool is_axis(const Affine& a, int axis);
bool uses(const Affine& a, int axis);

struct Bounds {
  int64_t low, high;  // both are taken
};
/// Over all points of the axes (extents >= 1).
Bounds bounds(const Affine& a, std::span<const int64_t> extents);

int64_t product(std::span<const int64_t> extents);

}  // namespace gradus::schedule
