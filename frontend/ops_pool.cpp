// Pooling and reductions over windows.
#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "frontend/window_impl.h"

namespace gradus::detail {
namespace {

using ir::Ints;

/// The windows over all axes, each tap axis behind its place axis.
struct Windowed {
  Tensor x;
  Ints taps;  // the axes of taps
};

/// What no element is beyond.
Tensor worst(DType dtype, bool largest) {
  return visit_dtype(dtype, [&]<class T>() {
    using Limits = std::numeric_limits<T>;
    T value{};
    if constexpr (std::is_floating_point_v<T>) {
      value = largest ? -Limits::infinity() : Limits::infinity();
    } else if constexpr (std::is_integral_v<T>) {
      value = largest ? Limits::lowest() : Limits::max();
    }
    return emit_constant(ir::Literal::splat({dtype, {}}, &value));
  });
}

/// Without the elements behind the last window of axes whose windows stand side by side: then all
/// windows together are one reshape.
Tensor without_rest(const Tensor& x, const std::vector<Slide>& slides) {
  Ints limits = ints_of(x.shape());
  for (size_t d = 0; d < slides.size(); ++d) {
    const Slide& s = slides[d];
    if (s.taps > 1 && s.stride == s.taps && s.dilation == 1) limits[d] = s.places() * s.taps;
  }
  if (limits == ints_of(x.shape())) return x;
  const Ints zeros(limits.size()), ones(limits.size(), 1);
  return emit("slice", {x}, {{"start", zeros}, {"limit", limits}, {"stride", ones}});
}

/// `slides` has one entry for each axis of x.
Windowed windowed(Tensor x, const std::vector<Slide>& slides, const Tensor& fill) {
  Ints low, high;
  for (const Slide& s : slides) {
    low.push_back(s.low);
    high.push_back(s.high);
  }
  const auto is_zero = [](int64_t n) { return n == 0; };
  if (!std::ranges::all_of(low, is_zero) || !std::ranges::all_of(high, is_zero)) {
    x = padded(x, fill, low, high, Ints(low.size()));
  }
  Windowed w{without_rest(x, slides), {}};
  int64_t axis = 0;
  for (const Slide& s : slides) {
    if (s.taps > 1 || s.stride > 1) {
      w.x =
          emit("windows", {w.x},
               {{"axis", axis}, {"taps", s.taps}, {"stride", s.stride}, {"dilation", s.dilation}});
      w.taps.push_back(++axis);
    }
    ++axis;
  }
  return w;
}

/// Reduces one merged axis of taps, so that equal elements have one order.
Tensor extreme_of(const Windowed& w, bool largest) {
  Ints order, extents;
  int64_t taps = 1;
  for (int64_t d = 0; d < w.x.rank(); ++d) {
    if (std::ranges::find(w.taps, d) != w.taps.end()) continue;
    order.push_back(d);
    extents.push_back(w.x.shape()[static_cast<int>(d)]);
  }
  for (int64_t d : w.taps) {
    order.push_back(d);
    taps *= w.x.shape()[static_cast<int>(d)];
  }
  const auto axis = static_cast<int64_t>(extents.size());
  extents.push_back(taps);
  const Tensor merged = reshaped(permuted(w.x, order), extents);
  return emit(largest ? "first_max" : "first_min", {merged}, {{"axis", axis}});
}

Tensor reduced(const char* op, const Windowed& w) {
  return w.taps.empty() ? w.x : emit(op, {w.x}, {{"axes", w.taps}});
}

/// x as [n, spatial…, c] and its spatial axes.
struct Images {
  Tensor x;
  bool single = false;
  int spatial = 0;

