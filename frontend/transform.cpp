// grad, value_and_grad, jvp, vjp and vmap: trace the function to a graph of its own, transform
// that, inline the result into the surrounding trace. Outside any trace, that surrounding is an
// eager one.
#include "frontend/transform.h"

#include <optional>

#include <fmt/format.h>

#include "compiler/transforms/batch.h"
#include "compiler/transforms/gradient.h"
#include "compiler/transforms/linearize.h"
#include "compiler/transforms/split_linear.h"
#include "compiler/transforms/transpose.h"
#include "frontend/ops.h"
#include "frontend/tracing.h"

namespace gradus::detail {
namespace {

/// The surrounding trace, opened here if there is none.
class Surrounding {
 public:
  explicit Surrounding(const char* name) {
    if (!Trace::innermost()) root_.emplace(Trace::Kind::Eager, name, name);
  }
  /// Computes the results if there was no trace.
  void finish(std::span<Tensor* const> results) {
    if (root_) run_eager(*root_, results);
  }

 private:
  std::optional<Trace> root_;
};

struct Leaves {
  std::vector<Tensor> tensors;
  std::vector<std::string> paths;
  std::vector<size_t> first;  // of each argument, and the end

  std::vector<Type> types() const {
    std::vector<Type> types;
    for (const Tensor& x : tensors)
      types.push_back(x.type(position()));
    return types;
  }
};

Leaves leaves_of_arguments(std::span<const TreeRef> arguments) {
  Leaves leaves;
  for (size_t i = 0; i < arguments.size(); ++i) {
    leaves.first.push_back(leaves.tensors.size());
    for (Tensor* x : leaves_of(arguments[i]))
      leaves.tensors.push_back(*x);
    for (const TreeFact& fact : facts_of(arguments[i], argument_name(i, {}))) {
      if (!fact.is_static) leaves.paths.push_back(fact.path);
    }
  }
  leaves.first.push_back(leaves.tensors.size());
  return leaves;
}

std::vector<Tensor> inline_here(const ir::Graph& graph, std::span<const Tensor> first,
                                std::span<const Tensor> second) {
  Trace& trace = *Trace::innermost();
  trace.builder().set_source(position());
  std::vector<ir::Value> inputs;
  for (const Tensor& x : first)
    inputs.push_back(trace.value_of(x));
  for (const Tensor& x : second)
    inputs.push_back(trace.value_of(x));
  std::vector<Tensor> results;
  for (ir::Value v : trace.builder().inline_graph(graph, inputs))
    results.push_back(trace.wrap(v));
  return results;
}

std::vector<Tensor*> pointers(std::vector<Tensor>& tensors) {
  std::vector<Tensor*> result;
  for (Tensor& x : tensors)
    result.push_back(&x);
  return result;
}

void append(std::vector<Tensor*>& to, const std::vector<Tensor*>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

/// Numbers of the float leaves.
std::vector<int> differentiable(const std::vector<Type>& types) {
  std::vector<int> wrt;
  for (size_t i = 0; i < types.size(); ++i) {
    if (is_float(types[i].dtype)) wrt.push_back(static_cast<int>(i));
  }
  return wrt;
}

}  // namespace

GradOutcome run_grad(const char* name, SourcePos where, const Traceable& call,
                     std::span<const int> wrt, bool with_value) {
  const PositionScope scope(name, where);
  Surrounding surrounding(name);
  const Leaves leaves = leaves_of_arguments(call.arguments);
  const std::vector<Type> types = leaves.types();
  std::vector<int> inputs;
  for (int argument : wrt) {
    const auto a = static_cast<size_t>(argument);
    for (size_t i = leaves.first[a]; i < leaves.first[a + 1]; ++i) {
      if (!is_float(types[i].dtype)) {
        throw TransformError(
            Message{name,
                    fmt::format("no derivative by what is not real; got {}: {}, expected floats",
                                leaves.paths[i], to_string(types[i])),
                    where, "pass it as another argument, or convert it by astype"});
      }
      inputs.push_back(static_cast<int>(i));
    }
  }
  ClosedGraph closed = close_over(name, types, leaves.paths, call);
  const Type& value = closed.graph.type(closed.graph.outputs()[0]);
  if (value.rank() != 0 || !is_float(value.dtype)) {
    throw TransformError(
        Message{name,
                fmt::format("the function's result is no float scalar; got {}, expected f32[]",
                            to_string(value)),
                where, "reduce it by sum or mean, or use vjp for the derivative of a tensor"});
  }
  const bool with_outputs = with_value || closed.graph.outputs().size() > 1;
  const ir::Graph graph = transforms::gradient(closed.graph, inputs, with_outputs);
  std::vector<Tensor> results = inline_here(graph, leaves.tensors, closed.captured);
  const size_t outputs = with_outputs ? closed.graph.outputs().size() : 0;
  GradOutcome outcome{closed.result,
                      {results.begin() + static_cast<ptrdiff_t>(outputs), results.end()}};
  std::vector<Tensor*> wanted = pointers(outcome.gradients);
  if (with_outputs) {
    assign_leaves(std::span(&outcome.result.tree, 1), std::span(results).first(outputs));
    append(wanted, leaves_of(outcome.result.tree));
  }
  surrounding.finish(wanted);
  return outcome;
}

TracedResult run_jvp(SourcePos where, const Traceable& call, std::span<const TreeRef> tangents,
                     std::vector<Tensor>& result_tangents) {
  const PositionScope scope("jvp", where);
  Surrounding surrounding("jvp");
  const Leaves leaves = leaves_of_arguments(call.arguments);
  const std::vector<Type> types = leaves.types();
  std::vector<Tensor> directions;
  for (size_t i = 0; i < tangents.size(); ++i) {
    expect_same_structure("jvp", call.arguments[i], tangents[i], i, where);
    for (Tensor* x : leaves_of(tangents[i]))
      directions.push_back(*x);
  }
  const std::vector<int> wrt = differentiable(types);
  std::vector<Tensor> inputs;
  for (int i : wrt) {
    const auto k = static_cast<size_t>(i);
    if (directions[k].type(where) != types[k]) {
      throw TransformError(Message{
          "jvp",
          fmt::format(
              "a tangent differs from its argument; got {} for {}: {}, expected equal types",
              to_string(directions[k].type()), leaves.paths[k], to_string(types[k])),
          where, "give each argument a tangent of its own shape and element type"});
    }
    inputs.push_back(directions[k]);
  }
  ClosedGraph closed = close_over("jvp", types, leaves.paths, call);
  const ir::Graph graph = transforms::jvp(closed.graph, wrt);
  // The graph's inputs are the function's, captured ones included, then the tangents.
  std::vector<Tensor> primals = leaves.tensors;
  primals.insert(primals.end(), closed.captured.begin(), closed.captured.end());
  const std::vector<Tensor> results = inline_here(graph, primals, inputs);
  const size_t outputs = closed.graph.outputs().size();
  assign_leaves(std::span(&closed.result.tree, 1), std::span(results).first(outputs));
  size_t next = outputs;
  for (const Type& type : closed.graph.output_types()) {
    result_tangents.push_back(is_float(type.dtype) ? results[next++]
                                                   : zeros(type.shape, type.dtype));
  }
  std::vector<Tensor*> wanted = leaves_of(closed.result.tree);
  append(wanted, pointers(result_tangents));
  surrounding.finish(wanted);
  return closed.result;
}

/// The transposed half of a linearised function, and what it needs of the other half.
class PullbackState {
 public:
  ir::Graph graph;  // residuals…, cotangents of outputs… -> cotangents of inputs…
  std::vector<Tensor> residuals;
  std::vector<Type> inputs, outputs;
  std::vector<int> wrt;
  std::vector<size_t> used;  // which outputs have a cotangent among graph's inputs, in order
};

VjpOutcome run_vjp(SourcePos where, const Traceable& call,
                   size_t (*primary_leaves)(const TracedResult&)) {
  const PositionScope scope("vjp", where);
  Surrounding surrounding("vjp");
  const Leaves leaves = leaves_of_arguments(call.arguments);
  auto state = std::make_shared<PullbackState>();
  state->inputs = leaves.types();
  state->wrt = differentiable(state->inputs);
  ClosedGraph closed = close_over("vjp", state->inputs, leaves.paths, call);
  const size_t primary = primary_leaves(closed.result);
  const auto linearized = transforms::linearize(closed.graph, state->wrt, primary);
  const auto split = transforms::split_linear(linearized);
  state->graph = transforms::transpose(split.linear, split.residuals);
  state->outputs = closed.graph.output_types();
  state->outputs.resize(primary);
  state->used.resize(split.linear.outputs().size());
  for (size_t i = 0; i < primary; ++i) {
    // Tangents follow the function's own outputs.
    const int tangent = linearized.tangent[i];
    if (tangent < 0) continue;
    state->used[static_cast<size_t>(tangent) - closed.graph.outputs().size()] = i;
  }
  const std::vector<Tensor> results = inline_here(split.primal, leaves.tensors, closed.captured);
  const size_t outputs = closed.graph.outputs().size();
  assign_leaves(std::span(&closed.result.tree, 1), std::span(results).first(outputs));
  state->residuals.assign(results.begin() + static_cast<ptrdiff_t>(outputs), results.end());
  std::vector<Tensor*> wanted = leaves_of(closed.result.tree);
  append(wanted, pointers(state->residuals));
  surrounding.finish(wanted);
  return {closed.result, std::move(state)};
}

std::vector<Tensor> run_pullback(const PullbackState& state, TreeRef cotangent, SourcePos where) {
  const PositionScope scope("vjp", where);
  Surrounding surrounding("vjp");
  std::vector<Tensor> given;
  const std::vector<Tensor*> leaves = leaves_of(cotangent);
  if (leaves.size() != state.outputs.size()) {
    throw TransformError(Message{"vjp",
                                 fmt::format("another number of cotangents; got {}, expected {}",
                                             leaves.size(), state.outputs.size()),
                                 where, "give a tree like the function's result"});
  }
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (leaves[i]->type(where) == state.outputs[i]) continue;
    throw TransformError(
        Message{"vjp",
                fmt::format("a cotangent differs from its result; got {}, expected {}",
                            to_string(leaves[i]->type()), to_string(state.outputs[i])),
                where, "give each result a cotangent of its own shape and element type"});
  }
  for (size_t i : state.used)
    given.push_back(*leaves[i]);
  std::vector<Tensor> by_input = inline_here(state.graph, state.residuals, given);
  std::vector<Tensor> all;
  for (size_t i = 0, next = 0; i < state.inputs.size(); ++i) {
    const bool has = next < state.wrt.size() && state.wrt[next] == static_cast<int>(i);
    all.push_back(has ? by_input[next++] : zeros(state.inputs[i].shape, state.inputs[i].dtype));
  }
  surrounding.finish(pointers(all));
  return all;
}

namespace {

/// The axis that a prefix gives each leaf of a tree.
class AxisVisitor final : public TreeVisitor {
 public:
  AxisVisitor(const AxisTree& axes, const char* what) : what_(what) {
    wants_paths = true;
    stack_.push_back({&axes, 0});
  }

