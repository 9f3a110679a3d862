// S3's training step, made from the network of one image by batch, gradient and the passes.
#include "tests/support/workloads.h"

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <iterator>
#include <map>

#include "compiler/ir/parse.h"
#include "compiler/ir/print.h"
#include "compiler/ops/op.h"

using namespace gradus;

namespace {

std::map<std::string, int> ops_of(const ir::Graph& graph) {
  std::map<std::string, int> count;
  for (ir::NodeId n = 0; n < graph.size(); ++n)
    ++count[graph.op(n).name];
  return count;
}

}  // namespace

TEST_CASE("S3's step has eight products, each of matrices where they stand") {
  const ir::Graph step = testing::s3_step(128);
  auto count = ops_of(step);
  CHECK(count["dot"] == 8);  // three layers forward, three weight gradients, two of activations
  CHECK(count["transpose"] == 0);
  CHECK(count["reshape"] == 0);
  CHECK(count["stop_gradient"] == 0);
  CHECK(count["exp"] == 1);
  CHECK(count["log"] == 0);  // the loss itself is nobody's output
  CHECK(count["reduce_max"] == 1);
  CHECK(count["reduce_sum"] == 5);  // two of softmax, three of biases
  CHECK(count["fma"] == 7);         // six parameters and the logits' gradient
  CHECK(count["sub"] == 1);
  CHECK(step.size() <= 64);
}

TEST_CASE("S3's step has parameters in, parameters out, with their names") {
  const ir::Graph step = testing::s3_step(96);
  REQUIRE(step.inputs().size() == 8);
  REQUIRE(step.outputs().size() == 6);
  for (size_t i = 0; i < 6; ++i) {
    CHECK(step.type(step.outputs()[i]) == step.type(step.inputs()[i]));
    CHECK(step.output_name(i) == step.input_name(i));
  }
  CHECK(step.input_name(0) == "params[0].w");
  CHECK(step.type(step.inputs()[6]) == (Type{DType::F32, {96, 784}}));
}

TEST_CASE("S3's step as text is the golden one, and parses back") {
  const ir::Graph step = testing::s3_step(128);
  const std::string text = ir::print(step, {.sources = false});
  // The text that came out, to compare or to replace the golden one with.
  std::ofstream(GRADUS_BINARY_DIR "/s3_step.gr") << text;
  std::ifstream file(GRADUS_SOURCE_DIR "/tests/golden/s3_step.gr");
  const std::string golden{std::istreambuf_iterator<char>(file), {}};
  CHECK(text == golden);
  CHECK(ir::structurally_equal(ir::parse(golden, "s3_step.gr"), step));
}
