#include "frontend/losses/sequence.h"

#include <cmath>

#include <fmt/format.h>

#include "frontend/losses/operands.h"

namespace gradus::losses {
namespace {

/// The logarithm of 0: so far down that nothing comes up again, but finite, so that differences of
/// two such are no NaN.
constexpr double kNever = -1e30;

Tensor log_sum(const Tensor& a, const Tensor& b, const Tensor& c) {
  const Tensor top = stop_gradient(maximum(maximum(a, b), c));
  return top + log(exp(a - top) + exp(b - top) + exp(c - top));
}

/// x[:, s - by], kNever at the beginning.
Tensor shifted(const Tensor& x, int64_t by) {
  return pad(x, {0, by}, {0, -by}, kNever);
}

/// -log Σ over the paths through states blank, label 1, blank, …, label n, blank.
Tensor forward(const Tensor& log_p, const Tensor& times, const Tensor& labels,
               const Tensor& lengths, int blank) {
  const int64_t batch = log_p.shape()[0], steps = log_p.shape()[1], classes = log_p.shape()[2];
  const int64_t length = labels.shape()[1], states = 2 * length + 1;
  const Tensor blanks = full({batch, length + 1, 1}, blank, DType::I32);
  const Tensor pairs = concatenate({slice_axis(blanks, 1, 0, length), expand_dims(labels, 2)}, 2);
  const Tensor spelt = concatenate(
      {reshape(pairs, {batch, 2 * length}), slice_axis(reshape(blanks, {batch, -1}), 1, 0, 1)}, 1);
  const Tensor emitted = einsum("btk,bsk->bts", log_p, one_hot(spelt, classes, log_p.dtype()));
  const auto at = [&](int64_t t) {
    return reshape(slice_axis(emitted, 1, t, t + 1), {batch, states});
  };

  // A blank may be left out between two different labels.
  const Tensor state = iota({batch, states}, 1);
  const Tensor two_before = pad(spelt, {0, 2}, {0, -2}, blank);
  const Tensor skips = logical_and(spelt != blank, spelt != two_before);

  Tensor alpha = where(state < 2, at(0), kNever);
  for (int64_t t = 1; t < steps; ++t) {
    const Tensor skipped = states > 2 ? shifted(alpha, 2) : full_like(alpha, kNever);
    const Tensor before = states > 1 ? shifted(alpha, 1) : full_like(alpha, kNever);
    const Tensor next = log_sum(alpha, before, where(skips, skipped, kNever)) + at(t);
    alpha = where(expand_dims(times, 1) > t, next, alpha);
  }
  const Tensor last = 2 * expand_dims(lengths, 1);
  const Tensor ends = logical_or(state == last, state == last - 1);
  const Tensor value = -logsumexp(where(ends, alpha, kNever), 1);
  return where(value < -kNever / 2, value, INFINITY);
}

}  // namespace

Tensor ctc_loss(Arg logits, Arg times, Arg labels, Arg lengths, int blank, Reduction reduction) {
  const SourcePos position = logits.where();
  return loss("ctc_loss", position, reduction, [&](const Operands& of) {
    const Tensor x = of.real(logits);
    const auto integers = [&](const Arg& a) {
      const Tensor n = a.is_tensor() ? a.tensor() : full({}, a);
      if (!is_integer(n.dtype(position))) {
        throw DTypeError(Message{
            "ctc_loss", fmt::format("got {}, expected integers", gradus::to_string(n.type())),
            position, "times, labels and lengths are integers"});
      }
      return n.dtype() == DType::I32 ? n : astype(n, DType::I32);
    };
    const Tensor t = integers(times), y = integers(labels), n = integers(lengths);
    const Shape rows = x.rank() == 3 ? Shape{x.shape()[0]} : Shape{};
    if (x.rank() != 3 || y.rank() != 2 || y.shape()[0] != rows[0] || t.shape() != rows ||
        n.shape() != rows) {
      throw ShapeError(
          Message{"ctc_loss",
                  fmt::format("got logits {}, times {}, labels {}, lengths {}; expected "
                              "[batch,time,classes], [batch], [batch,length], [batch]",
                              gradus::to_string(x.type()), gradus::to_string(t.type()),
                              gradus::to_string(y.type()), gradus::to_string(n.type())),
                  position, "pad rows to one length"});
    }
    of.require(x.shape()[1] > 0, "there is no time step", "give at least one");
    of.require(blank >= 0 && blank < x.shape()[2], "the blank is no class",
               "count it among the classes of the logits");
    return forward(log_softmax(x, -1), t, y, n, blank);
  });
}

}  // namespace gradus::losses
