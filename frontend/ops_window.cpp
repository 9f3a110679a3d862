// Windows by axis, and convolutions.
#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "frontend/window_impl.h"

namespace gradus {

Padding::Padding(std::initializer_list<int64_t> both) {
  for (int64_t n : both)
    ends_.push_back({n, n});
}

void Padding::visit_static(TreeVisitor& visitor) const {
  visitor.fixed_text("text", rule_);
  visitor.fixed("length", ends_.size());
  for (const Ends& e : ends_) {
    visitor.fixed("value", static_cast<uint64_t>(e.low));
    visitor.fixed("value", static_cast<uint64_t>(e.high));
  }
}

namespace detail {

using ir::Ints;

int64_t entry(const Dims& dims, int count, int i, const char* what, int64_t least) {
  if (dims.size() != 1 && dims.size() != count) {
    fail<ValueError>(fmt::format("{} of another number of axes; got {} numbers, expected 1 or {}",
                                 what, dims.size(), count),
                     "give one number for all spatial axes or one for each");
  }
  const int64_t n = dims[dims.size() == 1 ? 0 : i];
  if (n < least) {
    fail<ValueError>(fmt::format("{} out of range; got {}, expected at least {}", what, n, least),
                     fmt::format("give a larger {}", what));
  }
  return n;
}

bool is_same(const Padding& padding) {
  const std::string& rule = padding.rule();
  if (rule != "SAME" && rule != "VALID") {
    fail<ValueError>(
        fmt::format("no such padding; got \"{}\", expected \"SAME\" or \"VALID\"", rule),
        "name a rule, or give numbers");
  }
  return rule == "SAME";
}

Padding::Ends ends_of(const Padding& padding, int count, int i) {
  const auto& ends = padding.ends();
  if (ends.size() != 1 && static_cast<int>(ends.size()) != count) {
    fail<ValueError>(fmt::format("padding of another number of axes; got {} entries, expected 1 "
                                 "or {}",
                                 ends.size(), count),
                     "give one number for all spatial axes or one for each");
  }
  return ends[ends.size() == 1 ? 0 : static_cast<size_t>(i)];
}

std::vector<Slide> slides_of(std::span<const int64_t> extents, std::span<const int64_t> taps,
                             const Dims& stride, const Dims& dilation, const Padding& padding) {
  const int count = static_cast<int>(extents.size());
  std::vector<Slide> slides;
  for (int i = 0; i < count; ++i) {
    Slide s{.extent = extents[static_cast<size_t>(i)], .taps = taps[static_cast<size_t>(i)]};
    s.stride = entry(stride, count, i, "stride");
    s.dilation = entry(dilation, count, i, "dilation");
    if (padding.rule().empty()) {
      const auto [low, high] = ends_of(padding, count, i);
      s.low = low;
      s.high = high;
    } else if (is_same(padding)) {
      const int64_t places = (s.extent + s.stride - 1) / s.stride;
      const int64_t all = std::max<int64_t>((places - 1) * s.stride + s.reach() - s.extent, 0);
      s.low = all / 2;
      s.high = all - s.low;
    }
    const int64_t padded_extent = s.extent + s.low + s.high;
    if (s.reach() > padded_extent) {
      fail<ShapeError>(
          fmt::format("the window does not fit; got a reach of {} over spatial axis {} of extent "
                      "{} (padded by {} and {}), expected at most {}",
                      s.reach(), i, s.extent, s.low, s.high, padded_extent),
          "pad more or take a smaller window");
    }
    slides.push_back(s);
  }
  return slides;
}

Tensor reshaped(const Tensor& x, const Ints& extents) {
  return x.shape() == shape_from(extents) ? x : emit("reshape", {x}, {{"shape", extents}});
}

Tensor permuted(const Tensor& x, const Ints& permutation) {
  return std::ranges::is_sorted(permutation) ? x : emit("transpose", {x}, {{"perm", permutation}});
}

Tensor padded(const Tensor& x, const Tensor& fill, const Ints& low, const Ints& high,
              const Ints& interior) {
  return emit("pad", {x, fill}, {{"low", low}, {"high", high}, {"interior", interior}});
}

namespace {

/// Operands of one element type, x with its axis of examples.
struct Operands {
  Tensor x, w;
  int spatial = 0;
  bool single = false;
};

Operands operands_of(const Arg& x_arg, const Arg& w_arg, int64_t groups) {
  DType dtype = result_dtype({&x_arg, &w_arg});
  if (kind_of(dtype) == DTypeKind::Key) real_dtype(dtype);
  if (dtype == DType::Bool) dtype = DType::I32;
  Operands o{operand(x_arg, dtype, shape_of(x_arg)), operand(w_arg, dtype, shape_of(w_arg))};
  const int rank = o.w.rank();
  if (rank < 3 || rank > 5) {
    fail<ShapeError>(fmt::format("no such kernel; got {}, expected [taps…, in, out] with 1 to 3 "
                                 "spatial axes",
                                 to_string(o.w.type())),
                     "give the kernel 3 to 5 dimensions");
  }
  o.spatial = rank - 2;
  o.single = o.x.rank() == rank - 1;
  if (o.x.rank() != rank && !o.single) {
    fail<ShapeError>(
        fmt::format("data and kernel differ in rank; got {} and {}, expected {} dimensions "
                    "[n, spatial…, channels], or one fewer",
                    to_string(o.x.type()), to_string(o.w.type()), rank),
        "channels stand last; add the axes that lack by expand_dims");
  }
  const int64_t channels = o.x.shape()[o.x.rank() - 1], in = o.w.shape()[rank - 2];
  const int64_t out = o.w.shape()[rank - 1];
  if (groups < 1 || channels != in * groups || out % groups != 0) {
    fail<ShapeError>(fmt::format("channels do not fit; got {} with {} channels, kernel {} and {} "
                                 "groups, expected {} channels in and a multiple of {} out",
                                 to_string(o.x.type()), channels, to_string(o.w.type()), groups,
                                 in * groups, groups),
                     "channels stand last in the data; the kernel is [taps…, in / groups, out]");
  }
  if (o.single) o.x = reshaped(o.x, ints_of(o.x.shape().with_inserted(0, 1)));
  return o;
}

/// Groups become a shared leading dimension: channels [.., g * c] -> [g, .., c].
Tensor with_groups_first(const Tensor& x, int64_t groups) {
  const Shape shape = x.shape();
  const int last = shape.rank() - 1;
  const Shape apart = shape.with(last, shape[last] / groups).with_inserted(last, groups);
  Ints order{last};
  for (int d = 0; d <= shape.rank(); ++d) {
    if (d != last) order.push_back(d);
  }
  return permuted(reshaped(x, ints_of(apart)), order);
}

Tensor with_groups_merged(const Tensor& x) {
  const Shape shape = x.shape();
  const int rank = shape.rank();
  Ints order;
  for (int d = 1; d < rank - 1; ++d)
    order.push_back(d);
  order.insert(order.end(), {0, rank - 1});
  const Shape merged = shape.without(0).with(rank - 2, shape[0] * shape[rank - 1]);
  return reshaped(permuted(x, order), ints_of(merged));
}

Tensor convolved(const Operands& o, const std::vector<Slide>& slides, int64_t groups, bool flip) {
  Tensor w = o.w;
  Ints stride, low, high, dilation, spatial;
  for (const Slide& s : slides) {
    spatial.push_back(static_cast<int64_t>(spatial.size()));
    stride.push_back(s.stride);
    low.push_back(s.low);
    high.push_back(s.high);
    dilation.push_back(s.dilation);
  }
  if (flip) w = emit("reverse", {w}, {{"axes", spatial}});
  const bool grouped = groups > 1;
  Tensor y = emit(
      "conv",
      {grouped ? with_groups_first(o.x, groups) : o.x, grouped ? with_groups_first(w, groups) : w},
      {{"batch", int64_t{grouped}},
       {"stride", stride},
       {"low", low},
       {"high", high},
       {"dilation", dilation}});
  if (grouped) y = with_groups_merged(y);
  return o.single ? reshaped(y, ints_of(y.shape().without(0))) : y;
}

std::span<const int64_t> spatial_of(const Tensor& x, int spatial) {
  return x.shape().dims().subspan(1, static_cast<size_t>(spatial));
}
std::span<const int64_t> taps_of(const Operands& o) {
  return o.w.shape().dims().first(static_cast<size_t>(o.spatial));
}

/// The padding of the stretched input; by rules as in JAX's conv_transpose.
Padding::Ends stretched_ends(const Padding& padding, int count, int i, int64_t reach,
                             int64_t stride) {
  if (padding.rule().empty()) {
    const auto [low, high] = ends_of(padding, count, i);
    return {reach - 1 - low, reach - 1 - high};
  }
  if (is_same(padding)) {
    const int64_t all = reach + stride - 2;
    const int64_t low = stride > reach - 1 ? reach - 1 : (all + 1) / 2;
    return {low, all - low};
  }
  return {reach - 1, reach + stride - 2 + std::max<int64_t>(reach - stride, 0) - (reach - 1)};
}

}  // namespace

Tensor conv_operation::operator()(Arg x, Arg w, const ConvOptions& options) const {
  return run_op("conv", x.where(), [&] {
    const Operands o = operands_of(x, w, options.groups);
    const auto slides = slides_of(spatial_of(o.x, o.spatial), taps_of(o), options.stride,
                                  options.dilation, options.padding);
    return convolved(o, slides, options.groups, options.flip);
  });
}

Tensor conv_transpose_operation::operator()(Arg x, Arg w,
                                            const ConvTransposeOptions& options) const {
  return run_op("conv_transpose", x.where(), [&] {
    Operands o = operands_of(x, w, options.groups);
    std::vector<Slide> slides;
    Ints none(static_cast<size_t>(o.x.rank())), interior = none;
    bool stretched = false;
    for (int i = 0; i < o.spatial; ++i) {
      Slide s{.taps = o.w.shape()[i]};
      s.dilation = entry(options.dilation, o.spatial, i, "dilation");
      const int64_t stride = entry(options.stride, o.spatial, i, "stride");
      const auto [low, high] = stretched_ends(options.padding, o.spatial, i, s.reach(), stride);
      s.low = low;
      s.high = high;
      const int64_t extent = o.x.shape()[i + 1];
      s.extent = extent == 0 ? 0 : (extent - 1) * stride + 1;
      if (s.extent + low + high < s.reach()) {
        fail<ShapeError>(
            fmt::format("nothing is left; got {} cut by {} and {} along spatial axis "
                        "{}, expected at least one place",
                        s.extent + s.reach() - 1, s.reach() - 1 - low, s.reach() - 1 - high, i),
            "pad less");
      }
      interior[static_cast<size_t>(i) + 1] = stride - 1;
      stretched = stretched || stride > 1;
      slides.push_back(s);
    }
    if (stretched) o.x = padded(o.x, splat(0, {o.x.dtype(), {}}), none, none, interior);
    return convolved(o, slides, options.groups, options.flip);
  });
}

}  // namespace detail
}  // namespace gradus
