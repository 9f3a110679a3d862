#include "frontend/optim/schedule.h"

#include <fmt/format.h>

#include "frontend/composite.h"
#include "frontend/ops.h"

namespace gradus::optim {

Tensor Schedule::operator()(const Tensor& step) const {
  if (!function_) return full({}, constant_, DType::F64);
  const Tensor value = function_(step);
  if (value.rank() != 0) {
    throw ShapeError(Message{
        "schedule",
        fmt::format("{} returned {}, expected a scalar", text_, gradus::to_string(value.type())),
        {},
        "reduce it to one number"});
  }
  return value.dtype() == DType::F64 ? value : astype(value, DType::F64);
}

double Schedule::at(int64_t step) const {
  const Tensor count = Tensor(static_cast<int32_t>(step));
  return composite("schedule", {}, [&] { return (*this)(count); }).item<double>();
}

std::string Schedule::to_string() const {
  return function_ ? text_ : fmt::format("{}", constant_);
}

}  // namespace gradus::optim
