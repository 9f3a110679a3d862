#include "compiler/loop/element.h"

#include <algorithm>
#include <cmath>

#include "compiler/schedule/affine.h"
#include "runtime/error.h"

namespace gradus::loop {

using schedule::Node;
using schedule::NodeKind;
using schedule::Operand;
using schedule::Read;

Affine axis(int a) {
  return {.terms = {{a, 1}}};
}

Affine scaled(const Affine& a, int64_t factor) {
  if (factor == 0) return {};
  Affine r = a;
  for (auto& term : r.terms)
    term.second *= factor;
  r.constant *= factor;
  return r;
}

Affine plus(const Affine& a, const Affine& b) {
  Affine r{.constant = a.constant + b.constant};
  r.terms.reserve(a.terms.size() + b.terms.size());
  auto x = a.terms.begin(), y = b.terms.begin();
  while (x != a.terms.end() || y != b.terms.end()) {
    if (y == b.terms.end() || (x != a.terms.end() && x->first < y->first)) {
      r.terms.push_back(*x++);
    } else if (x == a.terms.end() || y->first < x->first) {
      r.terms.push_back(*y++);
    } else {
      if (x->second + y->second != 0) r.terms.emplace_back(x->first, x->second + y->second);
      ++x;
      ++y;
    }
  }
  return r;
}

Affine substitute(const Affine& expr, const Point& at) {
  return schedule::substitute(expr, at);
}

std::set<int> axes_of(const ElementBuilder& element, V v) {
  std::set<int> axes;
  const auto& nodes = element.program().nodes();
  std::vector<char> needed(nodes.size());
  needed[v.id] = 1;
  const auto note = [&](const Affine& a) {
    for (auto [axis, c] : a.terms)
      axes.insert(axis);
  };
  for (size_t i = nodes.size(); i-- > 0;) {
    if (!needed[i]) continue;
    if (nodes[i].kind == ScalarNode::Kind::Op) {
      for (int k = 0; k < operands_of(nodes[i].op); ++k)
        needed[nodes[i].in[k]] = 1;
    } else if (nodes[i].kind == ScalarNode::Kind::Input) {
      const ElementInput& in = element.inputs()[nodes[i].bits];
      note(in.position.index);
      note(in.index);
      for (const auto& g : in.guards)
        note(g.index);
      for (V w : {in.offset, in.otherwise}) {
        if (w.id >= 0) needed[w.id] = 1;
      }
    }
  }
  return axes;
}

const ElementInput* plain_load(const ElementBuilder& element, V v) {
  const ScalarNode& n = element.program().nodes()[v.id];
  if (n.kind != ScalarNode::Kind::Input) return nullptr;
  const ElementInput& in = element.inputs()[n.bits];
  const bool plain = in.kind == ElementInput::Kind::Load && in.guards.empty() && in.offset.id < 0;
  return plain ? &in : nullptr;
}

int64_t coefficient(const Affine& a, int axis) {
  for (auto [t, c] : a.terms) {
    if (t == axis) return c;
  }
  return 0;
}

std::optional<Halo> halo_of(const Node& reader, const Read& read, const schedule::Guard& guard,
                            const Node& source) {
  if (read.fill != 0) return std::nullopt;
  for (const schedule::Span& s : read.spans) {
    if (s.data || !(s.index == guard.index)) continue;
    int64_t extent = 1;
    for (int a = s.lo; a < s.hi; ++a)
      extent *= source.extents[a];
    if (extent != guard.extent) return std::nullopt;
    const auto [low, high] = schedule::bounds(guard.index, reader.extents);
    return Halo{s.lo, s.hi, std::max<int64_t>(0, -low), std::max<int64_t>(0, high - extent + 1)};
  }
  return std::nullopt;
}

namespace {

/// Numbers that scalar programs simplify with. All others are arguments: a kernel serves every
/// learning rate and every batch.
bool shapes_code(DType dtype, Bits bits) {
  const double x = dtype == DType::F32 ? from_bits<float>(bits) : from_bits<double>(bits);
  return x == 0 || std::fabs(x) == 1 || std::fabs(x) == 2 || std::fabs(x) == 0.5 ||
         !std::isfinite(x);
}

}  // namespace

void ElementBuilder::bind(int node) {
  bound_[node] = input(
      {.kind = ElementInput::Kind::Register, .dtype = schedule_.nodes[node].dtype, .node = node});
}

V ElementBuilder::input(ElementInput in) {
  auto it = std::ranges::find(inputs_, in);
  const auto number = static_cast<int>(it - inputs_.begin());
  const DType dtype = in.dtype;
  if (it == inputs_.end()) inputs_.push_back(std::move(in));
  return program_.input(dtype, number);
}

V ElementBuilder::value(int node, const Point& at) {
  // Post-order with a stack of its own: chains of elementwise nodes may be long.
  const auto known = [&](const Pending& p) -> const V* {
    if (auto it = bound_.find(p.node); it != bound_.end()) return &it->second;
    for (const auto& [point, v] : known_[p.node]) {
      if (point == p.at) return &v;
    }
    return nullptr;
  };
  const auto trimmed = [&](int n, const Point& p) {
    return Pending{n, Point(p.begin(), p.begin() + schedule_.nodes[n].parallel)};
  };
  const Pending root = trimmed(node, at);
  std::vector<Pending> stack{root};
  while (!stack.empty()) {
    const Pending top = stack.back();
    if (known(top)) {
      stack.pop_back();
      continue;
    }
    const size_t height = stack.size();
    if (inlined_.contains(top.node)) {
      const Node& n = schedule_.nodes[top.node];
      for (const Read& r : n.reads) {
        if (!inlined_.contains(r.source) || !r.guards.empty()) continue;
        const Node& u = schedule_.nodes[r.source];
        Point below(u.parallel);
        for (const schedule::Span& s : r.spans) {
          GRADUS_CHECK(s.hi == s.lo + 1 && !s.data, "a value read by parts is evaluated in place");
          below[s.lo] = substitute(s.index, top.at);
        }
        Pending next{r.source, std::move(below)};
        if (!known(next)) stack.push_back(std::move(next));
      }
    }
    if (stack.size() > height) continue;
    known_[top.node].emplace_back(top.at, apply(top.node, top.at));
    stack.pop_back();
  }
  return *known(root);
}

V ElementBuilder::apply(int node, const Point& at) {
  const Node& n = schedule_.nodes[node];
  if (!inlined_.contains(node)) {
    return input(
        {.kind = ElementInput::Kind::Load, .dtype = n.dtype, .position = position(node, at)});
  }
  std::vector<V> in;
  V otherwise;
  if (!n.op) return operand(node, 0, at);
  if (n.kind == NodeKind::Gather) {
    const Read& table = n.reads[n.operands[0].read];
    V index = operand(node, 1, at);
    for (const schedule::Span& s : table.spans) {
      if (!s.data) continue;
      const Node& u = schedule_.nodes[table.source];
      int64_t extent = 1;
      for (int a = s.lo; a < s.hi; ++a)
        extent *= u.extents[a];
      index = program_.convert(index, DType::I64);
      const V last = program_.constant(DType::I64, static_cast<double>(extent - 1));
      const V zero = program_.constant(DType::I64, 0);
      index = program_.select(program_.lt(index, zero), zero, index);
      index = program_.select(program_.gt(index, last), last, index);
    }
    return load(node, table, at, index);
  }
  if (!n.op->scalar) {
    // Pieces side by side (concatenate): the one whose guard holds.
    for (size_t i = n.operands.size(); i-- > 0;) {
      const Operand& o = n.operands[i];
      const V piece = o.kind == Operand::Kind::Read ? load(node, n.reads[o.read], at, {}, otherwise)
                                                    : operand(node, i, at);
      otherwise = piece;
    }
    return otherwise;
  }
  for (size_t i = 0; i < n.operands.size(); ++i)
    in.push_back(operand(node, i, at));
  const std::vector<DType> dtypes(static_cast<size_t>(std::max(1, n.op->results)), n.dtype);
  return n.op->scalar(
      {{*n.op, *n.attributes}, program_, in, dtypes})[static_cast<size_t>(n.result)];
}

V ElementBuilder::operand(int node, size_t i, const Point& at) {
  const Operand& o = schedule_.nodes[node].operands[i];
  switch (o.kind) {
    case Operand::Kind::Constant: {
      const bool is_real = o.dtype == DType::F32 || o.dtype == DType::F64;
      if (!is_real || shapes_code(o.dtype, o.constant)) {
        return program_.constant_bits(o.dtype, o.constant);
      }
      return input({.kind = ElementInput::Kind::Argument, .dtype = o.dtype, .fill = o.constant});
    }
    case Operand::Kind::Iota:
      return index(substitute(o.iota, at), o.dtype);
    case Operand::Kind::Read:
      return load(node, schedule_.nodes[node].reads[o.read], at, {});
  }
  __builtin_unreachable();
}

V ElementBuilder::index(const Affine& index, DType dtype) {
  return input({.kind = ElementInput::Kind::Index, .dtype = dtype, .index = index});
}

V ElementBuilder::load(int reader, const Read& read, const Point& at, V data, V otherwise) {
  const Node& u = schedule_.nodes[read.source];
  Point below(u.parallel);
  bool whole_atoms = true;
  for (const schedule::Span& s : read.spans) {
    if (s.hi != s.lo + 1 || s.data) {
      whole_atoms = false;
    } else {
      below[s.lo] = substitute(s.index, at);
    }
  }
  if (read.guards.empty() && whole_atoms && !read.partial) return value(read.source, below);
  ElementInput in{.kind = ElementInput::Kind::Load,
                  .dtype = u.dtype,
                  .fill = read.fill,
                  .otherwise = otherwise};
  const Storage& storage = storage_.at(read.source);
  in.position = {.node = read.source, .index = {.constant = storage.offset}};
  for (const schedule::Span& s : read.spans) {
    const int64_t stride = storage.strides[s.hi - 1];
    if (s.data) {
      in.offset = data;
      in.offset_stride = stride;
    } else {
      in.position.index = plus(in.position.index, scaled(substitute(s.index, at), stride));
    }
  }
  if (read.partial) {
    // The parts are the last axis of the node that combines them.
    in.position.index = plus(in.position.index, scaled(at.back(), storage.part_stride));
  }
  for (const schedule::Guard& g : read.guards) {
    const auto need = halo_of(schedule_.nodes[reader], read, g, u);
    const bool zeros =
        need && otherwise.id < 0 && std::ranges::any_of(storage.halos, [&](const Halo& have) {
          return have.lo == need->lo && have.hi == need->hi && have.low >= need->low &&
                 have.high >= need->high;
        });
    if (!zeros) in.guards.push_back({substitute(g.index, at), g.extent});
  }
  return input(std::move(in));
}

Position ElementBuilder::position(int node, const Point& at) const {
  const Storage& storage = storage_.at(node);
  Position p{.node = node, .index = {.constant = storage.offset}};
  for (size_t a = 0; a < storage.strides.size(); ++a) {
    p.index = plus(p.index, scaled(at[a], storage.strides[a]));
  }
  return p;
}

}  // namespace gradus::loop
