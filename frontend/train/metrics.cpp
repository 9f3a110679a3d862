#include "frontend/train/metrics.h"

#include <fmt/format.h>

#include "frontend/composite.h"

namespace gradus::train {
namespace {

Tensor hits(const char* op, const Tensor& scores, const Tensor& labels, SourcePos where) {
  const Shape& shape = scores.shape(where);
  const bool is_one_hot = labels.rank(where) == 2 && labels.shape() == shape;
  const bool is_index = labels.rank() == 1 && shape.rank() == 2 && labels.shape()[0] == shape[0];
  if (shape.rank() != 2 || !(is_one_hot || is_index)) {
    throw ShapeError({.op = op,
                      .what = fmt::format("scores and labels do not fit; got {} and {}, expected "
                                          "[n,classes] with [n] or [n,classes]",
                                          to_string(scores.type()), to_string(labels.type())),
                      .where = where,
                      .remedy = "give one row of scores for each label"});
  }
  const Tensor wanted = is_one_hot ? argmax(labels, 1) : labels;
  return astype(argmax(scores, 1) == wanted, DType::F32);
}

}  // namespace

Tensor correct(const Tensor& scores, const Tensor& labels, SourcePos where) {
  return composite("correct", where, [&] { return sum(hits("correct", scores, labels, where)); });
}

Tensor accuracy(const Tensor& scores, const Tensor& labels, SourcePos where) {
  return composite("accuracy", where,
                   [&] { return mean(hits("accuracy", scores, labels, where)); });
}

double detail::mean_of(double sum, int64_t items) {
  if (items == 0) {
    throw ValueError({.op = "mean_over",
                      .what = "the mean of nothing; got 0 items, expected 1 or more",
                      .remedy = "check the data set"});
  }
  return sum / static_cast<double>(items);
}

}  // namespace gradus::train
