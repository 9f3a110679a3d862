// What must hold of every graph's derivatives and of its batched form. Each check returns an empty
// text, or what went wrong. Graphs are in f64 and evaluated by the reference evaluator.
#pragma once

#include <string>

#include "tests/support/arrays.h"
#include "tests/support/op_samples.h"

namespace gradus::testing {

/// jvp(f) along random tangents of the inputs `wrt` against central differences.
std::string check_jvp(const ir::Graph& f, const Arrays& inputs, std::span<const int> wrt,
                      Random& random, double tolerance = 1e-6, double step = 1e-5);
/// <ct, J t> = <J^T ct, t>.
std::string check_transpose(const ir::Graph& f, const Arrays& inputs, std::span<const int> wrt,
                            Random& random, double tolerance = 1e-10);
/// The derivative by one input alone is the component of the derivative by all, NaN or not.
std::string check_subsets(const ir::Graph& f, const Arrays& inputs, Random& random);
/// batch(f) is f on each example. in_axes as in transforms::batch; out axes alternate between first
/// and last.
std::string check_batch(const ir::Graph& f, std::span<const int> in_axes, int64_t size,
                        std::span<const Domain> domains, Random& random, double tolerance = 1e-12);

/// f's derivative as a graph of its own: inputs…, cotangents… -> gradients….
ir::Graph pullback(const ir::Graph& f, std::span<const int> wrt);

}  // namespace gradus::testing
