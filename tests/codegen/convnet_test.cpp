// Convolutional training steps, whose carrier lies in the lanes, against the reference evaluator;
// and the same bits whatever the vector width and the number of threads.
#include <catch2/catch_test_macros.hpp>

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
  for (const auto& pass : transforms::passes()) current = pass.run(current);
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

}  // namespace

TEST_CASE("images lie in the lanes from eight of them on") {
  CHECK(has_lanes(testing::convnet_step({.batch = 32})));
  CHECK_FALSE(has_lanes(testing::convnet_step({.batch = 1})));
}

TEST_CASE("batches of any size train a convolutional network as the reference does") {
  for (int64_t batch : {1, 3, 8, 9, 16, 31, 72}) {
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
}

TEST_CASE("parts of more than one granule of images are summed up in lanes") {
  check({.batch = 1100, .image = 6, .features = 2, .more_features = 2});
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
