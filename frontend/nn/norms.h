// Normalisations: (x - mean) / √(variance + epsilon) · scale + offset, the variance being the mean
// squared distance from the mean. Channels stand last; scale begins with 1, offset with 0.
#pragma once

#include <gradus/nn/module.h>

namespace gradus::nn {

struct BatchNormOptions {
  /// How much of the running mean and variance stays at each step in training.
  double decay = 0.9;
  double epsilon = 1e-5;
  bool scale = true, offset = true;
  std::string name = "batch_norm";
};

/// Over all axes but the last: in training by the batch's own mean and variance, of which running
/// averages stand in the state (average = decay · average + (1 - decay) · batch's); in tests by
/// these averages (Ioffe & Szegedy 2015). Parameters scale, offset [channels]; state mean, variance
/// [channels].
class BatchNorm : public Module {
 public:
  explicit BatchNorm(const BatchNormOptions& options = {});
};

struct LayerNormOptions {
  /// The normalised axes; parameters have their shape.
  Axes axes = -1;
  double epsilon = 1e-5;
  bool scale = true, offset = true;
  std::string name = "layer_norm";
};

/// Each example by itself, over its features (Ba et al. 2016). Parameters scale, offset.
class LayerNorm : public Module {
 public:
  explicit LayerNorm(const LayerNormOptions& options = {});
};

struct GroupNormOptions {
  double epsilon = 1e-5;
  bool scale = true, offset = true;
  std::string name = "group_norm";
};

/// Each example and each group of neighbouring channels by itself, over spatial axes too (Wu & He
/// 2018); x [n, spatial…, channels]. Parameters scale, offset [channels].
class GroupNorm : public Module {
 public:
  explicit GroupNorm(int64_t groups, const GroupNormOptions& options = {});
};

/// GroupNorm with one channel in each group (Ulyanov et al. 2016).
class InstanceNorm : public Module {
 public:
  explicit InstanceNorm(const GroupNormOptions& options = {.name = "instance_norm"});
};

struct RMSNormOptions {
  Axes axes = -1;
  double epsilon = 1e-6;
  bool scale = true;
  std::string name = "rms_norm";
};

/// x / √(mean(x²) + epsilon) · scale: no mean is taken away (Zhang & Sennrich 2019).
class RMSNorm : public Module {
 public:
  explicit RMSNorm(const RMSNormOptions& options = {});
};

}  // namespace gradus::nn
