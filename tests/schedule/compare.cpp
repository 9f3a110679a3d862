#include "tests/schedule/compare.h"

#include "compiler/reference.h"
#include "compiler/schedule/evaluate.h"
#include "compiler/transforms/decompose.h"
#include "compiler/transforms/inline_calls.h"

namespace gradus::testing {

ir::Graph lowered(const ir::Graph& traced) {
  return transforms::decompose(transforms::inline_calls(traced));
}

Arrays random_inputs(const ir::Graph& graph, Random& random) {
  Arrays inputs;
  for (const Type& type : graph.input_types())
    inputs.push_back(random_array(type, {}, random));
  return inputs;
}

std::string compare(const ir::Graph& traced, const Arrays& inputs,
                    const schedule::PlaceOptions& options, schedule::Schedule* placed) {
  const ir::Graph graph = lowered(traced);
  const Arrays expected = evaluate_reference(graph, inputs);
  schedule::Schedule s = schedule::translate(graph);
  const auto differs = [&](const char* stage) -> std::string {
    const std::string what = difference(schedule::evaluate(s, graph, inputs), expected, 1e-9);
    return what.empty() ? "" : stage + what + "\n" + schedule::describe(s, graph);
  };
  std::string what = differs("translated: ");
  if (!what.empty()) return what;
  schedule::place(s, options);
  what = differs("placed: ");
  if (placed != nullptr) *placed = std::move(s);
  return what;
}

}  // namespace gradus::testing
