#include "compiler/schedule/evaluate.h"

#include <algorithm>

#include "compiler/ops/reference_values.h"
#include "compiler/schedule/state.h"
#include "runtime/error.h"

namespace gradus::schedule {

using ops::RefArray;

namespace {

RefArray make_array(DType dtype, std::initializer_list<int64_t> shape) {
  return ops::make_reference({dtype, Shape(shape)});
}

RefArray scalar_of(DType dtype, loop::Bits bits) {
  return ops::reference_of(Type{dtype, {}}, &bits);
}

void copy_element(const RefArray& from, int64_t i, RefArray& to, int64_t j) {
  if (is_float(to.type.dtype)) {
    to.real[j] = from.real[i];
  } else {
    to.integer[j] = from.integer[i];
  }
}

int64_t value_of(const Affine& a, std::span<const int64_t> at) {
  int64_t x = a.constant;
  for (auto [axis, c] : a.terms)
    x += c * at[axis];
  return x;
}

/// Moves to the next point in row-major order; false after the last.
bool next_point(std::vector<int64_t>& at, std::span<const int64_t> extents) {
  for (size_t a = extents.size(); a-- > 0;) {
    if (++at[a] < extents[a]) return true;
    at[a] = 0;
  }
  return false;
}

class Evaluator {
 public:
  Evaluator(const Schedule& s, const ir::Graph& graph, std::span<const RefArray> inputs)
      : s_(s), graph_(graph), inputs_(inputs), values_(s.nodes.size()) {}

  std::vector<RefArray> run() {
    for (size_t v = 0; v < s_.nodes.size(); ++v) {
      if (s_.nodes[v].kind == NodeKind::Input) values_[v] = input(s_.nodes[v]);
    }
    for (int v : ordered(s_.nodes).order)
      values_[v] = compute(v);
    std::vector<RefArray> outputs;
    for (size_t i = 0; i < s_.outputs.size(); ++i) {
      outputs.push_back(values_[s_.outputs[i]]);
      outputs.back().type = graph_.type(graph_.outputs()[i]);
    }
    return outputs;
  }

 private:
  RefArray input(const Node& n) const {
    if (n.input >= 0) return inputs_[n.input];
    return ops::reference_of(graph_.attr<ir::Literal>(n.origin, "value"));
  }

  static bool holds(const Read& r, std::span<const int64_t> at) {
    return std::ranges::all_of(r.guards, [&](const Guard& g) {
      const int64_t x = value_of(g.index, at);
      return x >= 0 && x < g.extent;
    });
  }

  /// Where the read goes in its source; `data`: the value of an index operand.
  int64_t address(const Node& n, const Read& r, std::span<const int64_t> at, int64_t data) const {
    const Node& u = s_.nodes[r.source];
    int64_t offset = 0;
    int covered = 0;
    for (const Span& span : r.spans) {
      GRADUS_CHECK(span.lo == covered && span.hi > span.lo, "spans are no partition of the atoms");
      covered = span.hi;
      const int64_t extent =
          product({u.extents.data() + span.lo, static_cast<size_t>(span.hi - span.lo)});
      int64_t x = value_of(span.index, at);
      if (span.data) x = std::clamp<int64_t>(data, 0, extent - 1);
      GRADUS_CHECK(x >= 0 && x < extent, "a read out of bounds");
      offset = offset * extent + x;
    }
    GRADUS_CHECK(covered == u.parallel || r.spans.empty());
    GRADUS_CHECK(!r.spans.empty() || u.parallel == 0);
    if (r.partial) offset += at[n.parallel] * u.result_elements();
    return offset;
  }

  /// The operand at every point of the axes, in row-major order.
  RefArray operand(const Node& n, const Operand& o, const RefArray* data = nullptr) const {
    RefArray out = make_array(o.dtype, {n.points()});
    if (n.points() == 0) return out;
    const RefArray constant =
        scalar_of(o.dtype, o.kind == Operand::Kind::Read ? n.reads[o.read].fill : o.constant);
    std::vector<int64_t> at(n.extents.size(), 0);
    int64_t i = 0;
    do {
      if (o.kind == Operand::Kind::Iota) {
        ops::set_number(out, i, value_of(o.iota, at));
      } else if (o.kind == Operand::Kind::Read && holds(n.reads[o.read], at)) {
        const Read& r = n.reads[o.read];
        const int64_t index = data == nullptr ? 0 : data->integer[i];
        copy_element(values_[r.source], address(n, r, at, index), out, i);
      } else {
        copy_element(constant, 0, out, i);
      }
      ++i;
    } while (next_point(at, n.extents));
    return out;
  }

  RefArray compute(int v) const {
    const Node& n = s_.nodes[v];
    RefArray result;
    switch (n.kind) {
      case NodeKind::Elementwise:
        result = elementwise(n);
        break;
      case NodeKind::Gather: {
        const RefArray index = operand(n, n.operands[1]);
        result = operand(n, n.operands[0], &index);
        break;
      }
      case NodeKind::Scatter:
        result = scatter(n);
        break;
      case NodeKind::Reduce:
      case NodeKind::Product:
        result = reduction(n);
        break;
      case NodeKind::Input:
      case NodeKind::Dead:
        break;
    }
    GRADUS_CHECK(result.type.dtype == n.dtype);
    return result;
  }

