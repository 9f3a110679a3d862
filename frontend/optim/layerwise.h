// Optimisers that scale by the norms of whole parameters, or treat them as matrices.
#pragma once

#include <array>
#include <optional>

#include <gradus/optim/adam.h>

namespace gradus::optim {

struct LambOptions {
  double b1 = 0.9;
  double b2 = 0.999;
  double eps = 1e-6;
  double eps_root = 0;
  double weight_decay = 0;
  /// Which parameters decay.
  Mask mask = {};
};

/// d = Adam's direction + weight_decay · param; update = -learning_rate · d · |param| / |d|, the
/// quotient being 1 where a norm is 0 (You et al. 2019, arXiv:1904.00962), as in Optax.
Optimizer lamb(Schedule learning_rate, LambOptions options = {});

struct LarsOptions {
  double weight_decay = 0;
  double trust_coefficient = 1e-3;
  double eps = 0;
  double momentum = 0.9;
  bool nesterov = false;
  /// Which parameters decay, and which are scaled by their norm.
  Mask weight_decay_mask = {};
  Mask trust_ratio_mask = {};
};

/// d = g + weight_decay · param, times trust_coefficient · |param| / (|d| + eps) where no norm is
/// 0; then momentum on -learning_rate · d (You et al. 2017, arXiv:1708.03888), as in Optax.
Optimizer lars(Schedule learning_rate, LarsOptions options = {});

struct AdafactorOptions {
  /// Averages of matrices and larger are kept by rows and columns if the second longest axis has
  /// this extent at least.
  int64_t min_dim_size_to_factor = 128;
  bool factored = true;
  /// The average's decay is 1 - t^-decay_rate.
  double decay_rate = 0.8;
  bool multiply_by_parameter_scale = true;
  std::optional<double> clipping_threshold = 1.0;
  std::optional<double> momentum = {};
  std::optional<double> weight_decay_rate = {};
  double eps = 1e-30;
  /// Which parameters decay.
  Mask mask = {};
};

/// Adafactor (Shazeer and Stern 2018, arXiv:1804.04235), as in Optax: g divided by the root of its
/// averaged square, of which matrices keep only the means of rows and of columns; clipped to
/// root mean square clipping_threshold; times the learning rate (if any) and the parameter's root
/// mean square, at least 0.001.
Optimizer adafactor(std::optional<Schedule> learning_rate = {}, AdafactorOptions options = {});

struct MuonOptions {
  std::array<double, 3> coefficients = {3.4445, -4.7750, 2.0315};
  int iterations = 5;
  double beta = 0.95;
  double eps = 1e-8;
  double weight_decay = 0;
  bool nesterov = true;
  /// Of the parameters that are no matrices.
  AdamOptions adam = {};
  /// Theirs; the same as the matrices' unless given.
  std::optional<Schedule> adam_learning_rate = {};
};

/// For matrices [in, out]: the averaged gradient (with Nesterov's acceleration) is made nearly
/// orthogonal by Newton-Schulz iterations X = a X + (b X Xᵀ + c (X Xᵀ)²) X from X / |X|, and scaled
/// by √max(1, out / in); Adam, accelerated likewise, for all others (Jordan et al. 2024; as in
/// Optax).
Optimizer muon(Schedule learning_rate, MuonOptions options = {});

/// update · coefficient · |param| / (|update| + eps), unchanged where a norm is 0.
Optimizer scale_by_trust_ratio(double trust_coefficient = 1, double eps = 0);

}  // namespace gradus::optim
