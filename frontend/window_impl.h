// What convolutions and poolings share: windows by axis. Internal to the frontend.
#pragma once

#include "frontend/ops_impl.h"
#include "frontend/window.h"

namespace gradus::detail {

/// The windows along one axis.
struct Slide {
  int64_t extent = 1, taps = 1, stride = 1, dilation = 1, low = 0, high = 0;

  int64_t reach() const { return (taps - 1) * dilation + 1; }
  int64_t places() const { return (extent + low + high - reach()) / stride + 1; }
  bool is_trivial() const { return taps == 1 && stride == 1 && low == 0 && high == 0; }
};

/// Entry i of a list with one number for each of `count` axes, or one for all. ValueError for
/// another length, and for numbers below `least`.
int64_t entry(const Dims& dims, int count, int i, const char* what, int64_t least = 1);

/// Stride, dilation and padding of the axes with these extents and taps; the padding as numbers.
/// ShapeError if a window does not fit.
std::vector<Slide> slides_of(std::span<const int64_t> extents, std::span<const int64_t> taps,
                             const Dims& stride, const Dims& dilation, const Padding& padding);

/// low and high of axis i; ValueError for a rule that is none and for another number of axes.
Padding::Ends ends_of(const Padding& padding, int count, int i);
/// Whether the rule is "SAME"; ValueError for other rules than "SAME" and "VALID".
bool is_same(const Padding& padding);

Tensor reshaped(const Tensor& x, const ir::Ints& extents);
Tensor permuted(const Tensor& x, const ir::Ints& permutation);
/// x padded with `fill`, a scalar.
Tensor padded(const Tensor& x, const Tensor& fill, const ir::Ints& low, const ir::Ints& high,
              const ir::Ints& interior);

}  // namespace gradus::detail
