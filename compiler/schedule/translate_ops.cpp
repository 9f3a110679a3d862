// Translator: ops with a space, by its kind.
#include <algorithm>

#include "compiler/schedule/translator.h"
#include "runtime/error.h"

namespace gradus::schedule {

using ir::NodeId;
using ir::Value;
using ops::DimIndex;
using ops::OpDef;
using ops::Space;
using ops::SpaceKind;

void Translator::apply(NodeId n) {
  const Axes axes = axes_of(n);
  switch (spaces_[n].kind) {
    case SpaceKind::View:
      return apply_layout(n, axes);
    case SpaceKind::Reduce:
      return apply_reduce(n, axes);
    case SpaceKind::Product:
      return apply_product(n, axes);
    case SpaceKind::Gather:
    case SpaceKind::Scatter:
      return apply_indexed(n, axes);
    case SpaceKind::Elementwise:
      return apply_elementwise(n, axes);
  }
}

Translator::Axes Translator::axes_of(NodeId n) const {
  const Space& space = spaces_[n];
  Axes axes;
  for (int a = 0; a < static_cast<int>(space.extents.size()); ++a) {
    axes.first.push_back(static_cast<int>(axes.extents.size()));
    axes.atoms.push_back(atoms_->of_axis(n, a));
    axes.extents.insert(axes.extents.end(), axes.atoms.back().begin(), axes.atoms.back().end());
    if (a < space.parallel) axes.parallel = static_cast<int>(axes.extents.size());
  }
  return axes;
}

Translator::Index Translator::index_of(NodeId n, int operand, const Axes& axes) const {
  const Space& space = spaces_[n];
  const Shape& shape = graph_.type(graph_.operands(n)[operand]).shape;
  Index index;
  for (int d = 0; d < shape.rank(); ++d) {
    const DimIndex& of = space.operands[operand][d];
    DimExpr e;
    if (is_identity(of, space.extents, shape[d])) {
      const int a = of.terms[0].first;
      for (size_t i = 0; i < axes.atoms[a].size(); ++i) {
        e.atoms.push_back(axis_index(axes.first[a] + static_cast<int>(i)));
      }
    } else if (of.data) {
      e.data = true;
    } else {
      e.joint = true;
      e.index.constant = of.constant;
      for (auto [a, c] : of.terms) {
        const Affine part = row_major(axes.first[a], axes.atoms[a], c);
        e.index.terms.insert(e.index.terms.end(), part.terms.begin(), part.terms.end());
      }
      normalize(e.index);
      if (of.guarded) index.guards.push_back({e.index, shape[d]});
    }
    index.dims.push_back(std::move(e));
  }
  return index;
}

NodeInput Translator::bind(View v, const Index& index, const Axes& axes, loop::Bits fill) {
  Access own{.guards = index.guards, .fill = fill};
  settle_guards(own, axes.extents);
  if (own.kind == Operand::Kind::Constant) return {own, v.dtype, v.fence};
  if (!own.guards.empty() && v.access.kind != Operand::Kind::Read) {
    if (v.is_constant() && v.access.constant == fill) return {v.access, v.dtype, v.fence};
    v = v.is_constant() ? scalar_node(v) : copied(v);
  }
  auto access = read_at(v, index.dims, base_atoms(v), axes.extents);
  if (access && !own.guards.empty() && !access->guards.empty() && access->fill != fill) access = {};
  if (!access) {
    v = copied(v);
    access = read_at(v, index.dims, base_atoms(v), axes.extents);
    GRADUS_CHECK(access, "a plain value is read at any index");
  }
  if (!own.guards.empty() && access->kind == Operand::Kind::Constant) {
    // The view's own guards never hold here: all that is left of it is its fill.
    View constant = v;
    constant.access = *access;
    if (access->constant == fill) return {*access, v.dtype, v.fence};
    v = scalar_node(constant);
    access = v.access;
  }
  if (!own.guards.empty()) {
    access->guards.insert(access->guards.end(), own.guards.begin(), own.guards.end());
    access->fill = fill;
    settle_guards(*access, axes.extents);
  }
  return {std::move(*access), v.dtype, v.fence};
}

NodeInput Translator::bind_read(View v, const Index& index, const Axes& axes) {
  if (v.is_constant()) v = scalar_node(v);
  if (v.access.kind == Operand::Kind::Iota) v = copied(v);
  NodeInput input = bind(v, index, axes, 0);
  const bool guarded = input.access.kind == Operand::Kind::Read && !input.access.guards.empty();
  // A fill of zero under an op's own guards (a convolution's padding) is the same zero.
  if (guarded && (index.guards.empty() || input.access.fill != 0)) {
    input = bind(copied(v), index, axes, 0);
  }
  if (input.access.kind != Operand::Kind::Read) {
    View constant{.access = input.access, .dtype = input.dtype, .fence = input.fence};
    input.access = scalar_node(constant).access;
  }
  return input;
}

void Translator::emit(NodeId n, NodeKind kind, const Axes& axes, std::vector<NodeInput> inputs) {
  const Space& space = spaces_[n];
  Node node{.kind = kind,
            .op = &graph_.op(n),
            .attributes = graph_.shared_attrs(n),
            .origin = n,
            .extents = axes.extents,
            .parallel = axes.parallel,
            .static_key = space.static_key};
  // A flop of an elementwise op or a reduction weighs twice one of a product: it is no fused one.
  const double weight = kind == NodeKind::Product ? 1 : 2;
  node.work = static_cast<double>(product(axes.extents)) * space.flops * weight;
  if (kind == NodeKind::Scatter) {  // each update is added once
    node.work = 2.0 * static_cast<double>(graph_.type(graph_.operands(n)[2]).elements()) +
                static_cast<double>(graph_.type({n, 0}).elements());
    const auto axis = static_cast<size_t>(graph_.attr<int64_t>(n, "axis"));
    node.data_axes = {axes.first[axis],
                      axes.first[axis] + static_cast<int>(axes.atoms[axis].size())};
  }
  for (uint32_t i = 0; i < graph_.results(n); ++i) {
    const Value v{n, i};
    if (uses_[graph_.value_index(v)] == 0) continue;
    node.result = static_cast<int>(i);
    node.dtype = graph_.type(v).dtype;
    const int number = table_.add(node, inputs);
    view(v) = {.access = whole(number, static_cast<size_t>(axes.parallel)),
               .atoms = {axes.atoms.begin(), axes.atoms.begin() + space.parallel},
               .dtype = node.dtype};
  }
}

void Translator::set_view(NodeId n, const Axes& axes, NodeInput input) {
  view({n, 0}) = {.access = std::move(input.access),
                  .atoms = {axes.atoms.begin(), axes.atoms.begin() + spaces_[n].parallel},
                  .dtype = graph_.type({n, 0}).dtype,
                  .fence = input.fence};
}

void Translator::apply_layout(NodeId n, const Axes& axes) {
  const auto operands = graph_.operands(n);
  const Index index = index_of(n, 0, axes);
  for (const DimExpr& e : index.dims) {
    GRADUS_CHECK(!e.data, graph_.op(n).name + " divides an index: decompose rewrites it before");
  }
  const View& x = view(operands[0]);
  if (operands.size() == 1) return set_view(n, axes, bind(x, index, axes, 0));
  const View& fill = view(operands[1]);
  if (fill.is_constant()) return set_view(n, axes, bind(x, index, axes, fill.access.constant));
  // A computed fill: the first operand where it is there, else the second.
  Access own{.guards = index.guards};
  settle_guards(own, axes.extents);
  if (own.kind == Operand::Kind::Constant) return set_view(n, axes, bind(fill, {}, axes, 0));
  if (own.guards.empty()) return set_view(n, axes, bind(x, index, axes, 0));
  const View body = x.is_constant() ? scalar_node(x) : x.access.guards.empty() ? x : copied(x);
  emit(n, NodeKind::Elementwise, axes, {bind(body, index, axes, 0), bind(fill, {}, axes, 0)});
}

void Translator::apply_reduce(NodeId n, const Axes& axes) {
  static const OpDef& argmax = ops::op_named("argmax");
  static const OpDef& argmin = ops::op_named("argmin");
  NodeInput x = bind(view(graph_.operands(n)[0]), index_of(n, 0, axes), axes, 0);
  if (static_cast<size_t>(axes.parallel) < axes.extents.size()) {
    return emit(n, NodeKind::Reduce, axes, {std::move(x)});
  }
  // One element is its own sum, and stands at index 0.
  if (&graph_.op(n) == &argmax || &graph_.op(n) == &argmin) return set_constant({n, 0}, 0);
  set_view(n, axes, std::move(x));
}

void Translator::apply_product(NodeId n, const Axes& axes) {
  std::vector<NodeInput> inputs;
  for (int i = 0; i < static_cast<int>(graph_.operands(n).size()); ++i) {
    inputs.push_back(bind_read(view(graph_.operands(n)[i]), index_of(n, i, axes), axes));
  }
  emit(n, NodeKind::Product, axes, std::move(inputs));
}

void Translator::apply_indexed(NodeId n, const Axes& axes) {
  const auto operands = graph_.operands(n);
  const bool gather = spaces_[n].kind == SpaceKind::Gather;
  if (gather && view(operands[0]).is_constant()) {
    return set_constant({n, 0}, view(operands[0]).access.constant);
  }
  if (!gather && graph_.type(operands[2]).elements() == 0) {
    view({n, 0}) = view(operands[0]);
    return;
  }
  std::vector<NodeInput> inputs;
  for (int i = 0; i < static_cast<int>(operands.size()); ++i) {
    const View& v = view(operands[i]);
    const Index index = index_of(n, i, axes);
    NodeInput input = bind(v, index, axes, 0);
    if (!input.access.guards.empty()) input = bind(copied(v), index, axes, 0);
    inputs.push_back(std::move(input));
  }
  const auto& spans = inputs[0].access.spans;
  if (gather && std::ranges::none_of(spans, [](const Span& s) { return s.data; })) {
    return set_view(n, axes, std::move(inputs[0]));  // all slices along the axis are one
  }
  emit(n, gather ? NodeKind::Gather : NodeKind::Scatter, axes, std::move(inputs));
}

void Translator::apply_elementwise(NodeId n, const Axes& axes) {
  const auto operands = graph_.operands(n);
  std::vector<NodeInput> inputs;
  if (graph_.op(n).family != ops::Family::Layout) {
    for (int i = 0; i < static_cast<int>(operands.size()); ++i) {
      inputs.push_back(bind(view(operands[i]), index_of(n, i, axes), axes, 0));
    }
    return emit(n, NodeKind::Elementwise, axes, std::move(inputs));
  }
  // Concatenate: one guarded read per piece.
  for (int i = 0; i < static_cast<int>(operands.size()); ++i) {
    if (graph_.type(operands[i]).elements() == 0) continue;
    View v = view(operands[i]);
    if (v.is_constant()) v = scalar_node(v);
    if (!v.access.guards.empty()) v = copied(v);
    inputs.push_back(bind(v, index_of(n, i, axes), axes, 0));
  }
  if (inputs.size() == 1) return set_view(n, axes, std::move(inputs[0]));
  emit(n, NodeKind::Elementwise, axes, std::move(inputs));
}

}  // namespace gradus::schedule