  void leaf(Tensor&) override {
    if (!stack_.back().axes->is_leaf()) mismatch(0);
    axes_.push_back(stack_.back().axes->axis());
  }
  void enter(PathStep step) override {
    Level& level = stack_.back();
    ++level.members;
    const AxisTree* inner = level.axes;
    if (!inner->is_leaf()) {
      if (static_cast<size_t>(step.index) >= inner->members().size()) mismatch(level.members);
      inner = &inner->members()[static_cast<size_t>(step.index)];
    }
    stack_.push_back({inner, 0});
  }
  void leave() override {
    check_members();
    stack_.pop_back();
  }
  /// After the walk.
  std::vector<int> take() {
    check_members();
    return std::move(axes_);
  }

 private:
  struct Level {
    const AxisTree* axes;
    size_t members;
  };

  void check_members() {
    const Level& level = stack_.back();
    if (!level.axes->is_leaf() && level.members != level.axes->members().size()) {
      mismatch(level.members);
    }
  }

  [[noreturn]] void mismatch(size_t members) {
    fail<ValueError>(fmt::format("{} does not fit the tree; got {} entries for {} members", what_,
                                 stack_.back().axes->members().size(), members),
                     "give one entry for each member, or one axis for all of them");
  }

  const char* what_;
  std::vector<Level> stack_;
  std::vector<int> axes_;
};

int normal_batch_axis(int axis, int rank, const std::string& path, const Type& type) {
  if (axis == none) return -1;
  const int from_front = axis < 0 ? axis + rank : axis;
  if (from_front < 0 || from_front >= rank) {
    fail<ShapeError>(
        rank == 0
            ? fmt::format("no axis to map; got axis {} for {}: {}", axis, path, to_string(type))
            : fmt::format("no such axis; got axis {} for {}: {}, expected {} to {}", axis, path,
                          to_string(type), -rank, rank - 1),
        "say none in in_axes for what is not mapped");
  }
  return from_front;
}

}  // namespace

TracedResult run_vmap(SourcePos where, const Traceable& call, const AxisTree& in,
                      const AxisTree& out) {
  const PositionScope scope("vmap", where);
  Surrounding surrounding("vmap");
  if (!in.is_leaf() && in.members().size() != call.arguments.size()) {
    fail<ValueError>(fmt::format("in_axes does not fit the call; got {} entries for {} arguments",
                                 in.members().size(), call.arguments.size()),
                     "give one entry for each argument");
  }
  const Leaves leaves = leaves_of_arguments(call.arguments);
  std::vector<int> in_axes;
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    AxisVisitor visitor(in.is_leaf() ? in : in.members()[i], "in_axes");
    call.arguments[i].visit(visitor);
    const std::vector<int> axes = visitor.take();
    in_axes.insert(in_axes.end(), axes.begin(), axes.end());
  }
  std::vector<Type> types = leaves.types();
  for (size_t i = 0; i < types.size(); ++i) {
    in_axes[i] = normal_batch_axis(in_axes[i], types[i].rank(), leaves.paths[i], types[i]);
  }
  const int64_t size = transforms::batch_size(types, leaves.paths, in_axes, where);
  for (size_t i = 0; i < types.size(); ++i) {
    if (in_axes[i] >= 0) types[i].shape = types[i].shape.without(in_axes[i]);
  }
  ClosedGraph closed = close_over("vmap", types, leaves.paths, call);
  AxisVisitor visitor(out, "out_axes");
  closed.result.tree.visit(visitor);
  std::vector<int> out_axes = visitor.take();
  const std::vector<Type> output_types = closed.graph.output_types();
  for (size_t i = 0; i < out_axes.size(); ++i) {
    out_axes[i] = normal_batch_axis(out_axes[i], output_types[i].rank() + 1,
                                    fmt::format("result {}", i), output_types[i]);
  }
  in_axes.resize(in_axes.size() + closed.captured.size(), -1);
  const ir::Graph graph = transforms::batch(closed.graph, in_axes, out_axes, size);
  const std::vector<Tensor> results = inline_here(graph, leaves.tensors, closed.captured);
  assign_leaves(std::span(&closed.result.tree, 1), results);
  surrounding.finish(leaves_of(closed.result.tree));
  return closed.result;
}

}  // namespace gradus::detail
