#include "frontend/losses/operands.h"

#include <cmath>

#include <fmt/format.h>

namespace gradus::losses {

Tensor Operands::real(const Arg& x) const {
  if (!x.is_tensor()) return full({}, x, DType::F32);
  const Tensor& tensor = x.tensor();
  if (kind_of(tensor.dtype(where_)) == DTypeKind::Key) {
    throw DTypeError(
        Message{loss_, fmt::format("keys are no numbers; got {}", gradus::to_string(tensor.type())),
                where_, "give real tensors"});
  }
  return is_float(tensor.dtype()) ? tensor : astype(tensor, DType::F32);
}

std::pair<Tensor, Tensor> Operands::alike(const Arg& a, const Arg& b) const {
  Tensor x = real(a), y = real(b);
  if (x.shape() != y.shape() && x.rank() > 0 && y.rank() > 0) {
    throw ShapeError(
        Message{loss_,
                fmt::format("operands of different shapes; got {} and {}, expected equal ones",
                            gradus::to_string(x.type()), gradus::to_string(y.type())),
                where_, "reshape one of them"});
  }
  const DType dtype = promoted(x.dtype(), y.dtype());
  const Shape shape = x.rank() > 0 ? x.shape() : y.shape();
  const auto fit = [&](Tensor& t) {
    if (t.dtype() != dtype) t = astype(t, dtype);
    if (t.shape() != shape) t = broadcast_to(t, shape);
  };
  fit(x);
  fit(y);
  return {x, y};
}

Tensor Operands::is_label(const Tensor& logits, const Arg& labels, int axis) const {
  const Tensor numbers = labels.is_tensor() ? labels.tensor() : full({}, labels);
  if (!is_integer(numbers.dtype(where_))) {
    throw DTypeError(Message{
        loss_,
        fmt::format("labels must be class numbers; got {}", gradus::to_string(numbers.type())),
        where_, "give integers, or use softmax_cross_entropy for one-hot labels"});
  }
  const int rank = logits.rank();
  if (axis < -rank || axis >= rank) {
    throw ValueError(
        Message{loss_, fmt::format("axis {} of logits {}", axis, gradus::to_string(logits.type())),
                where_, "name an axis that the logits have"});
  }
  if (axis < 0) axis += rank;
  const Shape expected = logits.shape().without(axis);
  if (numbers.shape() != expected) {
    throw ShapeError(
        Message{loss_,
                fmt::format("labels do not fit logits {}; got {}, expected shape {}",
                            gradus::to_string(logits.type()), gradus::to_string(numbers.type()),
                            gradus::to_string(expected)),
                where_, "give one class number for each example"});
  }
  Shape classes = logits.shape();
  for (int d = 0; d < rank; ++d)
    classes = d == axis ? classes : classes.with(d, 1);
  // Wide enough that a number that is no class stays none.
  const bool narrow = numbers.dtype() == DType::I32 || size_of(numbers.dtype()) < 4;
  const DType dtype = narrow ? DType::I32 : DType::I64;
  const Tensor wide = astype(expand_dims(numbers, axis), dtype);
  return wide == iota(classes, axis, dtype);
}

void Operands::require(bool holds, const char* what, const char* remedy) const {
  if (!holds) throw ValueError(Message{loss_, what, where_, remedy});
}

Tensor reduced(const Tensor& values, Reduction reduction) {
  switch (reduction) {
    case Reduction::None:
      return values;
    case Reduction::Mean:
      return mean(values);
    case Reduction::Sum:
      return sum(values);
  }
  __builtin_unreachable();
}

Tensor weighted(const Tensor& weight, const Tensor& value) {
  const Tensor moot = logical_and(weight == 0, abs(value) == INFINITY);
  return weight * where(moot, 0, value);
}

// With d = logits - max: log Σ exp(d) · Σ labels - Σ labels · d. What is taken away at labels of 0
// is told from d, so that the gradient needs no logarithm.
Tensor cross_entropy_of_logits(const Tensor& logits, const Tensor& labels, int axis) {
  const Tensor d = logits - stop_gradient(max(logits, axis, true));
  const Tensor moot = logical_and(labels == 0, d == -INFINITY);
  const Tensor own = sum(labels * where(moot, 0, d), axis);
  return log(sum(exp(d), axis)) * sum(labels, axis) - own;
}

}  // namespace gradus::losses
