// Every loss against Optax, PyTorch or Flux's formula: values, and gradients by the first operand,
// in f64, where only a right formula agrees to ten digits; and jitted in f32.
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <functional>
#include <map>

#include <gradus/gradus.h>
#include <gradus/losses.h>

#include "tests/losses/golden.inc"

using namespace gradus;
using losses::Reduction;

namespace {

/// The inputs of the script, in one element type.
struct Inputs {
  explicit Inputs(DType dtype) : dtype(dtype) {}

  Tensor table(const double (&values)[20]) const { return astype(tensor(values, {4, 5}), dtype); }
  Tensor list(const double (&values)[4]) const { return astype(tensor(values, {4}), dtype); }

  DType dtype;
  Tensor x = table(x_values), t = table(t_values), p = table(p_values), q = table(q_values),
         z = table(z_values), s = table(s_values), r = list(r_values), u = list(u_values),
         k = tensor(k_values, {4});
};

struct Loss {
  Tensor first;
  /// Of the first operand and constants.
  std::function<Tensor(const Tensor&, const Inputs&)> value;
};

/// The inputs as constants of the trace that is open.
Inputs constants(const Inputs& in) {
  Inputs c = in;
  for (Tensor* t : {&c.x, &c.t, &c.p, &c.q, &c.z, &c.s, &c.r, &c.u, &c.k})
    *t = constant(*t);
  return c;
}

std::map<std::string, Loss> losses_by_name(const Inputs& i) {
  using namespace losses;
  using T = const Tensor&;
  using I = const Inputs&;
  return {
      {"squared_error", {i.x, [](T a, I i) { return squared_error(a, i.t); }}},
      {"l2_loss", {i.x, [](T a, I i) { return l2_loss(a, i.t); }}},
      {"absolute_error", {i.x, [](T a, I i) { return absolute_error(a, i.t); }}},
      {"squared_log_error", {i.p, [](T a, I i) { return squared_log_error(a, i.q + 0.1); }}},
      {"mse", {i.x, [](T a, I i) { return mse(a, i.t); }}},
      {"mae", {i.x, [](T a, I i) { return mae(a, i.t); }}},
      {"huber_loss", {i.x, [](T a, I i) { return huber_loss(a, i.t, Reduction::None, 1.5); }}},
      {"smooth_l1_loss",
       {i.x, [](T a, I i) { return smooth_l1_loss(a, i.t, Reduction::None, 0.7); }}},
      {"log_cosh", {i.x, [](T a, I i) { return log_cosh(a, i.t); }}},
      {"quantile_loss", {i.x, [](T a, I i) { return quantile_loss(a, i.t, 0.3); }}},
      {"poisson_loss", {i.p, [](T a, I i) { return poisson_loss(a, i.z); }}},
      {"poisson_loss_with_log_rates",
       {i.x, [](T a, I i) { return poisson_loss_with_log_rates(a, i.z); }}},
      {"gaussian_nll", {i.x, [](T a, I i) { return gaussian_nll(a, i.p, i.t); }}},

      {"softmax_cross_entropy", {i.x, [](T a, I i) { return softmax_cross_entropy(a, i.q); }}},
      {"softmax_cross_entropy, axis 0",
       {i.x, [](T a, I i) { return softmax_cross_entropy(a, i.q, Reduction::None, 0); }}},
      {"softmax_cross_entropy, mean",
       {i.x, [](T a, I i) { return softmax_cross_entropy(a, i.q, Reduction::Mean); }}},
      {"softmax_cross_entropy_with_integer_labels",
       {i.x, [](T a, I i) { return softmax_cross_entropy_with_integer_labels(a, i.k); }}},
      {"softmax_cross_entropy, smooth labels",
       {i.x,
        [](T a, I i) {
          return softmax_cross_entropy(a, smooth_labels(one_hot(i.k, 5, i.dtype), 0.1));
        }}},
      {"cross_entropy", {i.p, [](T a, I i) { return cross_entropy(a, i.q); }}},
      {"negative_log_likelihood", {i.x, [](T a, I i) { return negative_log_likelihood(a, i.k); }}},
      {"poly_loss_cross_entropy",
       {i.x, [](T a, I i) { return poly_loss_cross_entropy(a, i.q, 1.5); }}},
      {"focal_loss", {i.p, [](T a, I i) { return focal_loss(a, i.q, 1.5); }}},
      {"multiclass_hinge_loss", {i.x, [](T a, I i) { return multiclass_hinge_loss(a, i.k); }}},
      {"multiclass_perceptron_loss",
       {i.x, [](T a, I i) { return multiclass_perceptron_loss(a, i.k); }}},
      {"smooth_labels", {i.q, [](T a, I) { return smooth_labels(a, 0.2); }}},

      {"sigmoid_binary_cross_entropy",
       {i.x, [](T a, I i) { return sigmoid_binary_cross_entropy(a, i.z); }}},
      {"sigmoid_binary_cross_entropy, soft labels",
       {i.x, [](T a, I i) { return sigmoid_binary_cross_entropy(a, i.p); }}},
      {"binary_cross_entropy", {i.p, [](T a, I i) { return binary_cross_entropy(a, i.z); }}},
      {"sigmoid_focal_loss", {i.x, [](T a, I i) { return sigmoid_focal_loss(a, i.z); }}},
      {"sigmoid_focal_loss, alpha",
       {i.x, [](T a, I i) { return sigmoid_focal_loss(a, i.z, 1.3, 0.25); }}},
      {"binary_focal_loss", {i.p, [](T a, I i) { return binary_focal_loss(a, i.z); }}},
      {"hinge_loss", {i.x, [](T a, I i) { return hinge_loss(a, i.s); }}},
      {"squared_hinge_loss", {i.x, [](T a, I i) { return squared_hinge_loss(a, i.s); }}},
      {"perceptron_loss", {i.x, [](T a, I i) { return perceptron_loss(a, i.s); }}},
      {"sparsemax_loss", {i.x, [](T a, I i) { return sparsemax_loss(a, i.z); }}},

      {"kl_divergence", {i.x, [](T a, I i) { return kl_divergence(a, i.q); }}},
      {"kl_divergence_with_log_targets",
       {i.x, [](T a, I i) { return kl_divergence_with_log_targets(a, i.t); }}},
      {"generalized_kl_divergence",
       {i.x, [](T a, I i) { return generalized_kl_divergence(a, i.q); }}},

      {"cosine_similarity", {i.x, [](T a, I i) { return cosine_similarity(a, i.t); }}},
      {"cosine_distance", {i.x, [](T a, I i) { return cosine_distance(a, i.t); }}},
      {"cosine_embedding_loss",
       {i.x, [](T a, I i) { return cosine_embedding_loss(a, i.t, i.u, 0.1); }}},
      {"triplet_margin_loss", {i.x, [](T a, I i) { return triplet_margin_loss(a, i.t, i.s); }}},
      {"triplet_margin_loss, p = 4",
       {i.x, [](T a, I i) { return triplet_margin_loss(a, i.t, i.s, 2, Reduction::None, -1, 4); }}},
      {"siamese_contrastive_loss",
       {i.p, [](T a, I i) { return siamese_contrastive_loss(a, i.z, 0.6); }}},
      {"margin_ranking_loss",
       {i.r, [](T a, I i) { return margin_ranking_loss(a, flip(i.r), i.u, 0.5); }}},
      {"ranking_softmax_loss", {i.x, [](T a, I i) { return ranking_softmax_loss(a, i.p); }}},
      {"ntxent", {i.x, [](T a, I i) { return ntxent(a, i.k, 0.5); }}},

      {"dice_coeff_loss", {i.p, [](T a, I i) { return dice_coeff_loss(a, i.z); }}},
      {"tversky_loss", {i.p, [](T a, I i) { return tversky_loss(a, i.z); }}},
      {"dice_loss",
       {i.x,
        [](T a, I i) {
          return dice_loss(reshape(a, {2, 2, 5}), reshape(i.z, {2, 2, 5}),
                           {.alpha = 0.3, .beta = 0.7});
        }}},
      {"dice_loss, foreground",
       {i.x,
        [](T a, I i) {
          return dice_loss(reshape(a, {2, 2, 5}), reshape(i.z, {2, 2, 5}),
                           {.ignore_background = true});
        }}},
      {"dice_loss, one class",
       {i.x, [](T a, I i) { return dice_loss(expand_dims(a, 2), expand_dims(i.z, 2)); }}},
  };
}

double error_of(const Tensor& got, const std::vector<double>& expected) {
  if (got.size() != static_cast<int64_t>(expected.size())) return INFINITY;
  const auto values = astype(got, DType::F64).to_vector<double>();
  double worst = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double error = std::abs(values[i] - expected[i]) / (1 + std::abs(expected[i]));
    worst = error <= worst ? worst : error;
  }
  return worst;
}

}  // namespace

