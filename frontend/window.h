// Operations over windows that slide along spatial axes: convolution, pooling, reductions. Data
// has its channels last: [n, spatial…, channels]. Kernels are [taps…, in, out].
#pragma once

#include <string>

#include <gradus/ops.h>

namespace gradus {

/// How spatial axes are padded. "VALID": not at all. "SAME": so that stride 1 keeps the extent and
/// stride s leaves ⌈extent / s⌉, the odd element at the end. Or by numbers: `1` for both ends of
/// every spatial axis, `{1, 2}` one number for both ends of each axis, `{{1, 2}, {0, 1}}` low and
/// high for each axis.
class Padding {
 public:
  struct Ends {
    int64_t low = 0, high = 0;
    friend bool operator==(const Ends&, const Ends&) = default;
  };

  Padding(const char* rule) : rule_(rule) {}
  Padding(std::string rule) : rule_(std::move(rule)) {}
  template <std::integral T>
  Padding(T both) : ends_{{static_cast<int64_t>(both), static_cast<int64_t>(both)}} {}
  Padding(std::initializer_list<int64_t> both);
  Padding(std::initializer_list<Ends> ends) : ends_(ends) {}
  Padding(std::vector<Ends> ends) : ends_(std::move(ends)) {}

  /// "SAME", "VALID", or empty: given by numbers.
  const std::string& rule() const { return rule_; }
  /// For each spatial axis, or one for all.
  const std::vector<Ends>& ends() const { return ends_; }

  friend bool operator==(const Padding&, const Padding&) = default;
  void visit_static(TreeVisitor& visitor) const;

 private:
  std::string rule_;
  std::vector<Ends> ends_;
};

/// Numbers stand for all spatial axes, lists for one axis each: {.stride = 2, .padding = "SAME"}.
struct ConvOptions {
  Dims stride = 1;
  Padding padding = "VALID";
  Dims dilation = 1;
  /// The channels fall into so many groups that do not see each other.
  int64_t groups = 1;
  /// Turns the kernel round along its spatial axes: the mathematician's convolution.
  bool flip = false;
};

struct ConvTransposeOptions {
  Dims stride = 1;
  /// "SAME": extent · stride; "VALID": all that the windows reach, and at least extent · stride; by
  /// numbers: what is cut from the ends, that is, the padding of the convolution whose transpose
  /// this is.
  Padding padding = 0;
  Dims dilation = 1;
  int64_t groups = 1;
  bool flip = false;
};

/// Strides are the window's extents unless given: windows side by side.
struct PoolOptions {
  Dims stride = {};
  Padding padding = "VALID";
  Dims dilation = 1;
};
struct AveragePoolOptions {
  Dims stride = {};
  Padding padding = "VALID";
  Dims dilation = 1;
  /// Divide by the number of all taps, or of those that are not padding.
  bool count_padding = true;
};

enum class WindowReduction : uint8_t { Sum, Prod, Max, Min };

/// Strides are 1 unless given; one number for all axes or one for each.
struct WindowOptions {
  Dims stride = 1;
  Padding padding = "VALID";
  Dims dilation = 1;
};

namespace detail {

struct conv_operation {
  Tensor operator()(Arg x, Arg w, const ConvOptions& options = {}) const;
};
struct conv_transpose_operation {
  Tensor operator()(Arg x, Arg w, const ConvTransposeOptions& options = {}) const;
};
struct extreme_pool_operation {
  const char* name;
  bool largest;
  Tensor operator()(Arg x, Dims window, const PoolOptions& options = {}) const;
};
struct avg_pool_operation {
  Tensor operator()(Arg x, Dims window, const AveragePoolOptions& options = {}) const;
};
struct adaptive_max_pool_operation {
  Tensor operator()(Arg x, Dims places) const;
};
struct adaptive_avg_pool_operation {
  Tensor operator()(Arg x, Dims places) const;
};
struct windows_operation {
  Tensor operator()(Arg x, Dims window, const WindowOptions& options = {}) const;
};
struct reduce_window_operation {
  Tensor operator()(Arg x, WindowReduction reduction, Dims window,
                    const WindowOptions& options = {}) const;
};

}  // namespace detail

/// x [n, spatial…, in] under w [taps…, in / groups, out] -> [n, places…, out], 1 to 3 spatial axes:
///   y[n, p, o] = Σ over taps t, channels c of x[n, p · stride + t · dilation - low, c] w[t, c, o],
/// x being zero outside. The kernel is not flipped (cross-correlation, as in all of this field but
/// Flux). x may be one example without the axis n. Output channels of a group are neighbours.
/// ShapeError for channels or a window that do not fit.
inline constexpr detail::conv_operation conv{};

/// The transpose of a convolution's map on its input: x [n, spatial…, in], w [taps…, in / groups,
/// out] -> [n, (spatial - 1) · stride + (taps - 1) · dilation + 1 - low - high, out]. As in JAX, w
/// is not flipped; of PyTorch's and Flux's ConvTranspose, w is the flipped kernel (flip = true).
inline constexpr detail::conv_transpose_operation conv_transpose{};

/// The extreme (the mean) of each window; x [n, spatial…, c] -> [n, places…, c]. `window` gives one
/// number for each spatial axis (one number: for every axis but the first and the last); with one
/// number fewer axes than two more, x is one example. Windows that do not fit at the end are left
/// out. Padding is never the extreme; of equal elements the first, in row-major order, gets the
/// gradient. NaN wins.
inline constexpr detail::extreme_pool_operation max_pool{"max_pool", true};
inline constexpr detail::extreme_pool_operation min_pool{"min_pool", false};
inline constexpr detail::avg_pool_operation avg_pool{};

/// Pools to a given number of places: window i of an extent n is ⌊i n / places⌋ to
/// ⌈(i + 1) n / places⌉.
inline constexpr detail::adaptive_max_pool_operation adaptive_max_pool{};
inline constexpr detail::adaptive_avg_pool_operation adaptive_avg_pool{};

/// All windows over all axes, as a view: [extent…] -> [places…, taps…], `window` giving one number
/// for each axis. Padding is 0.
inline constexpr detail::windows_operation windows{};

/// Every window over all axes reduced: [extent…] -> [places…]; padding is the neutral element.
inline constexpr detail::reduce_window_operation reduce_window{};

}  // namespace gradus