  Tensor result(const Tensor& y) const {
    return single ? reshaped(y, ints_of(y.shape().without(0))) : y;
  }
  std::span<const int64_t> extents() const {
    return x.shape().dims().subspan(1, static_cast<size_t>(spatial));
  }
};

Images images_of(const Arg& arg, const Dims& window) {
  Images images{operand(arg)};
  if (kind_of(images.x.dtype()) == DTypeKind::Key) real_dtype(images.x.dtype());
  if (images.x.dtype() == DType::Bool) images.x = convert_to(images.x, DType::I32);
  const int rank = images.x.rank();
  images.spatial = window.size() == 1 && rank > 2 ? rank - 2 : window.size();
  images.single = rank == images.spatial + 1;
  if (window.size() == 0 || (rank != images.spatial + 2 && !images.single)) {
    fail<ShapeError>(
        fmt::format("the window has another number of axes; got {} numbers for {}, expected one "
                    "for each spatial axis of [n, spatial…, channels]",
                    window.size(), to_string(images.x.type())),
        "channels stand last; leave the axes of examples and channels out");
  }
  if (images.single) {
    images.x = reshaped(images.x, ints_of(images.x.shape().with_inserted(0, 1)));
  }
  return images;
}

/// The windows of a pooling, with entries for the axes of examples and channels.
std::vector<Slide> pool_slides(const Images& images, const Dims& window, const Dims& stride,
                               const Dims& dilation, const Padding& padding) {
  Ints taps;
  for (int i = 0; i < images.spatial; ++i)
    taps.push_back(entry(window, images.spatial, i, "window"));
  auto slides =
      slides_of(images.extents(), taps, stride.given() ? stride : window, dilation, padding);
  for (const Slide& s : slides) {
    if (s.low >= 0 && s.high >= 0 && s.low < s.reach() && s.high < s.reach()) continue;
    fail<ValueError>(fmt::format("windows of padding alone; got padding {} and {} for a reach of "
                                 "{}, expected 0 to {}",
                                 s.low, s.high, s.reach(), s.reach() - 1),
                     "pad by less than the window");
  }
  slides.insert(slides.begin(), Slide{});
  slides.push_back(Slide{});
  return slides;
}

/// How many taps of each place are not padding, by place.
std::vector<int64_t> counts_of(const Slide& s) {
  std::vector<int64_t> counts;
  for (int64_t p = 0; p < s.places(); ++p) {
    int64_t count = 0;
    for (int64_t t = 0; t < s.taps; ++t) {
      const int64_t at = p * s.stride + t * s.dilation - s.low;
      count += at >= 0 && at < s.extent;
    }
    counts.push_back(count);
  }
  return counts;
}

/// x divided by the number of elements of its windows: a constant over the places.
Tensor divided_by_counts(const Tensor& x, const std::vector<Slide>& slides, int spatial) {
  std::vector<double> counts{1};
  Ints extents, dims;
  for (int i = 1; i <= spatial; ++i) {
    const auto along = counts_of(slides[static_cast<size_t>(i)]);
    std::vector<double> both;
    for (double a : counts) {
      for (int64_t b : along)
        both.push_back(a * static_cast<double>(b));
    }
    counts = std::move(both);
    extents.push_back(static_cast<int64_t>(along.size()));
    dims.push_back(i);
  }
  const Tensor table = visit_dtype(x.dtype(), [&]<class T>() -> Tensor {
    if constexpr (std::is_floating_point_v<T>) {
      const std::vector<T> values(counts.begin(), counts.end());
      return emit_constant(ir::Literal::dense({x.dtype(), shape_from(extents)}, values.data()));
    } else {
      return {};
    }
  });
  const Tensor everywhere =
      emit("broadcast", {table}, {{"shape", ints_of(x.shape())}, {"dims", dims}});
  return emit("div", {x, everywhere});
}

Tensor divided_by(const Tensor& x, int64_t count) {
  if (std::has_single_bit(static_cast<uint64_t>(count))) {  // exact, and cheaper
    return emit("mul", {x, splat(1 / static_cast<double>(count), x.type())});
  }
  return emit("div", {x, splat(static_cast<double>(count), x.type())});
}

/// Adaptive pooling along one axis: windows of unequal length, one after another.
template <class Pool>
Tensor adapted(const Tensor& x, int axis, int64_t places, Pool&& pool) {
  const int64_t extent = x.shape()[axis];
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < places; ++i) {
    const int64_t first = i * extent / places, last = ((i + 1) * extent + places - 1) / places;
    const Tensor y = pool(slice_one(x, axis, first, last), axis, last - first);
    parts.push_back(reshaped(y, ints_of(x.shape().with(axis, 1))));
  }
  return parts.size() == 1 ? parts[0]
                           : emit_many("concatenate", parts, {{"dim", int64_t{axis}}})[0];
}

/// The window of an equal division, or nothing.
std::optional<Ints> equal_windows(const Images& images, const Dims& places) {
  Ints window;
  for (int i = 0; i < images.spatial; ++i) {
    const int64_t extent = images.extents()[static_cast<size_t>(i)];
    const int64_t n = entry(places, images.spatial, i, "places");
    if (extent == 0) {
      fail<ShapeError>(fmt::format("nothing to pool; got {}", to_string(images.x.type())),
                       "pool axes that are not empty");
    }
    window.push_back(extent % n == 0 ? extent / n : 0);
  }
  if (std::ranges::find(window, 0) != window.end()) return std::nullopt;
  return window;
}

}  // namespace

Tensor extreme_pool_operation::operator()(Arg x, Dims window, const PoolOptions& options) const {
  return run_op(name, x.where(), [&] {
    const Images images = images_of(x, window);
    const auto slides =
        pool_slides(images, window, options.stride, options.dilation, options.padding);
    const Tensor fill = worst(images.x.dtype(), largest);
    return images.result(extreme_of(windowed(images.x, slides, fill), largest));
  });
}

