#include "frontend/nn/module.h"

#include "frontend/nn/layer_impl.h"
#include "frontend/nn/scope_state.h"

namespace gradus::nn {

using detail::ScopeState;

namespace {

class NamedLayer : public detail::Layer {
 public:
  NamedLayer(std::string name, Module inner) : name_(std::move(name)), inner_(std::move(inner)) {}
  Tensor call(Scope& scope, const Tensor& x) const override {
    return inner_.layer().call(scope, x);
  }
  std::string name() const override { return name_; }
  std::string description() const override { return inner_.layer().description(); }

 private:
  std::string name_;
  Module inner_;
};

}  // namespace

Module::Module(std::string name, Function f)
    : layer_(std::make_shared<detail::FunctionOfScope>(name, name, std::move(f))) {}

Module Module::named(std::string name) const {
  return Module(std::make_shared<NamedLayer>(std::move(name), *this));
}

Tensor Module::operator()(Scope& scope, const Tensor& x) const {
  const auto body = [&](const Tensor& x) { return layer_->call(scope, x); };
  const std::string name = layer_->name();
  if (name.empty()) return scope.group(layer_->description(), x, body);
  return scope.within(scope.take_path(name), layer_->description(), x, body);
}

Variables Module::init(const Tensor& key, const Tensor& example, SourcePos where) const {
  const auto described = detail::describe(*this, example.type(where), Mode::Train, where);
  return detail::initialize(*described, key);
}

Applied Module::apply(const Params& params, const State& state, const Tensor& x, Run run,
                      SourcePos where) const {
  Scope scope(std::make_unique<ScopeState>(params, state, run, where));
  const Tensor y = (*this)(scope, x);
  return {y, std::move(scope.internals().state)};
}

Tensor Module::apply(const Params& params, const Tensor& x, Run run, SourcePos where) const {
  return apply(params, State{}, x, std::move(run), where).output;
}

Type Module::output_type(const Type& input, SourcePos where) const {
  const auto described = detail::describe(*this, input, Mode::Train, where);
  return described->records.at(0).output.value();
}

}  // namespace gradus::nn
