// Whole graphs through scheduling, lowering and LLVM against the reference evaluator; and the same
// bits whatever the vector width, the number of threads and the cache.
#include <catch2/catch_test_macros.hpp>

#include "compiler/codegen/kernel_library.h"
#include "compiler/ops/build.h"
#include "compiler/ir/parse.h"
#include "compiler/ops/reference_values.h"
#include "compiler/pipeline.h"
#include "compiler/reference.h"
#include "runtime/options.h"
#include "tests/codegen/compiled.h"
#include "tests/support/arrays.h"
#include "tests/support/op_samples.h"
#include "tests/support/random_graph.h"
#include "tests/support/random_views.h"
#include "tests/support/workloads.h"

namespace gradus {
namespace {

using ops::RefArray;
using testing::Arrays;
using testing::OpSample;
using testing::run;
using testing::run_with;
using testing::same_bits;

void check_sample(const OpSample& sample, double tolerance) {
  testing::Random random(7);
  const ir::Graph graph = testing::graph_of(sample);
  Arrays inputs = testing::random_operands(sample, random);
  for (RefArray& a : inputs) {  // what the buffers hold
    std::vector<std::byte> bytes(a.type.bytes() + 1);
    ops::store_reference(a, bytes.data());
    a = ops::reference_of(a.type, bytes.data());
  }
  INFO(to_string(sample));
  const Arrays expected = run(*make_reference_executable(graph), inputs);
  const Arrays got = run_with(graph, inputs, 16, 1);
  for (const Type& t : sample.operands) {
    if (t.dtype == DType::F32) tolerance = std::max(tolerance, 2e-5);
  }
  CHECK(testing::difference(got, expected, tolerance) == "");
  for (int lanes : {4, 8}) CHECK(same_bits(run_with(graph, inputs, lanes, 1), got));
}

}  // namespace

TEST_CASE("every op, compiled in f32, is what the reference says") {
  for (const ops::OpDef* op : ops::all_ops()) {
    if (!op->no_lowering.empty()) continue;
    for (const OpSample& sample : testing::samples_of(*op, DType::F32)) check_sample(sample, 2e-5);
  }
}

TEST_CASE("every op, compiled in f64, is what the reference says") {
  for (const ops::OpDef* op : ops::all_ops()) {
    if (!op->no_lowering.empty()) continue;
    for (const OpSample& sample : testing::samples_of(*op, DType::F64)) check_sample(sample, 1e-12);
  }
}

TEST_CASE("random graphs give what the reference says, whatever the lanes and threads") {
  testing::Random random(11);
  for (int round = 0; round < 60; ++round) {
    const ir::Graph graph = testing::random_graph(random);
    Arrays inputs;
    for (const Type& t : graph.input_types()) {
      inputs.push_back(testing::random_array(t, {-1, 1}, random));
    }
    INFO("round " << round);
    const Arrays got = run_with(graph, inputs, 16, 1);
    CHECK(testing::difference(got, run(*make_reference_executable(graph), inputs), 1e-9) == "");
    CHECK(same_bits(run_with(graph, inputs, 8, 2), got));
    CHECK(same_bits(run_with(graph, inputs, 4, 3), got));
  }
}

TEST_CASE("random views, cut up as if they were large, give what the reference says") {
  for (uint32_t seed : {3, 144, 147, 217, 500, 501, 502, 503, 504, 505, 506, 507, 508, 509, 510}) {
    const ir::Graph graph = testing::random_views(seed, 24);
    testing::Random random(seed);
    Arrays inputs;
    for (const Type& t : graph.input_types()) {
      inputs.push_back(testing::random_array(t, {}, random));
    }
    INFO("seed " << seed);
    const Arrays expected = run(*make_reference_executable(graph), inputs);
    for (double barrier : {4000.0, 0.0}) {
      CompileOptions options;
      options.place.barrier = barrier;
      CHECK(testing::difference(run(*compile(graph, options), inputs), expected, 1e-9) == "");
    }
  }
}

TEST_CASE("a value is read at two points of one nest") {
  ir::Builder b;
  const ir::Value x = ops::tanh(b, b.parameter({DType::F64, {4, 4}}));
  const ir::Value y = ops::add(b, ops::neg(b, x), ops::transpose(b, x, {1, 0}));
  const ir::Graph graph = b.finish(std::array{y, ops::reduce_sum(b, y, {0})});
  testing::Random random(1);
  const Arrays inputs{testing::random_array({DType::F64, {4, 4}}, {}, random)};
  const Arrays expected = run(*make_reference_executable(graph), inputs);
  CHECK(testing::difference(run(*compile(graph), inputs), expected, 1e-9) == "");
}

TEST_CASE("an extremum and its index come from one walk, whatever stands in the rows") {
  for (const char* op : {"max", "min"}) {
    INFO(op);
    ir::Builder b;
    const bool max = std::string_view(op) == "max";
    const ir::Value x = b.parameter({DType::F32, {6, 5}});
    const ir::Value extremum = max ? ops::reduce_max(b, x, {1}) : ops::reduce_min(b, x, {1});
    const ir::Value index = max ? ops::argmax(b, x, 1) : ops::argmin(b, x, 1);
    const ir::Graph graph = b.finish(std::array{extremum, index});
    constexpr double kInf = INFINITY;
    RefArray values = ops::make_reference({DType::F32, {6, 5}});
    values.real = {3,     7,     7,     1,     7,     NAN,  1,   2,    NAN, 9,
                   1,     NAN,   kInf,  5,     -kInf, -kInf, -kInf, -kInf, -kInf, -kInf,
                   -0.0,  0,     -0.0,  0,     0,     kInf, 2,   kInf, kInf, 1};
    const Arrays inputs{values};
    const Arrays expected = run(*make_reference_executable(graph), inputs);
    for (int lanes : {4, 8, 16}) {
      CHECK(testing::difference(run_with(graph, inputs, lanes, 1), expected, 0) == "");
    }
  }
}

TEST_CASE("a training step has the same bits with any lanes, threads and caches") {
  const ir::Graph step = testing::mlp_step({.layers = {70, 130, 50, 10}, .batch = 72});
  testing::Random random(3);
  Arrays inputs;
  for (const Type& t : step.input_types()) {
    inputs.push_back(testing::random_array(t, {-0.5, 0.5}, random));
  }
  const Arrays got = run_with(step, inputs, 16, 1);
  CHECK(testing::difference(got, run(*make_reference_executable(step), inputs), 1e-4) == "");
  for (int lanes : {4, 8, 16}) {
    for (int threads : {1, 2, 3, 7}) CHECK(same_bits(run_with(step, inputs, lanes, threads), got));
  }
  codegen::forget_kernels();  // from disk, or made again
  CHECK(same_bits(run_with(step, inputs, 16, 2), got));
}

namespace {

void check_step(const char* name) {
  const ir::Graph step =
      ir::parse_file(std::string(GRADUS_SOURCE_DIR "/tests/golden/graphs/") + name + ".gr");
  testing::Random random(5);
  Arrays inputs;
  for (const Type& t : step.input_types()) {
    // Positive: second moments of an optimiser have a root.
    inputs.push_back(testing::random_array(t, {0.01, 0.1}, random));
    for (auto& x : inputs.back().integer) x = std::abs(x) % 5;
  }
  INFO(name);
  const Arrays got = run_with(step, inputs, 16, 2);
  CHECK(testing::difference(got, run(*make_reference_executable(step), inputs), 1e-3) == "");
  CHECK(same_bits(run_with(step, inputs, 8, 1), got));
}

}  // namespace

TEST_CASE("published steps are what the reference says") {
  for (const char* name : {"s3_batch1", "s4", "embedding", "hessian_vector"}) check_step(name);
}

TEST_CASE("large published steps are what the reference says", "[slow]") {
  for (const char* name : {"s1", "s3", "clip_adamw", "transformer"}) check_step(name);
}

}  // namespace gradus
