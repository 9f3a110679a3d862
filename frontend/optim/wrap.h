// What is built around optimisers: for some parameters only, different ones for different
// parameters, accumulation over several batches, averages, guards.
#pragma once

#include <gradus/optim/optimizer.h>
#include <gradus/optim/schedule.h>

namespace gradus::optim {

/// update + weight_decay · param, for the parameters of the mask:
///   chain(add_decayed_weights(1e-4, [](auto& path, auto& param) { return param.rank() > 1; }),
///         sgd(0.1))
Optimizer add_decayed_weights(Schedule weight_decay, Mask mask = {});

/// `inner` for the parameters of the mask; the updates of others pass unchanged, and have no state.
Optimizer masked(Optimizer inner, Mask mask);

/// Which group a parameter belongs to.
using Label = std::function<std::string(const std::string& path, const Tensor& param)>;
/// One optimiser for each group:
///   partition([](auto& path, auto&) { return path.ends_with("/b") ? "biases" : "weights"; },
///             {{"weights", adamw(1e-3)}, {"biases", sgd(1e-2)}})
/// The state of a group is named after it: "partition.biases.sgd.learning_rate". `name` replaces
/// "partition". ValueError, naming the path, for a label that is no group.
Optimizer partition(Label label, std::map<std::string, Optimizer> groups,
                    std::string name = "partition", SourcePos where = SourcePos::here());

/// No update at all: for groups that stay as they are, or for all.
Optimizer set_to_zero();

/// The mean (or the sum) of `every` gradients makes one update by `inner`; between, updates are 0
/// and its state stays. "multi_steps.every" may be changed in the state.
/// ValueError unless it is at least 1.
Optimizer multi_steps(Optimizer inner, int every, bool use_mean = true,
                      SourcePos where = SourcePos::here());

/// The average of updates: decay · average + (1 - decay) · update, with debias divided by 1 -
/// decay^t.
Optimizer ema(Schedule decay, bool debias = true);

/// `inner`, but if any gradient is not finite: no update, and its state stays. After
/// max_consecutive_errors such steps in a row it updates all the same, so that the NaN is seen.
/// "apply_if_finite.total" counts them.
Optimizer apply_if_finite(Optimizer inner, int max_consecutive_errors = 5);

/// A tree's way towards another: old + step_size · (new - old), for averages of parameters
/// (step_size = 1 - decay) and target networks.
template <class T>
T incremental_update(const T& new_tree, const T& old_tree, Arg step_size);

namespace detail {
std::vector<Tensor> incremental_update(const std::vector<Tensor>& new_leaves,
                                       const std::vector<Tensor>& old_leaves, Arg step_size);
}  // namespace detail

template <class T>
T incremental_update(const T& new_tree, const T& old_tree, Arg step_size) {
  gradus::detail::expect_same_structure("incremental_update", gradus::detail::tree_ref(old_tree),
                                        gradus::detail::tree_ref(new_tree), 0, step_size.where());
  return tree_unflatten(old_tree, detail::incremental_update(tree_leaves(new_tree),
                                                             tree_leaves(old_tree), step_size));
}

}  // namespace gradus::optim
