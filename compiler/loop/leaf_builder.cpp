#include "compiler/loop/leaf_builder.h"

#include <algorithm>

#include "runtime/error.h"

namespace gradus::loop {

Index scaled(const Index& index, Coefficient factor) {
  Index r;
  for (const Term& t : index.terms) {
    const Coefficient& c = t.coefficient;
    GRADUS_CHECK(c.arg < 0 || factor.arg < 0, "product of two arguments");
    r.terms.push_back({t.variable, {c.factor * factor.factor, std::max(c.arg, factor.arg)}});
  }
  return r;
}

Index plus(Index a, const Index& b) {
  a.terms.insert(a.terms.end(), b.terms.begin(), b.terms.end());
  return a;
}

Index variable(int v, int64_t factor) {
  return {{{v, {factor, -1}}}};
}

Index constant_index(Coefficient c) {
  return {{{-1, c}}};
}

int LeafBuilder::arg(ArgRule rule, const char* name, int owner) {
  for (size_t i = 0; i < leaf_.args.size(); ++i) {
    const ArgKey& key = arg_keys_[i];
    if (leaf_.args[i] == rule && key.name == name && key.owner == owner) return static_cast<int>(i);
  }
  leaf_.args.push_back(rule);
  arg_keys_.push_back({name, owner});
  return kernel().add_arg(name);
}

Coefficient LeafBuilder::constant_arg(int64_t value, const char* name, int owner) {
  if (value == 0 || value == 1) return {value, -1};
  return {1, arg({.kind = ArgRule::Kind::Constant, .a = value}, name, owner)};
}

int LeafBuilder::buffer(const BufferRule& rule, bool written) {
  auto it = std::ranges::find(leaf_.buffers, rule);
  if (it != leaf_.buffers.end()) {
    const auto b = static_cast<int>(it - leaf_.buffers.begin());
    kernel().buffers[b].written |= written;
    return b;
  }
  leaf_.buffers.push_back(rule);
  const DType dtype = context_.schedule.nodes[rule.node].dtype;
  return kernel().add_buffer(
      {.dtype = dtype == DType::Key ? DType::U64 : dtype, .written = written, .alias_group = 0});
}

Coefficient LeafBuilder::quantity(int leaf_axis, ArgRule::Kind kind, int64_t a, int64_t b,
                                  const char* name) {
  if (!is_carrier(leaf_axis)) {
    return constant_arg(gradus::evaluate({kind, a, b, 1}, 0, extents_[leaf_axis]), name, leaf_axis);
  }
  const bool divides = kind == ArgRule::Kind::Count;
  GRADUS_CHECK(divides || divisor_ == 1);
  return {1, arg({kind, divides ? a * divisor_ : a, b, scale_}, name, leaf_axis)};
}

std::vector<Stmt> LeafBuilder::if_rest(int leaf_axis, int64_t divisor, std::vector<Stmt> body) {
  if (!is_carrier(leaf_axis)) return body;
  const int once = kernel().add_variable("rest", LoopKind::Serial);
  const int has = arg({ArgRule::Kind::HasRest, divisor, 0, scale_}, "rest");
  return for_loop(once, {1, has}, std::move(body));
}

namespace {

/// Larger than any range: a count modulo it is the count.
constexpr int64_t kEndless = int64_t{1} << 40;

}  // namespace

int LeafBuilder::carrier_points() {
  return arg({ArgRule::Kind::Remainder, kEndless, 0, 1}, "n");
}

int LeafBuilder::carrier_blocks(int64_t points, const char* name) {
  return arg({ArgRule::Kind::RestBlocks, kEndless, points, 1}, name);
}

bool LeafBuilder::loads_without_room(const ElementBuilder& element, int lane_axis) const {
  return std::ranges::any_of(element.inputs(), [&](const ElementInput& in) {
    return in.kind == ElementInput::Kind::Load && !context_.has_room(in.position.node) &&
           coefficient(in.position.index, lane_axis) != 0;
  });
}

Index LeafBuilder::axis_term(int leaf_axis, int64_t coefficient, const char* name, bool fixed) {
  const AxisUse& use = axes_.at(leaf_axis);
  Index index =
      scaled(use.index, fixed ? Coefficient{coefficient} : constant_arg(coefficient, name));
  if (use.after == 0) return index;
  if (fixed && !is_carrier(leaf_axis)) {
    const int64_t points = extents_[leaf_axis] / use.after * use.after;
    return plus(std::move(index), constant_index({points * coefficient}));
  }
  const Coefficient start =
      quantity(leaf_axis, ArgRule::Kind::Count, use.after, use.after * coefficient, "after");
  return plus(std::move(index), constant_index(start));
}

/// No stride depends on the carrier's extent: what is read does not vary along it, or in blocks, or
/// it is outermost.
bool LeafBuilder::has_fixed_strides(const Position& position) const {
  if (context_.has_room(position.node)) return true;
  const int64_t outermost = coefficient(position.index, carrier_);
  return outermost == 0 || std::ranges::all_of(position.index.terms, [&](const auto& t) {
           return t.first == carrier_ || std::abs(t.second) < outermost;
         });
}

std::pair<int, Index> LeafBuilder::access(const Position& position, bool written) {
  BufferRule rule{.node = position.node};
  Index index;
  const Storage& storage = context_.storage.at(position.node);
  const bool local = context_.is_local(position.node);
  const bool fixed = strides_fixed_ && has_fixed_strides(position);
  for (auto [a, c] : position.index.terms) {
    if (a == carrier_ && !local) {
      rule.step = c * scale_ * (storage.block ? storage.part_stride / storage.block : 1);
      rule.divisor = divisor_;
    }
    index = plus(std::move(index), axis_term(a, c, "s", fixed));
  }
  if (const int64_t o = position.index.constant; o != 0) {
    index = plus(std::move(index), constant_index(fixed ? Coefficient{o} : constant_arg(o, "o")));
  }
  return {buffer(rule, written), std::move(index)};
}

Index LeafBuilder::index_of(const Affine& a) {
  Index index;
  int64_t shift = 0;
  for (auto [axis, c] : a.terms) {
    if (axis == carrier_) {
      GRADUS_CHECK(c * scale_ % divisor_ == 0);
      shift = c * scale_ / divisor_;
    }
    index = plus(std::move(index), axis_term(axis, c, "c"));
  }
  if (shift != 0) {
    const int begin = arg({.kind = ArgRule::Kind::Begin, .a = shift, .b = a.constant}, "begin");
    return plus(std::move(index), constant_index({1, begin}));
  }
  if (a.constant == 0) return index;
  return plus(std::move(index), constant_index(constant_arg(a.constant, "o")));
}

int LeafBuilder::index_expr(const Affine& a, DType dtype) {
  return kernel().add_expr({.kind = Expr::Kind::Index, .dtype = dtype, .index = index_of(a)});
}

int LeafBuilder::guard(const std::vector<schedule::Guard>& guards) {
  int all = -1;
  Kernel& k = kernel();
  for (const auto& g : guards) {
    const int i = index_expr(g.index, DType::I64);
    const Coefficient bound = constant_arg(g.extent, "extent");
    const int extent = k.add_expr(
        {.kind = Expr::Kind::Index, .dtype = DType::I64, .index = constant_index(bound)});
    const int low = k.op(ScalarOp::Ge, {i, k.constant(DType::I64, 0)}, DType::Bool);
    const int high = k.op(ScalarOp::Lt, {i, extent}, DType::Bool);
    const int both = k.op(ScalarOp::And, {low, high}, DType::Bool);
    all = all < 0 ? both : k.op(ScalarOp::And, {all, both}, DType::Bool);
  }
  return all;
}

/// See Expr::near.
bool LeafBuilder::is_near(const ElementInput& in) const {
  int64_t elements = kCanonicalLanes;
  for (auto [a, c] : in.position.index.terms) {
    const bool guarded = std::ranges::any_of(
        in.guards, [&](const schedule::Guard& g) { return coefficient(g.index, a) != 0; });
    const bool outer = std::ranges::all_of(axes_.at(a).index.terms, [&](const Term& t) {
      return t.variable < 0 || leaf_.kernel.variables[t.variable].kind == LoopKind::Serial;
    });
    if (guarded || outer) continue;
    if (c < 0) return false;
    elements += c * (extents_[a] - 1);
  }
  return elements * static_cast<int64_t>(size_of(in.dtype)) < kReach;
}

int LeafBuilder::expression(const ElementInput& in, std::span<const int> number) {
  Kernel& k = kernel();
  switch (in.kind) {
    case ElementInput::Kind::Register:
      return k.local_value(registers_.at(in.node));
    case ElementInput::Kind::Index:
      return index_expr(in.index, in.dtype);
    case ElementInput::Kind::Argument: {
      const ArgRule rule{ArgRule::Kind::Constant, static_cast<int64_t>(in.fill)};
      const DType word = in.dtype == DType::F32 ? DType::U32 : DType::U64;
      const int bits = k.add_expr({.kind = Expr::Kind::Index,
                                   .dtype = word,
                                   .index = constant_index({1, arg(rule, "constant")})});
      return k.op(ScalarOp::Bitcast, {bits}, in.dtype);
    }
    case ElementInput::Kind::Load: {
      auto [b, index] = access(in.position, false);
      Expr e{.kind = Expr::Kind::Load, .dtype = k.buffers[b].dtype, .buffer = b};
      e.index = std::move(index);
      if (!in.guards.empty()) {
        e.predicate = guard(in.guards);
        e.near = in.offset.id < 0 && is_near(in);
        e.otherwise = in.otherwise.id >= 0 ? number[in.otherwise.id] : k.constant(e.dtype, in.fill);
      }
      if (in.offset.id >= 0) {
        const int stride =
            k.add_expr({.kind = Expr::Kind::Index,
                        .dtype = DType::I64,
                        .index = constant_index(constant_arg(in.offset_stride, "s"))});
        e.offset = k.op(ScalarOp::Mul, {number[in.offset.id], stride}, DType::I64);
      }
      return k.add_expr(std::move(e));
    }
  }
  __builtin_unreachable();
}

std::vector<int> LeafBuilder::expressions(const ElementBuilder& element,
                                          std::span<const V> values) {
  const auto& nodes = element.program().nodes();
  // Only what the values need, in order.
  std::vector<char> needed(nodes.size());
  for (V v : values)
    needed[v.id] = 1;
  for (size_t i = nodes.size(); i-- > 0;) {
    if (!needed[i]) continue;
    if (nodes[i].kind == ScalarNode::Kind::Op) {
      for (int k = 0; k < operands_of(nodes[i].op); ++k)
        needed[nodes[i].in[k]] = 1;
    } else if (nodes[i].kind == ScalarNode::Kind::Input) {
      const ElementInput& in = element.inputs()[nodes[i].bits];
      for (V v : {in.offset, in.otherwise}) {
        if (v.id >= 0) needed[v.id] = 1;
      }
    }
  }
  std::vector<int> number(nodes.size(), -1);
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!needed[i]) continue;
    const ScalarNode& n = nodes[i];
    if (n.kind == ScalarNode::Kind::Input) {
      number[i] = expression(element.inputs()[n.bits], number);
    } else if (n.kind == ScalarNode::Kind::Constant) {
      number[i] = kernel().constant(n.dtype, n.bits);
    } else {
      Expr e{.kind = Expr::Kind::Op, .op = n.op, .dtype = n.dtype};
      for (int k = 0; k < operands_of(n.op); ++k)
        e.in[k] = number[n.in[k]];
      number[i] = kernel().add_expr(std::move(e));
    }
  }
  std::vector<int> out;
  for (V v : values)
    out.push_back(number[v.id]);
  return out;
}

Stmt LeafBuilder::store(const Position& position, int expr) {
  auto [b, index] = access(position, true);
  return make_store(b, std::move(index), expr);
}

Leaf LeafBuilder::finish() {
  // Two parameters are the same memory only where the plan made an output take its input's place:
  // then positions agree, and all loads of a point come before its stores.
  for (size_t i = 0; i < kernel().buffers.size(); ++i) {
    kernel().buffers[i].alias_group = static_cast<int>(i);
  }
  return std::move(leaf_);
}

}  // namespace gradus::loop
