#include "compiler/loop/reductions.h"

#include <algorithm>
#include <array>

#include "runtime/error.h"

namespace gradus::loop {

using schedule::Node;
using schedule::NodeKind;

bool accumulates(const Node& node) {
  return node.kind == NodeKind::Reduce || node.kind == NodeKind::Product ||
         node.kind == NodeKind::Scatter;
}

void Reductions::add(int v, const Point& at) {
  const Node& n = node(v);
  if (n.kind == NodeKind::Product) {
    Item item{v, ReduceOp::Add, {}, {}, {}};
    item.values = {element_.operand(v, 0, at), element_.operand(v, 1, at)};
    items_.push_back(std::move(item));
  } else if (n.kind == NodeKind::Scatter) {
    items_.push_back(scatter(v, at));
  } else {
    // Partial products and scatters are added up.
    GRADUS_CHECK(n.op && (n.op->reduction || n.combine), "a reduction without a rule");
    Item item{v, n.op->reduction.value_or(ReduceOp::Add), {element_.operand(v, 0, at)}, {}, {}};
    if (!joins(item)) items_.push_back(std::move(item));
  }
  element_.bind(v);
}

/// Every element looks through all updates in order: result = operand + sum of those that hit it.
Reductions::Item Reductions::scatter(int v, const Point& at) {
  const Node& n = node(v);
  Affine position;
  for (int a = n.data_axes.first; a < n.data_axes.second; ++a) {
    position = plus(scaled(position, n.extents[a]), at[a]);
  }
  ScalarBuilder& s = element_.program();
  const V target = s.convert(element_.operand(v, 1, at), DType::I64);
  const V hit = s.eq(target, element_.index(position, DType::I64));
  Item item{v, ReduceOp::Add, {element_.operand(v, 2, at), hit}, {}, {}};
  item.first = element_.operand(v, 0, at);
  return item;
}

/// The index of a maximum comes with the maximum; of zeros and of NaNs it may be another one's bits.
bool Reductions::joins(const Item& item) {
  const auto pair_of = [](ReduceOp op) {
    return op == ReduceOp::Max ? ReduceOp::ArgMax : op == ReduceOp::Min ? ReduceOp::ArgMin : op;
  };
  for (Item& other : items_) {
    if (other.op == item.op || pair_of(other.op) != pair_of(item.op)) continue;
    if (other.values[0].id != item.values[0].id || other.extremum >= 0) continue;
    const bool is_pair = item.op == pair_of(item.op);
    other.extremum = is_pair ? other.node : item.node;
    if (is_pair) other.node = item.node;
    other.op = pair_of(item.op);
    return true;
  }
  return false;
}

bool Reductions::has_pairs() const {
  return std::ranges::any_of(
      items_, [](const Item& r) { return r.op == ReduceOp::ArgMax || r.op == ReduceOp::ArgMin; });
}

bool Reductions::loads_first() const {
  return std::ranges::any_of(items_, [](const Item& r) { return r.first.id >= 0; });
}

bool Reductions::combines_parts() const {
  return !items_.empty() && node(items_[0].node).combine;
}

int Reductions::identity(const Item& item, size_t i) const {
  Kernel& k = leaf_.kernel();
  if (item.first.id >= 0) return leaf_.expressions(element_, std::array{item.first})[0];
  if (i == 1) return k.constant(DType::I32, 0);
  const DType dtype = element_.program().dtype(item.values[0]);
  return k.constant(dtype, identity_of(item.op, dtype));
}

void Reductions::set_registers(const Item& item, std::span<const int> locals) const {
  leaf_.set_register(item.node, locals.back());
  if (item.extremum >= 0) leaf_.set_register(item.extremum, locals[0]);
}

void Reductions::declare(const std::vector<int>& dims) {
  Kernel& k = leaf_.kernel();
  for (Item& item : items_) {
    const bool pair = item.op == ReduceOp::ArgMax || item.op == ReduceOp::ArgMin;
    item.acc = {k.add_local("acc", element_.program().dtype(item.values[0]), dims)};
    if (pair) item.acc.push_back(k.add_local("at", DType::I32, dims));
    set_registers(item, item.acc);
  }
}

std::vector<Stmt> Reductions::initial_values() const {
  std::vector<Stmt> init;
  for (const Item& item : items_) {
    for (size_t i = 0; i < item.acc.size(); ++i)
      init.push_back(make_assign(item.acc[i], identity(item, i)));
  }
  return init;
}

std::vector<Stmt> Reductions::accumulate(bool merge) const {
  Kernel& k = leaf_.kernel();
  std::vector<V> values;
  for (const Item& item : items_)
    values.insert(values.end(), item.values.begin(), item.values.end());
  const auto exprs = leaf_.expressions(element_, values);
  std::vector<Stmt> body;
  size_t next = 0;
  for (const Item& item : items_) {
    std::vector<int> acc;
    for (int a : item.acc)
      acc.push_back(k.local_value(a));
    const DType dtype = node(item.node).dtype;
    if (node(item.node).kind == NodeKind::Product) {
      const int sum = k.op(ScalarOp::Fma, {exprs[next], exprs[next + 1], acc[0]}, dtype);
      body.push_back(make_assign(item.acc[0], sum, merge));
      next += 2;
      continue;
    }
    if (node(item.node).kind == NodeKind::Scatter) {
      const int sum = k.op(ScalarOp::Add, {acc[0], exprs[next]}, dtype);
      const int kept = k.op(ScalarOp::Select, {exprs[next + 1], sum, acc[0]}, dtype);
      body.push_back(make_assign(item.acc[0], kept, merge));
      next += 2;
      continue;
    }
    std::vector<int> x{exprs[next++]};
    if (item.acc.size() == 2) {
      Affine position;
      for (int a : axes_)
        position = plus(scaled(position, leaf_.extent(a)), axis(a));
      x.push_back(leaf_.index_expr(position, DType::I32));
    }
    const auto combined = k.combine(item.op, acc, x, true);
    if (item.acc.size() == 2) {
      // Both new values come from both old ones.
      const auto& dims = k.locals[item.acc[0]].dims;
      const int held = k.add_local("new", k.exprs[combined[0]].dtype, dims);
      body.push_back(make_assign(held, combined[0]));
      body.push_back(make_assign(item.acc[1], combined[1], merge));
      body.push_back(make_assign(item.acc[0], k.local_value(held), merge));
    } else {
      body.push_back(make_assign(item.acc[0], combined[0], merge));
    }
  }
  return body;
}

Reductions::Renewed Reductions::renew(const std::vector<int>& dims) {
  const std::vector<Item> before = items_;
  declare(dims);
  Renewed renewed{initial_values(), {}};
  for (size_t i = 0; i < items_.size(); ++i) {
    for (size_t j = 0; j < items_[i].acc.size(); ++j) {
      const int value = leaf_.kernel().local_value(before[i].acc[j]);
      renewed.kept.push_back(make_assign(items_[i].acc[j], value, true));
    }
  }
  return renewed;
}

Reductions::Memory Reductions::memory(const Index& at, int64_t elements) const {
  Kernel& k = leaf_.kernel();
  Memory memory;
  for (const Item& item : items_) {
    GRADUS_CHECK(item.acc.size() == 1);
    const int buffer = leaf_.buffer({.node = item.node, .scratch = elements}, true);
    memory.loads.push_back(make_assign(item.acc[0], k.load(buffer, at)));
    memory.stores.push_back(make_store(buffer, at, k.local_value(item.acc[0])));
  }
  return memory;
}

std::vector<Stmt> Reductions::reduce_lanes(const std::vector<int>& dims) const {
  Kernel& k = leaf_.kernel();
  std::vector<Stmt> trees;
  for (const Item& item : items_) {
    Stmt tree{.kind = Stmt::Kind::LaneReduce};
    tree.reduce = item.op;
    for (int a : item.acc) {
      tree.sources.push_back(a);
      tree.targets.push_back(k.add_local("result", k.locals[a].dtype, dims));
    }
    set_registers(item, tree.targets);
    trees.push_back(std::move(tree));
  }
  return trees;
}

}  // namespace gradus::loop
