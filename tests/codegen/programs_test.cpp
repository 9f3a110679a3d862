// Programs of arrays that are larger than vectors, tiles and granules: compiled, run on threads,
// with vectors of all widths and with donated inputs, against the reference evaluator.
#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "compiler/ir/print.h"
#include "compiler/ops/reference_values.h"
#include "compiler/pipeline.h"
#include "compiler/reference.h"
#include "runtime/options.h"
#include "tests/support/arrays.h"
#include "tests/support/op_samples.h"
#include "tests/support/random_graph.h"
#include "tests/support/workloads.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

using Bytes = std::vector<std::byte>;

BufferPtr buffer_of(const ops::RefArray& array) {
  BufferPtr b = Buffer::allocate(array.type.bytes());
  ops::store_reference(array, b->data());
  return b;
}

/// The outputs' bytes. `donate`: the program owns its inputs; else they must stay as they are.
std::vector<Bytes> run(const Executable& program, const Arrays& inputs, bool donate = false) {
  std::vector<BufferPtr> kept, given;
  std::vector<Bytes> before;
  for (const auto& in : inputs) {
    given.push_back(buffer_of(in));
    if (donate) continue;
    kept.push_back(given.back());
    const auto* p = kept.back()->as<std::byte>();
    before.emplace_back(p, p + in.type.bytes());
  }
  std::vector<BufferPtr> out(program.output_types().size());
  program.run(given, out);
  for (size_t i = 0; i < kept.size(); ++i) {
    CHECK(std::memcmp(kept[i]->data(), before[i].data(), before[i].size()) == 0);
  }
  std::vector<Bytes> bytes;
  for (size_t o = 0; o < out.size(); ++o) {
    const auto* p = out[o]->as<std::byte>();
    bytes.emplace_back(p, p + program.output_types()[o].bytes());
  }
  return bytes;
}

Arrays arrays_of(std::span<const Type> types, const std::vector<Bytes>& bytes) {
  Arrays arrays;
  for (size_t i = 0; i < types.size(); ++i) {
    arrays.push_back(ops::reference_of(types[i], bytes[i].data()));
  }
  return arrays;
}

Options with(int lanes, int threads) {
  Options o = options();
  o.vector_lanes = lanes;
  o.threads = threads;
  return o;
}

struct Setting {
  int lanes, threads;
};
constexpr Setting kSettings[] = {{4, 1}, {8, 2}, {16, 3}, {4, 7}, {16, 1}};

/// Empty, or what is wrong: other numbers than the reference's, other bits with other lanes or
/// threads, or with donated inputs.
std::string check(const ir::Graph& graph, const Arrays& inputs, double tolerance) {
  const auto program = compile(graph);
  const auto bytes = run(*program, inputs);
  const std::string text = difference(arrays_of(graph.output_types(), bytes),
                                      evaluate_reference(graph, inputs), tolerance);
  if (!text.empty()) return text;
  if (run(*program, inputs, true) != bytes) return "other bits with donated inputs";
  for (const Setting& s : kSettings) {
    const ScopedOptions scope(with(s.lanes, s.threads));
    if (run(*compile(graph), inputs) != bytes) {
      return fmt::format("other bits with {} lanes and {} threads", s.lanes, s.threads);
    }
  }
  return {};
}

}  // namespace

TEST_CASE("random programs of large arrays do what the reference does, with the same bits") {
  const int rounds = 30;
  for (uint64_t seed = 1; seed <= rounds; ++seed) {
    Random random(seed);
    const RandomGraphOptions options{.nodes = 4 + static_cast<int>(seed % 16),
                                     .extents = {1, 3, 17, 40, 64, 130},
                                     .most_elements = 6000};
    const ir::Graph graph = random_graph(random, options);
    Arrays inputs;
    for (const Type& t : graph.input_types())
      inputs.push_back(random_array(t, {-1, 1}, random));
    INFO("seed " << seed << "\n" << ir::print(graph));
    std::string text;
    try {
      text = check(graph, inputs, 1e-8);
    } catch (const std::exception& e) {
      text = e.what();
    }
    if (!text.empty()) FAIL_CHECK(text);
  }
}

TEST_CASE("training steps give the same bits with all lanes and threads") {
  for (const MlpSizes& sizes :
       {MlpSizes{{7, 5, 3}, 6}, MlpSizes{{33, 70, 17, 10}, 50}, MlpSizes{{20, 64, 48, 10}, 128},
        MlpSizes{{784, 64, 10}, 100}, MlpSizes{{12, 9, 4}, 1}, MlpSizes{{40, 16, 16, 5}, 600}}) {
    const ir::Graph graph = mlp_step(sizes);
    Random random(3);
    Arrays inputs;
    for (const Type& t : graph.input_types()) {
      inputs.push_back(random_array(t, {-0.25, 0.25}, random));
    }
    INFO("layers " << fmt::format("{}", fmt::join(sizes.layers, " ")) << ", batch " << sizes.batch);
    CHECK(check(graph, inputs, 1e-4) == "");
  }
}
