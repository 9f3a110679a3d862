#include "frontend/nn/transform.h"

#include "frontend/nn/dropout.h"
#include "frontend/nn/layer_impl.h"
#include "frontend/nn/scope_state.h"

namespace gradus::nn {

namespace {

std::string name_of(const Module& module) {
  const std::string name = module.layer().name();
  return name.empty() ? "group" : name;
}

}  // namespace

Bound::Bound(Scope& scope, Module module)
    : scope_(&scope), module_(std::move(module)), path_(scope.take_path(name_of(module_))) {}

Tensor Bound::operator()(const Tensor& x) const {
  return scope_->within(path_, module_.description(), x,
                        [&](const Tensor& x) { return module_.layer().call(*scope_, x); });
}

Bound bind(Scope& scope, const Module& module) {
  return Bound(scope, module);
}
Bound linear(Scope& scope, int64_t outputs, const LinearOptions& options) {
  return Bound(scope, Linear(outputs, options));
}
Bound conv1d(Scope& scope, int64_t outputs, Dims window, const ConvOptions& options) {
  return Bound(scope, Conv1D(outputs, window, options));
}
Bound conv2d(Scope& scope, int64_t outputs, Dims window, const ConvOptions& options) {
  return Bound(scope, Conv2D(outputs, window, options));
}
Bound conv3d(Scope& scope, int64_t outputs, Dims window, const ConvOptions& options) {
  return Bound(scope, Conv3D(outputs, window, options));
}
Bound embedding(Scope& scope, int64_t count, int64_t features, const EmbeddingOptions& options) {
  return Bound(scope, Embedding(count, features, options));
}
Bound batch_norm(Scope& scope, const BatchNormOptions& options) {
  return Bound(scope, BatchNorm(options));
}
Bound layer_norm(Scope& scope, const LayerNormOptions& options) {
  return Bound(scope, LayerNorm(options));
}
Bound group_norm(Scope& scope, int64_t groups, const GroupNormOptions& options) {
  return Bound(scope, GroupNorm(groups, options));
}
Bound rms_norm(Scope& scope, const RMSNormOptions& options) {
  return Bound(scope, RMSNorm(options));
}

Tensor dropout(Scope& scope, double rate, const Tensor& x) {
  const detail::LibraryCall call("nn::dropout", scope.where());
  detail::expect_rate(scope, "nn::dropout", rate);
  if (!scope.is_training() || rate == 0) return x;
  return detail::dropped(scope.next_key(), rate, x);
}

Tensor block(Scope& scope, const std::string& name, const Tensor& x,
             const std::function<Tensor(const Tensor&)>& body) {
  return scope.within(scope.take_path(name), name, x, body);
}

namespace detail {

std::unique_ptr<Scope> init_scope(SourcePos where) {
  auto state = std::make_unique<ScopeState>(Mode::Train, where);
  // Parameters outside all layers are the function's own.
  state->records.push_back({.description = "function", .is_group = true});
  state->frames.back().record = 0;
  return std::make_unique<Scope>(std::move(state));
}

Variables initialize(Scope& scope, const Tensor& key) {
  return initialize(scope.internals(), key);
}

Summary summary_of(Scope& scope) {
  return summary_of(scope.internals());
}

std::unique_ptr<Scope> apply_scope(const Params& params, const State& state, const Run& run,
                                   SourcePos where) {
  return std::make_unique<Scope>(std::make_unique<ScopeState>(params, state, run, where));
}

State take_state(Scope& scope) {
  return std::move(scope.internals().state);
}

}  // namespace detail
}  // namespace gradus::nn
