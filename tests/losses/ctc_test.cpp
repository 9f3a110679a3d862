// Connectionist temporal classification against PyTorch, and against the sum over all paths.
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include <gradus/gradus.h>
#include <gradus/losses.h>

#include "tests/frontend/values.h"
#include "tests/losses/ctc.inc"

using namespace gradus;

namespace {

double largest_error(const Tensor& got, const std::vector<double>& expected) {
  const auto values = astype(got, DType::F64).to_vector<double>();
  double worst = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double error = std::abs(values[i] - expected[i]);
    worst = error <= worst ? worst : error;
  }
  return worst;
}

/// What a path says: repetitions, then blanks (0) taken out.
std::vector<int> spelt(const std::vector<int>& path) {
  std::vector<int> labels;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] != 0 && (i == 0 || path[i] != path[i - 1])) labels.push_back(path[i]);
  }
  return labels;
}

}  // namespace

TEST_CASE("CTC has PyTorch's values and gradients") {
  const Tensor labels = tensor(kLabels, {5, 3}), times = tensor(kTimes), lengths = tensor(kLengths);
  for (DType dtype : {DType::F64, DType::F32}) {
    const double tolerance = dtype == DType::F64 ? 1e-10 : 1e-5;
    const Tensor logits = astype(tensor(kLogits, {5, 6, 4}), dtype);
    const auto loss = [&](const Tensor& x) { return losses::ctc_loss(x, times, labels, lengths); };
    const Tensor value = loss(logits);
    CHECK(largest_error(slice(value, 0, 4), kLosses) < tolerance);
    CHECK(std::isinf(astype(value, DType::F32).to_vector<float>()[4]));
    const Tensor gradient = grad([&](const Tensor& x) { return sum(loss(x)); })(logits);
    CHECK(largest_error(gradient, kGradient) < tolerance);
  }
}

TEST_CASE("CTC is the sum over all paths") {
  const Tensor logits = random::normal(random::key(3), {1, 5, 3});
  const Tensor p = softmax(logits, -1);
  const auto probabilities = floats(p);
  for (const std::vector<int>& labels : {std::vector<int>{1, 2}, {1, 1}, {2, 1, 2}, {1}}) {
    double total = 0;
    for (int code = 0; code < 243; ++code) {
      std::vector<int> path;
      double probability = 1;
      for (int t = 0, rest = code; t < 5; ++t, rest /= 3) {
        path.push_back(rest % 3);
        probability *= probabilities[static_cast<size_t>(3 * t + rest % 3)];
      }
      if (spelt(path) == labels) total += probability;
    }
    const auto length = static_cast<int64_t>(labels.size());
    const Tensor loss = losses::ctc_loss(logits, tensor({5}), tensor(labels, {1, length}),
                                         tensor({static_cast<int>(length)}));
    CHECK(close(loss, {static_cast<float>(-std::log(total))}));
  }
  const Tensor none = losses::ctc_loss(logits, tensor({5}), zeros({1, 0}, DType::I32), tensor({0}));
  float only_blanks = 0;
  for (size_t t = 0; t < 5; ++t)
    only_blanks -= std::log(probabilities[3 * t]);
  CHECK(close(none, {only_blanks}));
}

TEST_CASE("CTC's operands are checked") {
  const Tensor x = ones({2, 5, 3}), n = tensor({5, 5}), y = tensor({1, 2, 1, 2}, {2, 2});
  CHECK(message_of<ShapeError>([&] {
          losses::ctc_loss(x, n, tensor({1, 2}), n);
        }) ==
        "[ctc_loss] got logits f32[2,5,3], times i32[2], labels i32[2], lengths i32[2]; expected "
        "[batch,time,classes], [batch], [batch,length], [batch]; " +
            here() + "; pad rows to one length");
  CHECK(message_of<DTypeError>([&] { losses::ctc_loss(x, ones({2}), y, n); }) ==
        "[ctc_loss] got f32[2], expected integers; " + here() +
            "; times, labels and lengths are integers");
  CHECK(message_of<ValueError>([&] { losses::ctc_loss(x, n, y, n, 3); }) ==
        "[ctc_loss] the blank is no class; " + here() +
            "; count it among the classes of the logits");
}
