// Tensors as text.
#include <ostream>

#include <fmt/format.h>

#include "frontend/tensor_impl.h"

namespace gradus {
namespace {

constexpr int64_t kSummarised = 1000;  // elements above which long axes are abbreviated
constexpr int64_t kShown = 3;          // at each end of such an axis

template <class T>
std::string element_text(T x) {
  if constexpr (std::same_as<T, bool>) {
    return x ? "true" : "false";
  } else if constexpr (std::same_as<T, KeyData>) {
    return fmt::format("key({:08x}, {:08x})", x.hi, x.lo);
  } else if constexpr (std::is_floating_point_v<T>) {
    return fmt::format("{}", x);
  } else {
    return std::to_string(x);
  }
}

template <class T>
void append_axis(std::string& text, const T* data, const Shape& shape, int axis, bool summarised) {
  if (axis == shape.rank()) {
    text += element_text(*data);
    return;
  }
  int64_t stride = 1;
  for (int d = axis + 1; d < shape.rank(); ++d)
    stride *= shape[d];
  const bool last = axis + 1 == shape.rank();
  const std::string separator =
      last ? ", " : ",\n" + std::string(static_cast<size_t>(axis) + 1, ' ');
  text += '[';
  for (int64_t i = 0; i < shape[axis]; ++i) {
    if (i > 0) text += separator;
    if (summarised && shape[axis] > 2 * kShown && i == kShown) {
      text += "...";
      i = shape[axis] - kShown - 1;
      continue;
    }
    append_axis(text, data + i * stride, shape, axis + 1, summarised);
  }
  text += ']';
}

}  // namespace

std::string to_string(const Tensor& x) {
  using State = detail::TensorImpl::State;
  if (x.is_empty()) return "empty";
  const std::string type = to_string(x.type());
  switch (detail::impl_of(x)->state) {
    case State::Traced:
      return "traced " + type;
    case State::Donated:
      return "donated " + type;
    case State::Concrete:
      break;
  }
  std::string text = type + (x.rank() > 1 ? "\n" : " ");
  visit_dtype(x.dtype(), [&]<class T>() {
    append_axis(text, detail::impl_of(x)->buffer->as<T>(), x.shape(), 0, x.size() > kSummarised);
  });
  return text;
}

std::ostream& operator<<(std::ostream& out, const Tensor& x) {
  return out << to_string(x);
}

}  // namespace gradus
