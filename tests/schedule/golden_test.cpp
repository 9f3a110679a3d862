// The placements of published training steps: carriers, barriers, regions, leaves, what is stored
// whole. The graphs were traced and differentiated by JAX (tests/golden/jaxpr_to_gr.py).
#include <fmt/format.h>

#include <array>
#include <catch2/catch_test_macros.hpp>

#include "compiler/ir/parse.h"
#include "compiler/transforms/passes.h"
#include "tests/schedule/compare.h"
#include "tests/support/golden.h"

namespace gradus::schedule {
namespace {

ir::Graph golden_graph(const std::string& name) {
  return ir::parse_file(GRADUS_SOURCE_DIR "/tests/golden/graphs/" + name + ".gr");
}

Schedule placed(const ir::Graph& graph, const PlaceOptions& options) {
  Schedule s = translate(graph);
  place(s, options);
  return s;
}

/// As converted, in tight leaves, under several numbers of workers; then as compiled.
std::string text_of(const ir::Graph& converted) {
  const ir::Graph lowered = testing::lowered(converted);
  std::string text = "As converted, components of tight reads:\n";
  text += to_string(placed(lowered, {.grouping = LeafGrouping::Tight}));
  for (int workers : {2, 4, 64}) {
    const int barriers =
        placed(lowered, {.workers = workers, .grouping = LeafGrouping::Tight}).barriers;
    text += fmt::format("barriers with {} workers: {}\n", workers, barriers);
  }
  ir::Graph compiled = converted;
  for (const transforms::Pass& pass : transforms::passes())
    compiled = pass.run(compiled);
  text += "After the passes, leaves as compiled:\n";
  return text + to_string(placed(compiled, {}));
}

TEST_CASE("placements of published training steps") {
  for (const char* name :
       {"s3", "s1", "s4", "clip_adamw", "transformer", "chain_10m", "accuracy", "embedding",
        "s3_batch1", "hessian_vector", "s0", "s2", "batch_norm", "batch_norm_var", "ensemble"}) {
    INFO(name);
    const std::string text = text_of(golden_graph(name));
    CHECK(text == testing::golden(std::string("schedules/") + name + ".txt", text));
  }
}

/// What the placements may cost, whatever else the golden texts come to say.
struct Bound {
  const char* name;
  std::array<int, 4> barriers;  // with 2, 4, 16 and 64 workers
};

TEST_CASE("no placement has more barriers than a programmer would need") {
  for (const Bound& bound : std::initializer_list<Bound>{{"s0", {1, 1, 1, 1}},
                                                         {"s1", {1, 1, 1, 2}},
                                                         {"s2", {1, 1, 1, 1}},
                                                         {"s3", {1, 1, 1, 4}},
                                                         {"s3_batch1", {3, 3, 3, 3}},
                                                         {"clip_adamw", {2, 2, 2, 5}},
                                                         {"batch_norm", {3, 4, 4, 4}},
                                                         {"batch_norm_var", {3, 4, 8, 8}},
                                                         {"transformer", {1, 1, 3, 3}},
                                                         {"embedding", {1, 1, 1, 1}},
                                                         {"hessian_vector", {1, 1, 1, 1}},
                                                         {"chain_10m", {0, 0, 0, 0}},
                                                         {"accuracy", {0, 0, 0, 0}},
                                                         {"ensemble", {0, 0, 0, 0}}}) {
    const ir::Graph graph = testing::lowered(golden_graph(bound.name));
    constexpr std::array kWorkers{2, 4, 16, 64};
    for (size_t i = 0; i < kWorkers.size(); ++i) {
      CAPTURE(bound.name, kWorkers[i]);
      const PlaceOptions options{.workers = kWorkers[i], .grouping = LeafGrouping::Tight};
      CHECK(placed(graph, options).barriers <= bound.barriers[i]);
    }
  }
}

/// Product leaves are what the code generator expects of them.
void check_leaf(const Schedule& s, const std::vector<int>& leaf) {
  std::vector<int> products;
  for (int v : leaf) {
    if (s.nodes[v].kind == NodeKind::Product) products.push_back(v);
    if (s.nodes[v].kind == NodeKind::Scatter) CHECK(leaf.size() == 1);
  }
  if (products.empty()) return;
  REQUIRE(products.size() == 1);
  const Node& p = s.nodes[products[0]];
  bool behind = false;
  for (int v : leaf) {
    const Node& n = s.nodes[v];
    if (v == products[0]) {
      behind = true;
      continue;
    }
    CHECK(n.kind == NodeKind::Elementwise);
    bool is_operand = false;
    for (const Read& r : p.reads)
      is_operand |= r.source == v;
    if (!behind && is_operand) continue;
    CHECK(n.parallel == p.parallel);
    CHECK(std::equal(n.extents.begin(), n.extents.end(), p.extents.begin()));
    for (const Read& r : n.reads) {
      if (std::ranges::find(leaf, r.source) == leaf.end()) continue;
      CHECK(r.same.size() == static_cast<size_t>(n.parallel));
      for (auto [d, a] : r.same)
        CHECK(d == a);
    }
  }
}

TEST_CASE("a leaf has one product, with elementwise ops at its points") {
  for (const char* name : {"s3", "s1", "clip_adamw", "transformer", "embedding"}) {
    INFO(name);
    const Schedule s = placed(testing::lowered(golden_graph(name)), {});
    for (const Region& region : s.regions) {
      for (const auto& leaf : region.leaves)
        check_leaf(s, leaf);
    }
  }
}

}  // namespace
}  // namespace gradus::schedule
