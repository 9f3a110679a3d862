// What the library itself costs: calls, and compilation as programs grow.
#include <random>
#include <utility>
#include <vector>

#include <gradus/gradus.h>

#include "bench.h"
#include "sampling.h"

namespace gradus::bench {
namespace {

using Leaves = std::vector<Tensor>;

double nanoseconds_of_call(int leaves, double seconds) {
  const auto update =
      jit([](Leaves xs) { return tree_map([](Tensor x) { return x + 1.0f; }, xs); });
  Leaves xs;
  for (int i = 0; i < leaves; ++i)
    xs.push_back(zeros({4}));
  return sample(seconds, 0.01, [&] { xs = update(std::move(xs)); }).min * 1e9;
}

}  // namespace

Json measure_call(double seconds) {
  const auto update = jit([](Tensor x) { return x + 1.0f; });
  Tensor x = zeros({4});
  const Sample one = sample(seconds / 2, 0.01, [&] { x = update(std::move(x)); });
  return {{"one_leaf_ns", one.min * 1e9},
          {"hundred_leaves_ns", nanoseconds_of_call(100, seconds / 2)}};
}

Json measure_growth(int ops) {
  std::mt19937 engine(7);
  std::vector<float> weights(static_cast<size_t>(ops) / 2);
  for (float& w : weights)
    w = std::uniform_real_distribution<float>(0.5f, 1.5f)(engine);
  // Two ops a link; every weight is another number, so that no two links are the same.
  const auto chain = [&weights](Tensor x) {
    for (float w : weights)
      x = sin(x * w);
    return sum(x);
  };
  const auto gradient = jit(grad(chain));
  const Tensor x = ones({1000});
  return {{"ops", ops}, {"seconds", seconds_of([&] { gradient.compile(x); })}};
}

}  // namespace gradus::bench