  RefArray elementwise(const Node& n) const {
    if (n.op == nullptr) return operand(n, n.operands[0]);
    std::vector<RefArray> in;
    for (const Operand& o : n.operands)
      in.push_back(operand(n, o));
    if (n.op->family == ops::Family::Layout) return first_there(n, in);
    const std::vector<Type> out(static_cast<size_t>(n.result) + 1,
                                Type{n.dtype, Shape({n.points()})});
    return n.op->reference({{*n.op, *n.attributes}, in, out})[n.result];
  }

  /// Concatenate and pad with a computed fill.
  RefArray first_there(const Node& n, const std::vector<RefArray>& in) const {
    RefArray out = make_array(n.dtype, {n.points()});
    std::vector<int64_t> at(n.extents.size(), 0);
    int64_t i = 0;
    do {
      size_t k = 0;
      while (k < in.size() && n.operands[k].kind == Operand::Kind::Read &&
             !holds(n.reads[n.operands[k].read], at)) {
        ++k;
      }
      GRADUS_CHECK(k < in.size(), "no piece is there");
      copy_element(in[k], i, out, i);
      ++i;
    } while (n.points() > 0 && next_point(at, n.extents));
    return out;
  }

  RefArray scatter(const Node& n) const {
    const RefArray base = operand(n, n.operands[0]), index = operand(n, n.operands[1]),
                   updates = operand(n, n.operands[2]);
    const int64_t results = n.result_elements(), inner = n.points() / results;
    RefArray out = make_array(n.dtype, {results});
    for (int64_t p = 0; p < results; ++p)
      copy_element(base, p * inner, out, p);
    std::vector<int64_t> at(n.extents.size(), 0);
    const Affine along =
        row_major(n.data_axes.first, {n.extents.data() + n.data_axes.first,
                                      static_cast<size_t>(n.data_axes.second - n.data_axes.first)});
    int64_t i = 0;
    do {
      if (index.integer[i] == value_of(along, at)) {
        if (is_float(n.dtype)) {
          out.real[i / inner] += updates.real[i];
        } else {
          out.integer[i / inner] =
              ops::wrap_integer(n.dtype, out.integer[i / inner] + updates.integer[i]);
        }
      }
      ++i;
    } while (next_point(at, n.extents));
    return out;
  }

  /// For each reduced point, in row-major order, which partial result it belongs to.
  std::vector<int64_t> part_of_points(const Node& n) const {
    const std::span reduced(n.extents.data() + n.parallel, n.extents.size() - n.parallel);
    std::vector<int64_t> parts(product(reduced), 0), at(reduced.size(), 0);
    if (n.parts == 1 || parts.empty()) return parts;
    size_t i = 0;
    do {
      parts[i++] = at[n.part_axis - n.parallel] / n.granule;
    } while (next_point(at, reduced));
    return parts;
  }

  RefArray reduction(const Node& n) const {
    std::vector<RefArray> in;
    for (const Operand& o : n.operands)
      in.push_back(operand(n, o));
    const bool sum = n.op->family != ops::Family::Reduce;
    RefArray terms = std::move(in[0]);
    for (size_t k = 1; k < in.size(); ++k)
      multiply(terms, in[k]);
    const int64_t results = n.result_elements();
    const auto part_of = part_of_points(n);
    const auto inner = static_cast<int64_t>(part_of.size());
    RefArray out = make_array(n.dtype, {results * n.parts});
    for (int64_t part = 0; part < n.parts; ++part) {
      const int64_t count = std::ranges::count(part_of, part);
      RefArray rows = make_array(terms.type.dtype, {results, count});
      int64_t to = 0;
      for (int64_t i = 0; i < results * inner; ++i) {
        if (part_of[i % inner] == part) copy_element(terms, i, rows, to++);
      }
      const RefArray reduced = sum ? sum_of(rows) : reduced_by(n, rows);
      for (int64_t i = 0; i < results; ++i)
        copy_element(reduced, i, out, part * results + i);
    }
    return out;
  }

  static void multiply(RefArray& x, const RefArray& y) {
    for (size_t i = 0; i < x.real.size(); ++i)
      x.real[i] *= y.real[i];
    for (size_t i = 0; i < x.integer.size(); ++i) {
      x.integer[i] = ops::wrap_integer(x.type.dtype,
                                       static_cast<int64_t>(static_cast<uint64_t>(x.integer[i]) *
                                                            static_cast<uint64_t>(y.integer[i])));
    }
  }

  static RefArray sum_of(const RefArray& rows) {
    static const ops::OpDef& sum = ops::op_named("reduce_sum");
    const Type type{rows.type.dtype, Shape({rows.type.shape[0]})};
    const ir::Attrs attrs{ir::Ints{1}};
    return sum.reference({{sum, attrs}, {&rows, 1}, {&type, 1}})[0];
  }

  static RefArray reduced_by(const Node& n, const RefArray& rows) {
    ir::Attrs attrs = *n.attributes;
    for (size_t i = 0; i < attrs.size(); ++i) {
      if (n.op->attributes[i].name == "axes") attrs[i] = ir::Ints{1};
      if (n.op->attributes[i].name == "axis") attrs[i] = int64_t{1};
    }
    const Type type{n.dtype, Shape({rows.type.shape[0]})};
    return n.op->reference({{*n.op, attrs}, {&rows, 1}, {&type, 1}})[0];
  }

  const Schedule& s_;
  const ir::Graph& graph_;
  std::span<const RefArray> inputs_;
  std::vector<RefArray> values_;
};

}  // namespace

std::vector<RefArray> evaluate(const Schedule& schedule, const ir::Graph& graph,
                               std::span<const RefArray> inputs) {
  return Evaluator(schedule, graph, inputs).run();
}

}  // namespace gradus::schedule
