// Losses of sequences.
#pragma once

#include <gradus/losses/reduction.h>

namespace gradus::losses {

/// Connectionist temporal classification (Graves et al. 2006): by example, -log of the probability
/// that logits f[batch, time, classes] spell the labels [batch, length] (integers), when every path
/// of classes is read without repetitions and then without blanks. `times` and `lengths` (integers
/// [batch], at most time and length) say how much of each row counts. Infinite, with gradient 0,
/// where time is too short. The graph grows with time: a kernel for each step. Throws ShapeError,
/// DTypeError, and ValueError for a blank that is no class.
Tensor ctc_loss(Arg logits, Arg times, Arg labels, Arg lengths, int blank = 0,
                Reduction reduction = Reduction::None);

}  // namespace gradus::losses
