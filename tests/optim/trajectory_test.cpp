// Every optimiser follows the trajectory that a reference computed in doubles: outside jit in f64,
// where only a right formula agrees to ten digits, and jitted in f32.
#include <catch2/catch_test_macros.hpp>

#include <gradus/gradus.h>
#include <gradus/optim/optim.h>

#include "tests/optim/optimizers.h"
#include "tests/optim/trajectories.inc"

using namespace gradus;
using optim::Optimizer;
using optim::State;

namespace {

using Params = std::map<std::string, Tensor>;

Params params_of(const double (&values)[16], DType dtype) {
  const Tensor all = astype(tensor(values, {16}), dtype);
  return {{"b", slice(all, 0, 4)}, {"w", reshape(slice(all, 4, 16), {3, 4})}};
}

std::vector<double> flat(const Params& params) {
  const Tensor all = concatenate({params.at("b"), reshape(params.at("w"), {12})});
  return astype(all, DType::F64).to_vector<double>();
}

/// The largest error over the recorded steps, relative to the parameters' size.
template <class Step>
double error_of(const Trajectory& expected, const Optimizer& optimizer, DType dtype, Step step) {
  Params params = params_of(kStart, dtype);
  State state = optimizer.init(params);
  double worst = 0;
  int next = 0;
  for (int t = 1; t <= kSteps; ++t) {
    std::tie(params, state) =
        step(std::move(params), std::move(state), params_of(kGradients[t - 1], dtype));
    if (t != kRecorded[next]) continue;
    const auto got = flat(params);
    for (size_t i = 0; i < got.size(); ++i) {
      const double e = expected.recorded[next][i];
      const double error = std::abs(got[i] - e) / (1 + std::abs(e));
      worst = error <= worst ? worst : error;  // keeps NaN
    }
    ++next;
  }
  return worst;
}

}  // namespace

TEST_CASE("every reference trajectory is followed") {
  const auto optimizers = optimizers_by_name();
  for (const Trajectory& expected : kTrajectories) {
    INFO(expected.name);
    REQUIRE(optimizers.contains(expected.name));
    const Optimizer& optimizer = optimizers.at(expected.name);
    const auto update = [&](Params params, State state, const Params& gradients) {
      auto [updates, next] = optimizer.update(gradients, std::move(state), params);
      return std::pair{optim::apply_updates(params, updates), std::move(next)};
    };
    CHECK(error_of(expected, optimizer, DType::F64, update) < expected.tolerance);
    const auto jitted = jit(update);
    CHECK(error_of(expected, optimizer, DType::F32, jitted) < 2e-5);
    CHECK(jitted.compilations() == 1);
  }
  CHECK(std::size(kTrajectories) == optimizers.size());
}
