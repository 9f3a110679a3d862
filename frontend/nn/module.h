// Layers and models as values. A Module is copied freely and holds no tensors: parameters and state
// are trees apart, made by init and passed to apply, so that every transform applies.
//
//   nn::Sequential model{nn::Flatten(), nn::Linear(300), nn::relu, nn::Linear(10)};
//   auto [params, state] = model.init(random::key(0), images);
//   auto [logits, next] = model.apply(params, state, images, nn::Mode::Train);
//
// Any function from tensor to tensor is a module; so is one that takes a Scope and asks it for
// parameters. Within a model, each layer's name is made unique: "linear", "linear_1".
#pragma once

#include <gradus/nn/scope.h>

namespace gradus::nn {

/// What apply returns.
struct Applied {
  Tensor output;
  State state;
};

namespace detail {

/// What a module does. Immutable, shared by copies.
class Layer {
 public:
  virtual ~Layer() = default;
  virtual Tensor call(Scope& scope, const Tensor& x) const = 0;
  /// Its own name, "conv2d"; empty: a group, whose layers are named among its neighbours.
  virtual std::string name() const = 0;
  /// "Conv2D(6, 5×5)".
  virtual std::string description() const = 0;
};

/// Function objects may name themselves as layers: `const char* layer_name`.
template <class F>
std::string name_of_function(const F& f) {
  if constexpr (requires { f.layer_name; }) {
    return f.layer_name;
  } else {
    return "fn";
  }
}

}  // namespace detail

class Module {
 public:
  using Function = std::function<Tensor(Scope&, const Tensor&)>;

  explicit Module(std::shared_ptr<const detail::Layer> layer) : layer_(std::move(layer)) {}
  /// A layer of this name made of a function that asks the scope for what it needs.
  Module(std::string name, Function f);
  template <class F>
  requires(!std::is_base_of_v<Module, F> && std::is_invocable_r_v<Tensor, const F&, const Tensor&>)
      Module(F f)
      : Module(detail::name_of_function(f), [f](Scope&, const Tensor& x) { return Tensor(f(x)); }) {
  }
  template <class F>
  requires(!std::is_base_of_v<Module, F> &&
           std::is_invocable_r_v<Tensor, const F&, Scope&, const Tensor&>) Module(F f)
      : Module(detail::name_of_function(f), Function(std::move(f))) {}

  /// Parameters and state for inputs like `example`, of which only the type counts. Keys are taken
  /// as Haiku takes them: one for each random parameter, in the order in which layers ask. Errors
  /// of shapes name the layer.
  Variables init(const Tensor& key, const Tensor& example,
                 SourcePos where = SourcePos::here()) const;

  /// Output and next state. Throws ValueError for what is missing, ShapeError for what does not
  /// fit, naming layer and parameter.
  Applied apply(const Params& params, const State& state, const Tensor& x, Run run = {},
                SourcePos where = SourcePos::here()) const;
  /// The output of a model without state (or in a mode that reads none).
  Tensor apply(const Params& params, const Tensor& x, Run run = {},
               SourcePos where = SourcePos::here()) const;

  /// The type of the output, computing nothing.
  Type output_type(const Type& input, SourcePos where = SourcePos::here()) const;

  /// As a part of another layer: takes a name in the scope and runs.
  Tensor operator()(Scope& scope, const Tensor& x) const;

  /// The same layer under another name.
  Module named(std::string name) const;

  const detail::Layer& layer() const { return *layer_; }
  std::string description() const { return layer_->description(); }

 private:
  std::shared_ptr<const detail::Layer> layer_;
};

}  // namespace gradus::nn
