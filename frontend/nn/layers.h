// Layers. Data has its channels last: [n, spatial…, channels]; a layer also takes one example
// without the axis n, so that a model can be written for one and batched by vmap. Numbers of inputs
// follow from the first input, or are given (`inputs`) and then checked.
#pragma once

#include <gradus/nn/module.h>
#include <gradus/window.h>

namespace gradus::nn {

struct LinearOptions {
  bool bias = true;
  Initializer w_init = fan_in_truncated_normal();
  Initializer b_init = 0.0;
  int64_t inputs = 0;  // 0: whatever comes
  std::string name = "linear";
};

/// x [..., in] -> x · w + b [..., outputs]; parameters w [in, outputs], b [outputs].
class Linear : public Module {
 public:
  explicit Linear(int64_t outputs, const LinearOptions& options = {});
};
using Dense = Linear;

struct ConvOptions {
  Dims stride = 1;
  Padding padding = "VALID";
  Dims dilation = 1;
  int64_t groups = 1;
  /// The mathematician's convolution, as in Flux.
  bool flip = false;
  bool bias = true;
  Initializer w_init = fan_in_truncated_normal();
  Initializer b_init = 0.0;
  int64_t inputs = 0;
  std::string name = "";  // "conv2d" by itself
};

/// A convolution with `outputs` channels; `window` has one number for each of 1 to 3 spatial axes.
/// Parameters w [taps…, in / groups, outputs], b [outputs]. See gradus::conv.
class Conv : public Module {
 public:
  Conv(int64_t outputs, Dims window, const ConvOptions& options = {});
};
/// With one number, the same window along all axes.
class Conv1D : public Conv {
 public:
  Conv1D(int64_t outputs, Dims window, const ConvOptions& options = {});
};
class Conv2D : public Conv {
 public:
  Conv2D(int64_t outputs, Dims window, const ConvOptions& options = {});
};
class Conv3D : public Conv {
 public:
  Conv3D(int64_t outputs, Dims window, const ConvOptions& options = {});
};

struct ConvTransposeOptions {
  Dims stride = 1;
  Padding padding = 0;
  Dims dilation = 1;
  int64_t groups = 1;
  bool flip = false;
  bool bias = true;
  Initializer w_init = fan_in_truncated_normal();
  Initializer b_init = 0.0;
  int64_t inputs = 0;
  std::string name = "";  // "conv2d_transpose" by itself
};

/// The transpose of a convolution; see gradus::conv_transpose.
class ConvTranspose : public Module {
 public:
  ConvTranspose(int64_t outputs, Dims window, const ConvTransposeOptions& options = {});
};

/// Pooling; see gradus::max_pool. The window has one number for each spatial axis, or one for all
/// axes but the first and last of a batch.
class MaxPool : public Module {
 public:
  explicit MaxPool(Dims window, const PoolOptions& options = {});
};
class AvgPool : public Module {
 public:
  explicit AvgPool(Dims window, const AveragePoolOptions& options = {});
};
class AdaptiveMaxPool : public Module {
 public:
  explicit AdaptiveMaxPool(Dims places);
};
class AdaptiveAvgPool : public Module {
 public:
  explicit AdaptiveAvgPool(Dims places);
};

/// The axes from `first` on merged, in row-major order: [n, …] -> [n, features]; Flatten(0) for one
/// example.
class Flatten : public Module {
 public:
  explicit Flatten(int first = 1);
};

/// Each element is 0 with probability `rate` while training, the others are divided by 1 - rate.
/// The key is the run's if it has one, else one that stands in the state ("dropout/key") and goes
/// on from call to call.
class Dropout : public Module {
 public:
  explicit Dropout(double rate);
};

struct EmbeddingOptions {
  Initializer w_init = truncated_normal_init(1);
  std::string name = "embed";
};
/// ids [...] of integers -> rows of a table [..., features]; parameter embeddings
/// [count, features]. Ids out of range are clamped.
class Embedding : public Module {
 public:
  Embedding(int64_t count, int64_t features, const EmbeddingOptions& options = {});
};

/// A function of a tensor as a layer with a name.
class Lambda : public Module {
 public:
  Lambda(std::string name, std::function<Tensor(const Tensor&)> f);
};

/// A block of layers under one name: parameters are "name/linear/w".
class Block : public Module {
 public:
  Block(std::string name, Module inner) : Module(inner.named(std::move(name))) {}
};

/// One after another.
class Sequential : public Module {
 public:
  Sequential(std::initializer_list<Module> layers);
  explicit Sequential(std::vector<Module> layers);
};

enum class Combine : uint8_t { Concatenate, Sum, Product, Mean };

/// Every branch on the same input; results are joined along the last axis, or combined.
class Parallel : public Module {
 public:
  explicit Parallel(std::vector<Module> branches, Combine combine = Combine::Concatenate);
};

/// inner(x) + x, or combine(inner(x), x).
class Skip : public Module {
 public:
  explicit Skip(Module inner);
  Skip(Module inner, std::function<Tensor(const Tensor&, const Tensor&)> combine);
};

}  // namespace gradus::nn
