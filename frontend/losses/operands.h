// What the losses share. Internal.
#pragma once

#include "frontend/composite.h"
#include "frontend/losses/reduction.h"
#include "frontend/ops.h"

namespace gradus::losses {

/// The operands of one loss.
class Operands {
 public:
  Operands(const char* loss, SourcePos where) : loss_(loss), where_(where) {}

  /// As floats.
  Tensor real(const Arg& x) const;
  /// As floats of one type and shape: scalars stretch. ShapeError for other shapes.
  std::pair<Tensor, Tensor> alike(const Arg& a, const Arg& b) const;
  /// one-hot[…] of the class numbers, as bools of the logits' shape. ShapeError, DTypeError.
  Tensor is_label(const Tensor& logits, const Arg& labels, int axis) const;
  /// ValueError unless `holds`.
  void require(bool holds, const char* what, const char* remedy) const;

 private:
  const char* loss_;
  SourcePos where_;
};

Tensor reduced(const Tensor& values, Reduction reduction);

/// weight · value, where no weight takes away an infinite value.
Tensor weighted(const Tensor& weight, const Tensor& value);

/// -Σ labels · log_softmax(logits) along the axis.
Tensor cross_entropy_of_logits(const Tensor& logits, const Tensor& labels, int axis);

/// The frame of every loss: `body(operands)` as one operation.
template <class F>
Tensor loss(const char* name, SourcePos where, Reduction reduction, F body) {
  return composite(name, where, [&] { return reduced(body(Operands(name, where)), reduction); });
}

}  // namespace gradus::losses
