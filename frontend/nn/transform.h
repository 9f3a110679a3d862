// Haiku's style: a plain function that creates its layers where it uses them becomes a pair of pure
// functions, init and apply.
//
//   auto net = nn::transform([](nn::Scope& s, const Tensor& x) {
//     Tensor y = relu(nn::linear(s, 300)(x));
//     return nn::linear(s, 10)(y);
//   });
//   nn::Params params = net.init(key, x).params;     // "linear/w", "linear/b", "linear_1/w", …
//   Tensor logits = net.apply(params, x);
//
// Names, the order in which parameters are made and the sequence of their keys are Haiku's: names
// are given when a layer is created; each random parameter takes the next key of the sequence that
// begins with init's key. A layer called twice has its parameters once.
#pragma once

#include <gradus/eval_shape.h>
#include <gradus/nn/layers.h>
#include <gradus/nn/norms.h>
#include <gradus/nn/summary.h>

namespace gradus::nn {

/// A layer in a place of a scope.
class Bound {
 public:
  Bound(Scope& scope, Module module);
  Tensor operator()(const Tensor& x) const;

 private:
  Scope* scope_;
  Module module_;
  std::string path_;
};

/// Any module as a layer of the function.
Bound bind(Scope& scope, const Module& module);
Bound linear(Scope& scope, int64_t outputs, const LinearOptions& options = {});
Bound conv1d(Scope& scope, int64_t outputs, Dims window, const ConvOptions& options = {});
Bound conv2d(Scope& scope, int64_t outputs, Dims window, const ConvOptions& options = {});
Bound conv3d(Scope& scope, int64_t outputs, Dims window, const ConvOptions& options = {});
Bound embedding(Scope& scope, int64_t count, int64_t features,
                const EmbeddingOptions& options = {});
Bound batch_norm(Scope& scope, const BatchNormOptions& options = {});
Bound layer_norm(Scope& scope, const LayerNormOptions& options = {});
Bound group_norm(Scope& scope, int64_t groups, const GroupNormOptions& options = {});
Bound rms_norm(Scope& scope, const RMSNormOptions& options = {});

/// In training, each element is 0 with probability `rate`, the others are divided by 1 - rate; by
/// the scope's next key.
Tensor dropout(Scope& scope, double rate, const Tensor& x);

/// Runs `body` under a name: its layers' parameters are "name/linear/w".
Tensor block(Scope& scope, const std::string& name, const Tensor& x,
             const std::function<Tensor(const Tensor&)>& body);

namespace detail {

std::unique_ptr<Scope> init_scope(SourcePos where);
Variables initialize(Scope& scope, const Tensor& key);
Summary summary_of(Scope& scope);
std::unique_ptr<Scope> apply_scope(const Params& params, const State& state, const Run& run,
                                   SourcePos where);
State take_state(Scope& scope);

/// Parameters, and the line where they were given.
struct GivenParams {
  GivenParams(const Params& params, SourcePos where = SourcePos::here())
      : params(params), where(where) {}
  const Params& params;
  SourcePos where;
};

}  // namespace detail

/// What run returns.
template <class R>
struct Ran {
  R output;
  State state;
};

/// See transform().
template <class F>
class Transformed {
 public:
  explicit Transformed(F f) : f_(std::move(f)) {}

  /// Parameters and state for arguments of these types.
  template <class... A>
  Variables init(Arg key, const A&... args) const {
    const auto scope = describe(key.where(), args...);
    return detail::initialize(*scope, key.tensor());
  }

  /// The function of arguments and parameters, in the mode Test, without state or keys.
  template <class... A>
  auto apply(detail::GivenParams params, const A&... args) const {
    const auto scope = detail::apply_scope(params.params, {}, {}, params.where);
    return f_(*scope, args...);
  }

  /// auto [y, next] = net.run(params, state, {nn::Mode::Train, key}, x);
  template <class... A>
  auto run(detail::GivenParams params, const State& state, const Run& run, const A&... args) const {
    const auto scope = detail::apply_scope(params.params, state, run, params.where);
    auto output = f_(*scope, args...);
    return Ran<decltype(output)>{std::move(output), detail::take_state(*scope)};
  }

  template <class... A>
  Summary summary(const A&... args) const {
    return detail::summary_of(*describe({}, args...));
  }

 private:
  template <class... A>
  std::unique_ptr<Scope> describe(SourcePos where, const A&... args) const {
    auto scope = detail::init_scope(where);
    eval_shape([&](const A&... traced) { return f_(*scope, traced...); }, args...);
    return scope;
  }

  F f_;
};

/// f(scope, args…) -> tree.
template <class F>
Transformed<std::decay_t<F>> transform(F&& f) {
  return Transformed<std::decay_t<F>>(std::forward<F>(f));
}

}  // namespace gradus::nn
