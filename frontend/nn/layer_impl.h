// How layers are made. Internal to nn.
#pragma once

#include "frontend/nn/module.h"

namespace gradus::nn::detail {

using gradus::detail::LibraryCall;

class FunctionOfScope : public Layer {
 public:
  FunctionOfScope(std::string name, std::string description, Module::Function f)
      : name_(std::move(name)), description_(std::move(description)), f_(std::move(f)) {}
  Tensor call(Scope& scope, const Tensor& x) const override { return f_(scope, x); }
  std::string name() const override { return name_; }
  std::string description() const override { return description_; }

 private:
  std::string name_, description_;
  Module::Function f_;
};

inline Module make_layer(std::string name, std::string description, Module::Function f) {
  return Module(
      std::make_shared<FunctionOfScope>(std::move(name), std::move(description), std::move(f)));
}

}  // namespace gradus::nn::detail
