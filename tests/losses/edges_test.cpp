// Losses where formulas overflow, divide by zero or lose digits; reductions; misuse.
#include <catch2/catch_test_macros.hpp>
#include <limits>

#include <gradus/gradus.h>
#include <gradus/losses.h>

#include "tests/frontend/values.h"

using namespace gradus;
using losses::Reduction;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kHuge = 3e38f;

Tensor vec(std::initializer_list<float> values) {
  return tensor(values);
}

/// f's values, and the gradient of their sum.
template <class F>
std::pair<Tensor, Tensor> both(F f, const Tensor& x) {
  return {f(x), grad([&](const Tensor& a) { return sum(f(a)); })(x)};
}

bool near(const Tensor& x, std::initializer_list<float> expected, double tolerance = 1e-6) {
  const auto got = floats(x);
  if (got.size() != expected.size()) return false;
  size_t i = 0;
  for (float e : expected) {
    const float g = got[i++];
    if (g == e) continue;
    if (!(std::abs(g - e) <= tolerance * std::abs(e) + 1e-30)) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("binary cross entropy of far logits") {
  const Tensor x = vec({-kInf, -kHuge, -100, 0, 100, kHuge, kInf});
  const auto [ones_value, ones_gradient] =
      both([](const Tensor& a) { return losses::sigmoid_binary_cross_entropy(a, 1); }, x);
  CHECK(near(ones_value, {kInf, kHuge, 100, 0.69314718f, 0, 0, 0}));
  CHECK(near(ones_gradient, {-1, -1, -1, -0.5f, 0, 0, 0}));
  const auto [zeros_value, zeros_gradient] =
      both([](const Tensor& a) { return losses::sigmoid_binary_cross_entropy(a, 0); }, x);
  CHECK(near(zeros_value, {0, 0, 0, 0.69314718f, 100, kHuge, kInf}));
  CHECK(near(zeros_gradient, {0, 0, 0, 0.5f, 1, 1, 1}));

  const auto [focal, focal_gradient] =
      both([](const Tensor& a) { return losses::sigmoid_focal_loss(a, 1); },
           vec({-kHuge, -100, 0, 100, kInf}));
  CHECK(near(focal, {kHuge, 100, 0.17328680f, 0, 0}));
  CHECK(near(focal_gradient, {-1, -1, -0.29828680f, 0, 0}));
}

TEST_CASE("softmax cross entropy of far logits") {
  const Tensor x = tensor(std::vector<float>{kHuge, -kHuge, 0,  //
                                             100, 0, -100,      //
                                             0, -kInf, 0},
                          {3, 3});
  const Tensor labels = tensor({1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.5, 0.0, 0.5}, {3, 3});
  const auto [value, gradient] =
      both([&](const Tensor& a) { return losses::softmax_cross_entropy(a, labels); }, x);
  CHECK(near(value, {0, 200, 0.69314718f}));
  CHECK(near(gradient, {0, 0, 0, 1, 0, -1, 0, 0, 0}));

  const Tensor classes = tensor({0, 2, 0});
  const auto [by_number, by_number_gradient] = both(
      [&](const Tensor& a) {
        return losses::softmax_cross_entropy_with_integer_labels(a, classes);
      },
      x);
  CHECK(near(by_number, {0, 200, 0.69314718f}));
  CHECK(near(by_number_gradient, {0, 0, 0, 1, 0, -1, -0.5f, 0, 0.5f}));

  // The gradient by the labels exists at labels of 0.
  const Tensor by_label = grad([](const Tensor& y) {
    return losses::softmax_cross_entropy(constant(zeros({2})), y);
  })(tensor({0.0, 1.0}));
  CHECK(near(by_label, {0.69314718f, 0.69314718f}));
}

TEST_CASE("a label that is no class asks nothing") {
  const Tensor x = ones({4, 3});
  for (const Tensor& labels : {tensor({-1, 1, 3, 2}), astype(tensor({255, 1, 3, 2}), DType::U8),
                               astype(tensor({-1, 1, 3, 2}), DType::I64)}) {
    const auto [value, gradient] = both(
        [&](const Tensor& a) {
          return losses::softmax_cross_entropy_with_integer_labels(a, labels);
        },
        x);
    CHECK(near(value, {0, 1.0986123f, 0, 1.0986123f}));
    CHECK(near(slice_axis(gradient, 0, 0, 1), {0, 0, 0}));
    CHECK(near(slice_axis(gradient, 0, 2, 3), {0, 0, 0}));
  }
}

TEST_CASE("probabilities of 0 and 1") {
  const Tensor p = tensor({0.0, 1.0, 1.0, 0.0}, {2, 2});
  const Tensor y = tensor({1.0, 0.0, 1.0, 0.0}, {2, 2});
  const auto [value, gradient] =
      both([&](const Tensor& a) { return losses::cross_entropy(a, y); }, p);
  CHECK(near(value, {15.942385f, -1.1920929e-7f}, 1e-5));
  CHECK(near(gradient, {-8388608.0f, 0, -1, 0}, 1e-5));

  const Tensor exact =
      losses::cross_entropy(tensor({0.0, 1.0}), tensor({0.0, 1.0}), Reduction::None, -1, 0);
  CHECK(near(exact, {0}));

  const auto [binary, binary_gradient] = both(
      [](const Tensor& a) {
        return losses::binary_cross_entropy(a, tensor({1.0, 0.0}));
      },
      tensor({0.0, 0.0}));
  CHECK(near(binary, {15.942385f, -1.1920929e-7f}, 1e-5));
  CHECK(near(binary_gradient, {-8388608.0f, 1}, 1e-5));

  const auto [kl, kl_gradient] = both(
      [](const Tensor& t) {
        return losses::kl_divergence(constant(vec({-kInf, 0})), t);
      },
      tensor({0.0, 1.0}));
  CHECK(near(kl, {0}));
  CHECK(all(is_finite(kl_gradient)).item<bool>());
  CHECK(near(losses::kl_divergence(vec({-kInf, 0}), tensor({0.5, 0.5})), {kInf}));
  const auto [log_kl, log_kl_gradient] = both(
      [](const Tensor& x) {
        return losses::kl_divergence_with_log_targets(x, constant(vec({-kInf, 0})));
      },
      vec({-kInf, -1}));
  CHECK(near(log_kl, {1}));
  CHECK(near(log_kl_gradient, {0, -1}));

  const auto [poisson, poisson_gradient] =
      both([](const Tensor& a) { return losses::poisson_loss(a, 0); }, vec({0, 2}));
  CHECK(near(poisson, {0, 2}));
  CHECK(near(poisson_gradient, {1, 1}));
  for (double gamma : {0.0, 1.0, 2.0, 0.5}) {
    const auto [focal, focal_gradient] =
        both([&](const Tensor& a) { return losses::sigmoid_focal_loss(a, 1, gamma); },
             vec({-kHuge, 0, 50, kInf}));
    CHECK(all(is_finite(focal)).item<bool>());
    CHECK(all(is_finite(focal_gradient)).item<bool>());
  }
}

TEST_CASE("large and small errors") {
  const auto [value, gradient] = both([](const Tensor& a) { return losses::log_cosh(a, 0); },
                                      vec({-kHuge, -20, -1e-3f, 0, 1e-3f, 20, kHuge}));
  CHECK(near(value, {kHuge, 19.306853f, 5e-7f, 0, 5e-7f, 19.306853f, kHuge}, 1e-3));
  CHECK(near(gradient, {-1, -1, -1e-3f, 0, 1e-3f, 1, 1}, 2e-4));
  const Tensor curvature = grad(grad([](const Tensor& a) { return losses::log_cosh(a, 0); }))(0.0);
  CHECK(near(curvature, {1}));

  const auto [huber, huber_gradient] =
      both([](const Tensor& a) { return losses::huber_loss(a, 0); }, vec({-kHuge, -1, 0, 0.5f}));
  CHECK(near(huber, {kHuge, 0.5f, 0, 0.125f}));
  CHECK(near(huber_gradient, {-1, -1, 0, 0.5f}));
  CHECK(near(losses::smooth_l1_loss(vec({2, -3}), 0, Reduction::None, 0), {2, 3}));

  const auto [sparse, sparse_gradient] = both(
      [](const Tensor& a) { return losses::sparsemax_loss(a, 0); }, vec({-kHuge, -1, 0, 1, kHuge}));
  CHECK(near(sparse, {0, 0, 0.25f, 1, kHuge}));
  CHECK(all(is_finite(sparse_gradient)).item<bool>());
}

TEST_CASE("distances of zero vectors") {
  const auto [value, gradient] = both(
      [](const Tensor& a) {
        return losses::cosine_similarity(a, constant(ones({2, 2})));
      },
      tensor({0.0, 0.0, 3.0, 3.0}, {2, 2}));
  CHECK(near(value, {0, 1}));
  CHECK(all(is_finite(gradient)).item<bool>());
  const auto [triplet, triplet_gradient] =
      both([](const Tensor& a) { return losses::triplet_margin_loss(a, a, a); }, ones({2, 3}));
  CHECK(near(triplet, {1, 1}));
  CHECK(all(is_finite(triplet_gradient)).item<bool>());
  // All of one label: nothing to tell apart.
  const auto [nt, nt_gradient] = both(
      [](const Tensor& a) {
        return losses::ntxent(a, constant(tensor({1, 1, 1})));
      },
      tensor({1.0, 2.0, 3.0, 4.0, 0.0, 0.0}, {3, 2}));
  CHECK(near(nt, {0}));
  CHECK(all(is_finite(nt_gradient)).item<bool>());
}

TEST_CASE("reductions and scalars") {
  const Tensor p = tensor({1.0, 2.0, 4.0, 8.0}, {2, 2});
  CHECK(losses::squared_error(p, 0).shape() == Shape{2, 2});
  CHECK(near(losses::squared_error(p, 0, Reduction::Sum), {85}));
  CHECK(near(losses::squared_error(p, Tensor(0.0), Reduction::Mean), {21.25f}));
  CHECK(near(losses::mse(p, zeros({2, 2})), {21.25f}));
  CHECK(losses::squared_error(3, 1).item<float>() == 4);
  CHECK(losses::squared_error(tensor({3, 5}), tensor({true, false})).type() ==
        Type{DType::F32, {2}});
  CHECK(losses::mse(ones({2}, DType::F64), ones({2})).dtype() == DType::F64);
  CHECK(losses::softmax_cross_entropy(zeros({0, 3}), zeros({0, 3})).shape() == Shape{0});
  const auto each = vmap([](const Tensor& x, const Tensor& k) {
    return losses::softmax_cross_entropy_with_integer_labels(x, k);
  });
  CHECK(near(each(zeros({2, 4}), tensor({0, 3})), {1.3862944f, 1.3862944f}));
}

TEST_CASE("misuse is told with the caller's line") {
  CHECK(message_of<ShapeError>([] {
          losses::mse(ones({4, 1}), ones({4}));
        }) == "[mse] operands of different shapes; got f32[4,1] and f32[4], expected equal ones; " +
                  here() + "; reshape one of them");
  CHECK(message_of<DTypeError>([] {
          losses::softmax_cross_entropy_with_integer_labels(ones({2, 3}), ones({2}));
        }) ==
        "[softmax_cross_entropy_with_integer_labels] labels must be class numbers; got "
        "f32[2]; " +
            here() + "; give integers, or use softmax_cross_entropy for one-hot labels");
  CHECK(message_of<ShapeError>([] {
          losses::softmax_cross_entropy_with_integer_labels(ones({2, 3}), tensor({1, 2, 0}));
        }) ==
        "[softmax_cross_entropy_with_integer_labels] labels do not fit logits f32[2,3]; got "
        "i32[3], expected shape [2]; " +
            here() + "; give one class number for each example");
  CHECK(message_of<ValueError>([] {
          losses::negative_log_likelihood(ones({2, 3}), tensor({1, 2}), Reduction::None, 2);
        }) == "[negative_log_likelihood] axis 2 of logits f32[2,3]; " + here() +
                  "; name an axis that the logits have");
  CHECK(message_of<ValueError>([] { losses::quantile_loss(1, 1, 1.5); }) ==
        "[quantile_loss] a quantile lies between 0 and 1; " + here() + "; use 0.5 for the median");
  CHECK(message_of<ShapeError>([] {
          losses::ntxent(ones({2, 3}), tensor({1, 2, 3}));
        }).starts_with("[ntxent] got embeddings f32[2,3] and labels i32[3], expected"));
  CHECK(message_of<ShapeError>([] { losses::dice_loss(ones({3}), ones({3})); }) ==
        "[dice_loss] got f32[3], expected [batch, ..., classes]; " + here() +
            "; give one class an axis of extent 1");
  CHECK(message_of<DTypeError>([] {
          losses::mse(random::key(0), 1);
        }).starts_with("[mse] keys are no numbers; got key[]; " + here()));
}
