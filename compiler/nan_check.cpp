#include "compiler/nan_check.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "compiler/ir/builder.h"
#include "compiler/ops/op.h"
#include "compiler/transforms/inline_calls.h"
#include "runtime/error.h"

namespace gradus {
namespace {

template <class Test>
bool any_element(const Type& type, const Buffer& buffer, Test test) {
  const auto count = static_cast<size_t>(type.elements());
  const auto search = [&]<class T>(const T* first) {
    return std::any_of(first, first + count, test);
  };
  if (type.dtype == DType::F32) return search(buffer.as<float>());
  if (type.dtype == DType::F64) return search(buffer.as<double>());
  return false;
}

bool has_nan(const Type& type, const Buffer& buffer) {
  return any_element(type, buffer, [](auto x) { return std::isnan(x); });
}

bool has_infinity(const Type& type, const Buffer& buffer) {
  return any_element(type, buffer, [](auto x) { return std::isinf(x); });
}

/// A graph run one op at a time, with every value kept.
class OpByOp {
 public:
  OpByOp(const ir::Graph& graph, const CompileOp& compile_op)
      : graph_(graph), compile_op_(compile_op), values_(graph.num_values()) {}

  void run(std::span<const BufferPtr> inputs) {
    static const ops::OpDef& parameter = ops::op_named("parameter");
    for (ir::NodeId n = 0; n < graph_.size(); ++n) {
      if (&graph_.op(n) == &parameter) {
        value({n, 0}) = inputs[static_cast<size_t>(graph_.attr<int64_t>(n, "index"))];
      } else {
        run_node(n);
      }
    }
  }

  const BufferPtr& value(ir::Value v) const { return values_[graph_.value_index(v)]; }
  bool is_nan(ir::Value v) const { return has_nan(graph_.type(v), *value(v)); }
  bool is_infinite(ir::Value v) const { return has_infinity(graph_.type(v), *value(v)); }

 private:
  BufferPtr& value(ir::Value v) { return values_[graph_.value_index(v)]; }

  void run_node(ir::NodeId n) {
    ir::Builder builder(std::string(graph_.op(n).name));
    std::vector<ir::Value> operands;
    std::vector<BufferPtr> inputs;
    for (ir::Value v : graph_.operands(n)) {
      operands.push_back(builder.parameter(graph_.type(v)));
      inputs.push_back(value(v));
    }
    const auto results = builder.copy_node(graph_, n, operands);
    const auto program = compile_op_(builder.finish(results));
    std::vector<BufferPtr> outputs(results.size());
    program->run(inputs, outputs);
    for (uint32_t i = 0; i < outputs.size(); ++i)
      value({n, i}) = std::move(outputs[i]);
  }

  const ir::Graph& graph_;
  const CompileOp& compile_op_;
  std::vector<BufferPtr> values_;
};

std::string line_of(SourcePos where) {
  return where ? fmt::format(" at {}:{}", where.file, where.line) : std::string();
}

/// From a value that holds a NaN to the one where it began.
ir::Value origin_of(const ir::Graph& graph, const OpByOp& run, ir::Value v) {
  while (true) {
    const auto operands = graph.operands(v.node);
    const auto bad = std::ranges::find_if(operands, [&](ir::Value u) { return run.is_nan(u); });
    if (bad == operands.end()) return v;
    v = *bad;
  }
}

[[noreturn]] void fail_at(const ir::Graph& graph, const OpByOp& run, ir::Value v) {
  const std::string type = to_string(graph.type(v));
  if (graph.operands(v.node).empty() && graph.op(v.node).name == "parameter") {
    const auto index = static_cast<size_t>(graph.attr<int64_t>(v.node, "index"));
    throw NanError(
        {.op = graph.name(),
         .what = fmt::format("an argument holds a NaN; got {} {}", type, graph.input_name(index)),
         .remedy = "look at the step before this one, or at the data"});
  }
  std::string operands;
  for (ir::Value u : graph.operands(v.node)) {
    operands += fmt::format("{}{}", operands.empty() ? "" : ", ", to_string(graph.type(u)));
    if (!run.is_infinite(u)) continue;
    operands += fmt::format(" with an infinity from {}{}", graph.op(u.node).name,
                            line_of(graph.source(u.node)));
  }
  throw NanError({.op = std::string(graph.op(v.node).name),
                  .what = fmt::format("the first NaN of {} is made here; got {} of ({}), expected "
                                      "numbers",
                                      graph.name(), type, operands),
                  .where = graph.source(v.node),
                  .remedy = "keep its operands in the op's domain, e.g. with maximum or where, or "
                            "lower the learning rate"});
}

class NanCheckedExecutable final : public Executable {
 public:
  NanCheckedExecutable(ir::Graph graph, std::shared_ptr<const Executable> program,
                       CompileOp compile_op)
      : Executable(program->input_types(), program->output_types()),
        graph_(std::move(graph)),
        program_(std::move(program)),
        compile_op_(std::move(compile_op)) {}

  void run(std::span<BufferPtr> inputs, std::span<BufferPtr> outputs) const override {
    const std::vector<BufferPtr> kept(inputs.begin(), inputs.end());
    program_->run(inputs, outputs);
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (has_nan(output_types()[i], *outputs[i])) explain(kept, i);
    }
  }

 private:
  [[noreturn]] void explain(std::span<const BufferPtr> inputs, size_t output) const {
    const ir::Graph flat = transforms::inline_calls(graph_);
    OpByOp run(flat, compile_op_);
    run.run(inputs);
    const ir::Value bad = flat.outputs()[output];
    if (run.is_nan(bad)) fail_at(flat, run, origin_of(flat, run, bad));
    throw NanError(
        {.op = flat.name(),
         .what = fmt::format("the result {} holds a NaN that does not come up op by op; got {}",
                             flat.output_name(output), to_string(flat.type(bad))),
         .remedy = "GRADUS_DISABLE tells which optimisation makes the difference"});
  }

  ir::Graph graph_;
  std::shared_ptr<const Executable> program_;
  CompileOp compile_op_;
};

}  // namespace

std::shared_ptr<const Executable> make_nan_checked(ir::Graph graph,
                                                   std::shared_ptr<const Executable> program,
                                                   CompileOp compile_op) {
  return std::make_shared<NanCheckedExecutable>(std::move(graph), std::move(program),
                                                std::move(compile_op));
}

}  // namespace gradus
