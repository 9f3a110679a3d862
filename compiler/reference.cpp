#include "compiler/reference.h"

#include <fmt/format.h>

#include "compiler/ops/reference_values.h"

namespace gradus {

using ops::RefArray;

namespace {

class ReferenceExecutable final : public Executable {
 public:
  explicit ReferenceExecutable(ir::GraphPtr graph)
      : Executable(graph->input_types(), graph->output_types()), graph_(std::move(graph)) {}

  void run(std::span<BufferPtr> inputs, std::span<BufferPtr> outputs) const override {
    GRADUS_CHECK(inputs.size() == input_types().size() && outputs.size() == output_types().size());
    std::vector<RefArray> arrays;
    for (size_t i = 0; i < inputs.size(); ++i) {
      arrays.push_back(ops::reference_of(input_types()[i], inputs[i]->data()));
    }
    const auto results = evaluate_reference(*graph_, arrays);
    for (size_t i = 0; i < outputs.size(); ++i) {
      outputs[i] = Buffer::allocate(output_types()[i].bytes());
      ops::store_reference(results[i], outputs[i]->data());
    }
  }

 private:
  ir::GraphPtr graph_;
};

}  // namespace

std::vector<RefArray> evaluate_reference(const ir::Graph& graph, std::span<const RefArray> inputs) {
  static const ops::OpDef& parameter = ops::op_named("parameter");
  GRADUS_CHECK(inputs.size() == graph.inputs().size(), graph.name());
  auto uses = ir::count_uses(graph);
  std::vector<RefArray> values(graph.num_values());
  for (ir::NodeId n = 0; n < graph.size(); ++n) {
    const ops::OpDef& op = graph.op(n);
    if (&op == &parameter) {
      const RefArray& input = inputs[static_cast<size_t>(graph.attr<int64_t>(n, "index"))];
      GRADUS_CHECK(input.type == graph.type({n, 0}),
                   fmt::format("{} for {}", to_string(input.type), to_string(graph.type({n, 0}))));
      values[graph.value_index({n, 0})] = input;
      continue;
    }
    std::vector<RefArray> operands;
    for (ir::Value v : graph.operands(n)) {
      const uint32_t i = graph.value_index(v);
      // The last reader takes the array: memory follows what is live.
      operands.push_back(--uses[i] == 0 ? std::move(values[i]) : values[i]);
    }
    std::vector<Type> types;
    for (uint32_t i = 0; i < graph.results(n); ++i)
      types.push_back(graph.type({n, i}));
    auto results = op.reference({{op, graph.attrs(n)}, operands, types});
    GRADUS_CHECK(results.size() == types.size(), op.name);
    for (uint32_t i = 0; i < types.size(); ++i) {
      GRADUS_CHECK(results[i].type == types[i], op.name);
      values[graph.value_index({n, i})] = std::move(results[i]);
    }
  }
  std::vector<RefArray> outputs;
  for (ir::Value v : graph.outputs())
    outputs.push_back(values[graph.value_index(v)]);
  return outputs;
}

std::unique_ptr<Executable> make_reference_executable(ir::GraphPtr graph) {
  return std::make_unique<ReferenceExecutable>(std::move(graph));
}

std::unique_ptr<Executable> make_reference_executable(const ir::Graph& graph) {
  return make_reference_executable(std::make_shared<const ir::Graph>(graph));
}

}  // namespace gradus
