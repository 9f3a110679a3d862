// Random programs through all transforms and their compositions.
#include <catch2/catch_test_macros.hpp>

#include "compiler/ir/parse.h"
#include "compiler/ir/print.h"
#include "compiler/ir/verify.h"
#include "compiler/reference.h"
#include "compiler/transforms/batch.h"
#include "compiler/transforms/gradient.h"
#include "compiler/transforms/passes.h"
#include "tests/support/properties.h"
#include "tests/support/random_graph.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

constexpr int kPrograms = 100;

Arrays random_inputs(const ir::Graph& f, Random& random) {
  Arrays inputs;
  for (const Type& type : f.input_types())
    inputs.push_back(random_array(type, {-1, 1}, random));
  return inputs;
}

/// Calls f(graph, inputs, random) for each program.
template <class F>
void for_each_program(uint64_t seed, F&& f) {
  for (uint64_t i = 0; i < kPrograms; ++i) {
    Random random(seed * 1000 + i);
    const ir::Graph graph = random_graph(random);
    INFO("program " << seed * 1000 + i << "\n" << ir::print(graph));
    f(graph, random_inputs(graph, random), random);
  }
}

std::vector<int> all_inputs(const ir::Graph& f) {
  return float_indices(f.input_types());
}

/// A kink between x - h and x + h spoils a difference of one step, hardly of both.
std::string check_slopes(const ir::Graph& f, const Arrays& x, Random& random) {
  const auto what = check_jvp(f, x, all_inputs(f), random, 1e-5, 1e-5);
  return what.empty() ? what : check_jvp(f, x, all_inputs(f), random, 1e-4, 1e-7);
}

}  // namespace

TEST_CASE("Random programs: forward mode against finite differences") {
  for_each_program(1, [](const ir::Graph& f, const Arrays& x, Random& random) {
    CHECK(check_slopes(f, x, random) == "");
  });
}

TEST_CASE("Random programs: reverse mode against forward mode") {
  for_each_program(2, [](const ir::Graph& f, const Arrays& x, Random& random) {
    CHECK(check_transpose(f, x, all_inputs(f), random, 1e-9) == "");
    const int one[] = {static_cast<int>(random() % x.size())};
    CHECK(check_transpose(f, x, one, random, 1e-9) == "");
    CHECK(check_subsets(f, x, random) == "");
  });
}

TEST_CASE("Random programs: the gradient's own derivatives") {
  for_each_program(3, [](const ir::Graph& f, const Arrays& x, Random& random) {
    const ir::Graph g = transforms::gradient(f, all_inputs(f), true);
    CHECK(check_transpose(g, x, all_inputs(g), random, 1e-8) == "");
  });
}

TEST_CASE("Random programs: vmap against a loop, of the program and of its gradient") {
  for_each_program(4, [](const ir::Graph& f, const Arrays& x, Random& random) {
    const ir::Graph g = transforms::gradient(f, all_inputs(f), true);
    std::vector<int> axes;
    for (const Type& type : f.input_types()) {
      axes.push_back(static_cast<int>(random() % static_cast<uint64_t>(type.rank() + 2)) - 1);
    }
    if (std::ranges::all_of(axes, [](int a) { return a < 0; })) axes[0] = 0;
    const std::vector<Domain> domains(x.size(), {-1, 1});
    for (int64_t size : {1, 3}) {
      CHECK(check_batch(f, axes, size, domains, random, 1e-10) == "");
      CHECK(check_batch(g, axes, size, domains, random, 1e-8) == "");
    }
  });
}

TEST_CASE("Random programs: batched twice, and the gradient of a batched sum") {
  for_each_program(5, [](const ir::Graph& f, const Arrays& x, Random& random) {
    const std::vector<int> in(f.inputs().size(), 0), out(f.outputs().size(), 0);
    const ir::Graph once = transforms::batch(f, in, out, 2);
    std::vector<int> last;
    for (const Type& type : once.input_types())
      last.push_back(type.rank());
    const std::vector<Domain> domains(x.size(), {-1, 1});
    CHECK(check_batch(once, last, 2, domains, random, 1e-10) == "");
    CHECK(check_transpose(once, random_inputs(once, random), all_inputs(once), random, 1e-9) == "");
  });
}

TEST_CASE("Random programs: every pass keeps the values; texts parse back; graphs verify") {
  for_each_program(6, [](const ir::Graph& f, const Arrays& x, Random&) {
    ir::Graph g = transforms::gradient(f, all_inputs(f), true);
    const Arrays expected = evaluate_reference(g, x);
    for (const transforms::Pass& pass : transforms::passes()) {
      INFO(pass.name);
      g = pass.run(g);
      ir::verify(g);
      CHECK(difference(evaluate_reference(g, x), expected, 1e-9) == "");
      CHECK(ir::structurally_equal(ir::parse(ir::print(g)), g));
    }
  });
}

TEST_CASE("Running the passes again changes nothing") {
  for_each_program(7, [](const ir::Graph& f, const Arrays&, Random&) {
    ir::Graph g = transforms::gradient(f, all_inputs(f));
    for (const transforms::Pass& pass : transforms::passes())
      g = pass.run(g);
    ir::Graph again = g;
    for (const transforms::Pass& pass : transforms::passes())
      again = pass.run(again);
    CHECK(again.size() == g.size());
  });
}
