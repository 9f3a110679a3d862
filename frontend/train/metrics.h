// Numbers about a model on a data set, in bounded memory.
#pragma once

#include <cstdint>

#include <gradus/ops.h>
#include <gradus/runtime/error.h>

namespace gradus::train {

/// How many rows of scores [n, classes] have their largest entry, the first of equal ones, at the
/// label; labels [n] of any integer type, or one-hot [n, classes]. f32[].
Tensor correct(const Tensor& scores, const Tensor& labels, SourcePos where = SourcePos::here());

/// correct() as a share of the rows: f32[].
Tensor accuracy(const Tensor& scores, const Tensor& labels, SourcePos where = SourcePos::here());

namespace detail {
double mean_of(double sum, int64_t items);
}  // namespace detail

/// The mean over all items of `batches`, where f(batch) is the sum over the items of a batch
/// (f32[]). No more than one batch is in memory.
///
///     auto parts = data::batches(test, {.size = 1000});
///     double share = train::mean_over(parts, [&](auto& b) {
///       return correct(predict(params, b.images), b.labels);
///     });
template <class Batches, class F>
double mean_over(const Batches& batches, F&& f) {
  double sum = 0;
  for (auto& batch : batches.epoch(0))
    sum += f(batch).template item<float>();
  return detail::mean_of(sum, batches.items());
}

}  // namespace gradus::train
