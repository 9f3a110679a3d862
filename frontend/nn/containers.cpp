// Layers made of layers. They are groups: without a name of their own, so that parameters are named
// as if their layers stood beside each other.
#include <fmt/format.h>

#include "frontend/nn/layer_impl.h"
#include "frontend/nn/layers.h"

namespace gradus::nn {

using detail::LibraryCall;
using detail::make_layer;

namespace {

Tensor combined(Combine combine, const std::vector<Tensor>& results) {
  if (combine == Combine::Concatenate) return concatenate(results, -1);
  Tensor y = results[0];
  for (size_t i = 1; i < results.size(); ++i)
    y = combine == Combine::Product ? y * results[i] : y + results[i];
  return combine == Combine::Mean ? y / static_cast<double>(results.size()) : y;
}

const char* name_of(Combine combine) {
  switch (combine) {
    case Combine::Concatenate:
      return "concatenate";
    case Combine::Sum:
      return "sum";
    case Combine::Product:
      return "product";
    case Combine::Mean:
      break;
  }
  return "mean";
}

Module skip_layer(Module inner, std::function<Tensor(const Tensor&, const Tensor&)> combine) {
  return make_layer("", "Skip", [=](Scope& scope, const Tensor& x) {
    const Tensor y = inner(scope, x);
    const LibraryCall call("nn::Skip", scope.where());
    if (combine) return combine(y, x);
    if (y.type() != x.type()) {
      throw ShapeError(Message{
          "nn::Skip",
          fmt::format("what is skipped changes the type; got {} beside {}, expected equal types",
                      to_string(y.type()), to_string(x.type())),
          scope.where(), "give a function that combines them, or layers that keep the shape"});
    }
    return y + x;
  });
}

}  // namespace

Sequential::Sequential(std::initializer_list<Module> layers)
    : Sequential(std::vector<Module>(layers)) {}

Sequential::Sequential(std::vector<Module> layers)
    : Module(
          make_layer("", "Sequential", [layers = std::move(layers)](Scope& scope, const Tensor& x) {
            Tensor y = x;
            for (const Module& m : layers)
              y = m(scope, y);
            return y;
          })) {}

Parallel::Parallel(std::vector<Module> branches, Combine combine)
    : Module(make_layer("", fmt::format("Parallel({})", name_of(combine)),
                        [branches = std::move(branches), combine](Scope& scope, const Tensor& x) {
                          if (branches.empty()) {
                            throw ValueError(Message{"nn::Parallel",
                                                     "no branches; got 0, expected 1 or "
                                                     "more",
                                                     scope.where(), "give at least one branch"});
                          }
                          std::vector<Tensor> results;
                          for (const Module& m : branches)
                            results.push_back(m(scope, x));
                          const LibraryCall call("nn::Parallel", scope.where());
                          return combined(combine, results);
                        })) {}

Skip::Skip(Module inner) : Module(skip_layer(std::move(inner), {})) {}
Skip::Skip(Module inner, std::function<Tensor(const Tensor&, const Tensor&)> combine)
    : Module(skip_layer(std::move(inner), std::move(combine))) {}

}  // namespace gradus::nn
