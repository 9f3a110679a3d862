// What translate and place make of a graph computes what the graph computes: every op, and random
// graphs of layout ops, reductions and products, against the reference evaluator.
#include <catch2/catch_test_macros.hpp>

#include "compiler/ir/print.h"
#include "tests/schedule/compare.h"
#include "tests/support/random_views.h"
#include "tests/support/workloads.h"

namespace gradus::schedule {
namespace {

using testing::Arrays;
using testing::compare;
using testing::random_inputs;

/// What the schedules of a test made use of: random graphs that miss a feature prove nothing of it.
struct Seen {
  int guards = 0, joints = 0, data = 0, scatters = 0, copies = 0, pieces = 0, partials = 0,
      privates = 0, phases = 0;

  void add(const Schedule& s) {
    for (size_t v = 0; v < s.nodes.size(); ++v) {
      const Node& n = s.nodes[v];
      copies += n.kind == NodeKind::Elementwise && n.op == nullptr;
      pieces +=
          n.kind == NodeKind::Elementwise && n.op != nullptr && n.op->family == ops::Family::Layout;
      scatters += n.kind == NodeKind::Scatter;
      partials += n.is_partial();
      privates += s.is_private[v];
      for (const Read& r : n.reads) {
        guards += !r.guards.empty();
        for (const Span& span : r.spans) {
          joints += span.hi > span.lo + 1;
          data += span.data;
        }
      }
    }
    phases = std::max(phases, s.barriers + 1);
  }
};

TEST_CASE("every op of the table") {
  testing::Random random(1);
  int graphs = 0;
  for (const ops::OpDef* op : ops::all_ops()) {
    if (op->name == "parameter") continue;
    for (const auto& sample : testing::samples_of(*op)) {
      INFO(testing::to_string(sample));
      const ir::Graph graph = testing::graph_of(sample);
      CHECK(compare(graph, testing::random_operands(sample, random)) == "");
      ++graphs;
    }
  }
  CHECK(graphs > 300);
}

TEST_CASE("random graphs of views, reductions and products") {
  Seen seen;
  for (uint32_t seed = 0; seed < 400; ++seed) {
    INFO("seed " << seed);
    const ir::Graph graph = testing::random_views(seed, 12);
    testing::Random random(seed);
    INFO(ir::print(graph));
    Schedule schedule;
    CHECK(compare(graph, random_inputs(graph, random), {}, &schedule) == "");
    seen.add(schedule);
  }
  CHECK(seen.guards > 100);
  CHECK(seen.joints > 50);
  CHECK(seen.data > 20);
  CHECK(seen.scatters > 20);
  CHECK(seen.copies > 100);
  CHECK(seen.pieces > 20);
}

TEST_CASE("random graphs under a machine on which everything is worth a barrier") {
  // Small values then get carriers, partial sums, phases and repeats.
  Seen seen;
  for (uint32_t seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    const ir::Graph graph = testing::random_views(seed, 25);
    testing::Random random(seed);
    INFO(ir::print(graph));
    PlaceOptions options;
    options.barrier = 0;
    Schedule schedule;
    CHECK(compare(graph, random_inputs(graph, random), options, &schedule) == "");
    seen.add(schedule);
  }
  CHECK(seen.partials > 20);
  CHECK(seen.privates > 20);
  CHECK(seen.phases > 2);
}

TEST_CASE("training steps of small networks") {
  testing::Random random(3);
  for (int64_t batch : {1, 20, 72}) {
    const testing::MlpSizes sizes{.layers = {24, 16, 16, 4}, .batch = batch, .dtype = DType::F64};
    const ir::Graph graph = testing::mlp_step(sizes);
    const Arrays inputs = random_inputs(graph, random);
    for (double barrier : {4000.0, 0.0}) {
      INFO("batch " << batch << ", barrier " << barrier);
      PlaceOptions options;
      options.barrier = barrier;
      CHECK(compare(graph, inputs, options) == "");
    }
  }
}

}  // namespace
}  // namespace gradus::schedule
