// Convolutional training steps, whose carrier lies in the lanes, against the reference evaluator;
// and the same bits whatever the vector width and the number of threads.
#include <catch2/catch_test_macros.hpp>
#include <random>

#include "compiler/ops/build.h"
#include "compiler/ops/op.h"
#include "compiler/reference.h"
#include "compiler/schedule/plan.h"
#include "compiler/transforms/passes.h"
#include "runtime/options.h"
#include "tests/codegen/compiled.h"
#include "tests/support/convnet.h"
#include "tests/support/op_samples.h"

namespace gradus {
namespace {

using testing::Arrays;
using testing::ConvnetSizes;

Arrays inputs_of(const ir::Graph& graph) {
  testing::Random random(9);
  Arrays inputs;
  for (const Type& t : graph.input_types()) {
    inputs.push_back(testing::random_array(t, {-1, 1}, random));
  }
  return inputs;
}

void check(const ConvnetSizes& sizes) {
  const ir::Graph step = testing::convnet_step(sizes);
  const Arrays inputs = inputs_of(step);
  const Arrays got = testing::run_with(step, inputs, 16, 1);
  const double tolerance = sizes.dtype == DType::F32 ? 2e-5 : 1e-12;
  const Arrays expected = testing::run(*make_reference_executable(step), inputs);
  CHECK(testing::difference(got, expected, tolerance) == "");
  CHECK(testing::same_bits(testing::run_with(step, inputs, 8, 2), got));
  CHECK(testing::same_bits(testing::run_with(step, inputs, 4, 3), got));
}

schedule::Schedule placed(const ir::Graph& graph) {
  ir::Graph current = graph;
  for (const auto& pass : transforms::passes())
    current = pass.run(current);
  schedule::Schedule s = schedule::translate(current);
  schedule::place(s);
  return s;
}

bool has_lanes(const ir::Graph& graph) {
  return std::ranges::any_of(placed(graph).regions, &schedule::Region::carrier_in_lanes);
}

bool has_whole_values_in_lanes(const ir::Graph& graph) {
  return std::ranges::any_of(placed(graph).nodes, [](const auto& n) { return n.lane_block > 0; });
}

/// Whether a kernel computes a product and reduces what it gives.
bool reduces_in_registers(const ir::Graph& graph) {
  const auto s = placed(graph);
  for (const schedule::Region& region : s.regions) {
    for (const auto& leaf : region.leaves) {
      const auto has = [&](schedule::NodeKind kind) {
        return std::ranges::any_of(leaf, [&](int v) { return s.nodes[v].kind == kind; });
      };
      if (has(schedule::NodeKind::Product) && has(schedule::NodeKind::Reduce)) return true;
    }
  }
  return false;
}

using ir::Builder;
using ir::Value;

/// A convolution with a bias, side by side windows of height x width of it, what `outputs` makes of
/// convolution and windows (batch, rows, columns, channels, points), and the first output's sum for
/// each image, so that nothing but images is shared out among threads.
template <class Outputs>
ir::Graph pooled_convolution(int64_t batch, int64_t height, int64_t width, Outputs outputs,
                             DType dtype = DType::F32) {
  Builder b("pooled");
  const int64_t rows = 5 * height, columns = 3 * width, channels = 17;
  const Value images = b.parameter({dtype, {batch, rows, columns, 8}}, "images");
  const Value weights = b.parameter({dtype, {3, 3, 8, channels}}, "weights");
  const Value bias = b.parameter({dtype, {channels}}, "bias");
  Value x = ops::conv(b, images, weights, {0, {1, 1}, {1, 1}, {1, 1}, {1, 1}});
  x = ops::add(b, x, ops::broadcast(b, bias, b.type(x).shape, {3}));
  Value w = ops::reshape(b, x, {batch, 5, height, 3, width, channels});
  w = ops::transpose(b, w, {0, 1, 3, 5, 2, 4});
  w = ops::reshape(b, w, {batch, 5, 3, channels, height * width});
  std::vector<Value> out = outputs(b, x, w);
  out.push_back(ops::reduce_sum(b, out[0], {1, 2, 3}));
  return b.finish(out, std::vector<std::string>(out.size(), "out"));
}

void check(const ir::Graph& graph, double tolerance) {
  const Arrays inputs = inputs_of(graph);
  const Arrays got = testing::run_with(graph, inputs, 16, 1);
  const Arrays expected = testing::run(*make_reference_executable(graph), inputs);
  CHECK(testing::difference(got, expected, tolerance) == "");
  CHECK(testing::same_bits(testing::run_with(graph, inputs, 8, 2), got));
  CHECK(testing::same_bits(testing::run_with(graph, inputs, 4, 3), got));
}

}  // namespace

TEST_CASE("a convolution reduces small windows of its result in registers") {
  const auto largest = [](Builder& b, Value, Value w) {
    return std::vector{ops::reduce_max(b, w, {4}), ops::argmax(b, w, 4)};
  };
  for (int64_t batch : {8, 9, 20, 40}) {
    INFO("batch " << batch);
    const ir::Graph graph = pooled_convolution(batch, 2, 2, largest);
    CHECK(reduces_in_registers(graph));
    check(graph, 1e-5);
  }
  const auto mean = [](Builder& b, Value, Value w) {
    const Value sum = ops::reduce_sum(b, w, {4});
    return std::vector{ops::mul(b, sum, ops::constant_like(b, sum, 0.25))};
  };
  const auto both_and_all = [](Builder& b, Value x, Value w) {
    const Value high = ops::reduce_max(b, w, {4}), low = ops::reduce_min(b, w, {4});
    return std::vector{ops::tanh(b, ops::sub(b, high, low)), b.add(ops::op_named("relu"), {x})};
  };
  for (auto [height, width] : {std::pair{2, 2}, {1, 3}, {4, 1}}) {
    INFO(height << " x " << width);
    const ir::Graph means = pooled_convolution(20, height, width, mean);
    CHECK(reduces_in_registers(means));
    check(means, 1e-5);
    const ir::Graph several = pooled_convolution(20, height, width, both_and_all);
    CHECK(reduces_in_registers(several));
    check(several, 1e-5);
  }
  check(pooled_convolution(24, 2, 2, largest, DType::F64), 1e-12);
  const ir::Graph wide = pooled_convolution(20, 3, 3, largest);
  CHECK_FALSE(reduces_in_registers(wide));
  check(wide, 1e-5);
}

TEST_CASE("images lie in the lanes, a few of them where their gradients are summed up") {
  CHECK(has_lanes(testing::convnet_step({.batch = 32})));
  CHECK(has_lanes(testing::convnet_step({.batch = 3, .features = 16, .more_features = 16})));
  CHECK_FALSE(has_lanes(testing::convnet_step({.batch = 1})));
  for (int64_t batch : {6, 8, 12, 20}) {
    const ConvnetSizes wide{.batch = batch, .image = 28, .features = 32, .more_features = 64};
    CHECK(has_lanes(testing::convnet_step(wide)));
  }
}

TEST_CASE("networks of all sizes are placed soundly") {
  for (int64_t batch : {1, 2, 4, 8, 12, 16, 24, 64}) {
    for (int64_t image : {8, 10, 17, 28}) {
      for (int64_t features : {4, 6, 16, 32}) {
        INFO(batch << " images of " << image << ", " << features << " features");
        const ConvnetSizes sizes{
            .batch = batch, .image = image, .features = features, .more_features = 2 * features};
        CHECK_NOTHROW(placed(testing::convnet_step(sizes)));
      }
    }
  }
  // Values that every thread computes for itself are read over the rows of one convolution and the
  // channels of another.
  check({.batch = 8,
         .image = 28,
         .taps = 5,
         .padding = 2,
         .features = 16,
         .more_features = 16,
         .dtype = DType::F64});
}

TEST_CASE("batches of any size train a convolutional network as the reference does") {
  for (int64_t batch : {1, 2, 3, 8, 9, 16, 31, 72}) {
    INFO("batch " << batch);
    check({.batch = batch});
  }
}

TEST_CASE("windows of many kinds train a convolutional network as the reference does") {
  check({.batch = 20, .image = 11, .channels = 3});
  check({.batch = 20, .image = 16, .taps = 5, .padding = 0});
  check({.batch = 20, .image = 14, .taps = 5, .padding = 2, .features = 17, .more_features = 3});
  check({.batch = 24, .image = 15, .taps = 3, .padding = 1, .stride = 2});
  check({.batch = 24, .image = 9, .taps = 1, .padding = 0, .features = 8});
  check({.batch = 24, .image = 10, .dtype = DType::F64});
}

TEST_CASE("values of a batch stay in the lanes from phase to phase") {
  CHECK(has_whole_values_in_lanes(testing::convnet_step({.batch = 32, .normalized = true})));
  for (int64_t batch : {8, 40, 61}) {
    INFO("batch " << batch);
    check({.batch = batch, .image = 9, .normalized = true});
  }
  check({.batch = 1030, .image = 5, .features = 2, .more_features = 2, .normalized = true});
  // So large that sums are made in bands.
  check({.batch = 20, .image = 28, .features = 16, .more_features = 8, .normalized = true});
}

TEST_CASE("parts of more than one granule of images are summed up in lanes") {
  check({.batch = 1100, .image = 6, .features = 2, .more_features = 2});
}

TEST_CASE("networks of random sizes train as the reference does", "[slow]") {
  std::mt19937 engine(4);
  const auto pick = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine);
  };
  for (int i = 0; i < 60; ++i) {
    const int64_t taps = 2 * pick(0, 2) + 1;
    const ConvnetSizes sizes{.batch = pick(1, 40),
                             .image = pick(14, 24),
                             .channels = pick(1, 3),
                             .taps = taps,
                             .padding = pick(0, taps / 2),
                             .stride = pick(1, 4) == 1 && taps < 5 ? 2 : 1,
                             .features = pick(1, 34),
                             .more_features = pick(1, 34),
                             .normalized = pick(0, 3) == 0,
                             .dtype = DType::F64};
    INFO("batch " << sizes.batch << ", image " << sizes.image << ", channels " << sizes.channels
                  << ", taps " << taps << ", padding " << sizes.padding << ", stride "
                  << sizes.stride << ", features " << sizes.features << ", then "
                  << sizes.more_features << ", normalized " << sizes.normalized);
    check(sizes);
  }
}

TEST_CASE("a step with images in the lanes is the same with every optional pass switched off") {
  const ir::Graph step = testing::convnet_step({.batch = 20, .image = 11});
  const Arrays inputs = inputs_of(step);
  const Arrays expected = testing::run(*make_reference_executable(step), inputs);
  for (const auto& pass : transforms::passes()) {
    if (!pass.optional) continue;
    INFO(pass.name);
    Options o = options();
    o.disable = {std::string(pass.name)};
    ScopedOptions scope(o);
    CHECK(testing::difference(testing::run(*compile(step), inputs), expected, 2e-5) == "");
  }
}

}  // namespace gradus