TEST_CASE("losses have the values and gradients of the references") {
  const Inputs wide(DType::F64), narrow(DType::F32);
  const auto of_wide = losses_by_name(wide), of_narrow = losses_by_name(narrow);
  for (const Golden& golden : kGolden) {
    INFO(golden.name);
    REQUIRE(of_wide.contains(golden.name));
    const Loss& in_f64 = of_wide.at(golden.name);
    CHECK(error_of(in_f64.value(in_f64.first, wide), golden.values) < 1e-10);
    const Tensor gradient =
        grad([&](const Tensor& a) { return sum(in_f64.value(a, wide)); })(in_f64.first);
    CHECK(error_of(gradient, golden.gradient) < 1e-10);

    const Loss& in_f32 = of_narrow.at(golden.name);
    const auto both = jit([&](const Tensor& a) {
      const Inputs in = constants(narrow);
      return std::pair{in_f32.value(a, in),
                       grad([&](const Tensor& b) { return sum(in_f32.value(b, in)); })(a)};
    });
    const auto [value, derivative] = both(in_f32.first);
    CHECK(error_of(value, golden.values) < 2e-6);
    CHECK(error_of(derivative, golden.gradient) < 2e-5);
  }
  CHECK(std::size(kGolden) == of_wide.size());
}
