// Optimisers as values, after Optax: a pair of pure functions
//
//   auto opt = optim::chain(optim::clip_by_global_norm(1), optim::adam(1e-3));
//   optim::State state = opt.init(params);
//   auto [updates, next] = opt.update(gradients, state, params);
//   params = optim::apply_updates(params, updates);
//
// over any tree of parameters. Nothing is hidden in the object: what changes stands in the state, a
// tree as well, which is passed through jit, donated and saved like the parameters. Inside a trace
// an update becomes part of the graph; outside, it runs as one compiled program that the optimiser
// keeps.
#pragma once

#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gradus/tree.h>

namespace gradus::optim {

/// Named tensors. Settings are scalars, f64: "adam.learning_rate"; so are counts, i32:
/// "adam.count". What belongs to a parameter is named after its path: "adam.mu/linear/w".
using State = std::map<std::string, Tensor>;

/// Leaves of a tree, each with its path ("linear/w").
struct Leaves {
  std::vector<std::string> paths;
  std::vector<Tensor> tensors;

  size_t size() const { return tensors.size(); }
};

/// Which parameters something is for. Empty: all.
using Mask = tree::Predicate;

class Rule;

class Optimizer {
 public:
  explicit Optimizer(std::shared_ptr<const Rule> rule);

  /// The state before the first update. Throws DTypeError, naming the path, for parameters that are
  /// no floats, ShapeError where a rule does not fit a parameter.
  template <class T>
  State init(const T& params, SourcePos where = SourcePos::here()) const {
    return init_leaves(leaves_of(params), where);
  }

  /// auto [updates, state] = opt.update(gradients, state, params): what to add to the parameters,
  /// and the next state. Throws ShapeError or DTypeError for a gradient unlike its parameter, and
  /// ValueError for a state that was not made for these parameters by this optimiser. Arguments
  /// that are moved in give their memory to the results.
  template <class T>
  std::pair<T, State> update(T gradients, State state, const T& params,
                             SourcePos where = SourcePos::here()) const {
    auto [updates, next] =
        update_leaves(leaves_of_moved(gradients), std::move(state), leaves_of(params), where);
    return {tree_unflatten(std::move(gradients), updates), std::move(next)};
  }

  /// auto [params, state] = opt.step(params, state, gradients): update() and apply_updates() at
  /// once.
  template <class T>
  std::pair<T, State> step(T params, State state, const T& gradients,
                           SourcePos where = SourcePos::here()) const {
    auto [next_params, next] =
        step_leaves(leaves_of_moved(params), std::move(state), leaves_of(gradients), where);
    return {tree_unflatten(std::move(params), next_params), std::move(next)};
  }

  /// "adam(learning_rate=0.01, b1=0.9, b2=0.999, eps=1e-08)", as it was made.
  std::string to_string() const;
  /// The same with the settings that the state holds now.
  std::string to_string(const State& state) const;
  friend std::ostream& operator<<(std::ostream& out, const Optimizer& optimizer);

  const std::shared_ptr<const Rule>& rule() const { return rule_; }

  /// The same over leaves, for code that has no tree type.
  State init_leaves(const Leaves& params, SourcePos where = SourcePos::here()) const;
  std::pair<std::vector<Tensor>, State> update_leaves(Leaves gradients, State state,
                                                      const Leaves& params,
                                                      SourcePos where = SourcePos::here()) const;
  std::pair<std::vector<Tensor>, State> step_leaves(Leaves params, State state,
                                                    const Leaves& gradients,
                                                    SourcePos where = SourcePos::here()) const;

 private:
  template <class T>
  static Leaves leaves_of(const T& tree) {
    return {tree::paths(tree), tree_leaves(tree)};
  }
  /// Leaves the tree without handles, or the memory could not be given away.
  template <class T>
  static Leaves leaves_of_moved(T& tree) {
    Leaves leaves{tree::paths(tree), {}};
    for (Tensor* leaf : gradus::detail::leaves_of(gradus::detail::tree_ref(tree)))
      leaves.tensors.push_back(std::move(*leaf));
    return leaves;
  }

  struct Programs;
  std::shared_ptr<const Rule> rule_;
  std::shared_ptr<const Programs> programs_;
};

namespace detail {
std::vector<Tensor> apply_updates(const Leaves& params, const std::vector<Tensor>& updates,
                                  SourcePos where);
}  // namespace detail

/// params + updates, leaf by leaf, in the parameters' element types.
template <class T>
T apply_updates(const T& params, const T& updates, SourcePos where = SourcePos::here()) {
  gradus::detail::expect_same_structure("apply_updates", gradus::detail::tree_ref(params),
                                        gradus::detail::tree_ref(updates), 1, where);
  const Leaves leaves{tree::paths(params), tree_leaves(params)};
  return tree_unflatten(params, detail::apply_updates(leaves, tree_leaves(updates), where));
}

/// Applies the optimisers one after another, each to the updates of the one before.
Optimizer chain(std::vector<Optimizer> parts);
template <class... Rest>
Optimizer chain(Optimizer first, Rest... rest) {
  return chain(std::vector<Optimizer>{std::move(first), std::move(rest)...});
}

/// Sets a scalar of the state: "learning_rate" in every part that has one, "adam.learning_rate" in
/// one. The type of the state stays what it was, so nothing compiles again. Throws ValueError,
/// listing what the state has, if it has no such scalar (a setting that follows a schedule is
/// none).
void set_hyperparameter(State& state, const std::string& name, Arg value);
/// Its value. Throws ValueError if there is none, or if there are several.
Tensor hyperparameter(const State& state, const std::string& name,
                      SourcePos where = SourcePos::here());

}  // namespace gradus::optim