Tensor avg_pool_operation::operator()(Arg x, Dims window, const AveragePoolOptions& options) const {
  return run_op("avg_pool", x.where(), [&] {
    Images images = images_of(x, window);
    images.x = convert_to(images.x, real_dtype(images.x.dtype()));
    const auto slides =
        pool_slides(images, window, options.stride, options.dilation, options.padding);
    const Tensor zero = splat(0, {images.x.dtype(), {}});
    const Tensor sum = reduced("reduce_sum", windowed(images.x, slides, zero));
    int64_t taps = 1;
    bool is_padded = false;
    for (const Slide& s : slides) {
      taps *= s.taps;
      is_padded = is_padded || s.low != 0 || s.high != 0;
    }
    const bool by_place = is_padded && !options.count_padding;
    return images.result(by_place ? divided_by_counts(sum, slides, images.spatial)
                                  : divided_by(sum, taps));
  });
}

Tensor adaptive_max_pool_operation::operator()(Arg x, Dims places) const {
  return run_op("adaptive_max_pool", x.where(), [&] {
    const Images images = images_of(x, places);
    if (const auto window = equal_windows(images, places)) {
      return images.result(max_pool(images.x, *window));
    }
    Tensor y = images.x;
    // From the last axis: so the first of equal elements is the first in row-major order.
    for (int i = images.spatial; i-- > 0;) {
      y = adapted(y, i + 1, entry(places, images.spatial, i, "places"),
                  [](const Tensor& part, int64_t axis, int64_t) {
                    return emit("first_max", {part}, {{"axis", axis}});
                  });
    }
    return images.result(y);
  });
}

Tensor adaptive_avg_pool_operation::operator()(Arg x, Dims places) const {
  return run_op("adaptive_avg_pool", x.where(), [&] {
    Images images = images_of(x, places);
    images.x = convert_to(images.x, real_dtype(images.x.dtype()));
    if (const auto window = equal_windows(images, places)) {
      return images.result(avg_pool(images.x, *window));
    }
    Tensor y = images.x;
    for (int i = images.spatial; i-- > 0;) {
      y = adapted(y, i + 1, entry(places, images.spatial, i, "places"),
                  [](const Tensor& part, int64_t axis, int64_t count) {
                    return divided_by(emit("reduce_sum", {part}, {{"axes", Ints{axis}}}), count);
                  });
    }
    return images.result(y);
  });
}

namespace {

std::vector<Slide> all_slides(const Tensor& x, const Dims& window, const WindowOptions& options) {
  Ints taps;
  for (int d = 0; d < x.rank(); ++d)
    taps.push_back(entry(window, x.rank(), d, "window"));
  return slides_of(x.shape().dims(), taps, options.stride, options.dilation, options.padding);
}

}  // namespace

Tensor windows_operation::operator()(Arg x, Dims window, const WindowOptions& options) const {
  return run_op("windows", x.where(), [&] {
    const Tensor y = operand(x);
    const auto slides = all_slides(y, window, options);
    const Windowed w = windowed(y, slides, splat(0, {y.dtype(), {}}));
    // Axes whose windows are single elements have a tap axis of extent 1.
    Ints order, extents;
    for (int64_t d = 0; d < w.x.rank(); ++d) {
      if (std::ranges::find(w.taps, d) == w.taps.end()) order.push_back(d);
    }
    order.insert(order.end(), w.taps.begin(), w.taps.end());
    for (const Slide& s : slides)
      extents.push_back(s.places());
    for (const Slide& s : slides)
      extents.push_back(s.taps);
    return reshaped(permuted(w.x, order), extents);
  });
}

Tensor reduce_window_operation::operator()(Arg x, WindowReduction reduction, Dims window,
                                           const WindowOptions& options) const {
  return run_op("reduce_window", x.where(), [&] {
    Tensor y = operand(x);
    if (kind_of(y.dtype()) == DTypeKind::Key) real_dtype(y.dtype());
    if (y.dtype() == DType::Bool) y = convert_to(y, DType::I32);
    const auto slides = all_slides(y, window, options);
    switch (reduction) {
      case WindowReduction::Sum:
        return reduced("reduce_sum", windowed(y, slides, splat(0, {y.dtype(), {}})));
      case WindowReduction::Prod:
        return reduced("reduce_prod", windowed(y, slides, splat(1, {y.dtype(), {}})));
      case WindowReduction::Max:
      case WindowReduction::Min:
        break;
    }
    const bool largest = reduction == WindowReduction::Max;
    return extreme_of(windowed(y, slides, worst(y.dtype(), largest)), largest);
  });
}

}  // namespace gradus::detail
