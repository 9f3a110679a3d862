#include "compiler/loop/product_leaf.h"

#include <algorithm>

#include "compiler/schedule/node_table.h"
#include "runtime/error.h"

namespace gradus::loop {

using schedule::Node;

namespace {

/// Cycles of a multiply-add; and for the end of an iteration.
constexpr double kLatency = 4, kIteration = 1;

}  // namespace

int64_t most_accumulators(const VectorUnit& unit) {
  return unit.registers >= 32 ? 24 : 12;
}

double tile_cycles(int64_t rows, int64_t columns) {
  const auto q = static_cast<double>(rows), p = static_cast<double>(columns);
  return std::max({p * q / 2, (p + q) / 2, kLatency}) + kIteration;
}

ProductLeaf::ProductLeaf(const LowerContext& context, const Piece& piece, int product)
    : context_(context),
      piece_(piece),
      product_(product),
      node_(context.schedule.nodes[product]),
      extents_(node_.extents) {
  std::set<int> inlined;
  for (int v : piece_.nodes) {
    const Node& n = context_.schedule.nodes[v];
    if (!accumulates(n)) inlined.insert(v);
    if (n.kind != schedule::NodeKind::Reduce || !window_axes_.empty()) continue;
    for (int a = n.parallel; a < static_cast<int>(n.extents.size()); ++a)
      window_axes_.push_back(schedule::source_axis(n.reads[0], a));
  }
  element_ =
      std::make_unique<ElementBuilder>(context_.schedule, std::move(inlined), context_.storage);
  for (int a = 0; a < static_cast<int>(extents_.size()); ++a)
    point_.push_back(axis(a));
  const auto cut = context_.cut.find(product_);
  if (cut != context_.cut.end()) carrier_ = cut->second;
  if (node_.is_partial()) {
    // Parts are outer, their points reduced.
    split_axis_ = node_.part_axis;
    part_axis_ = static_cast<int>(extents_.size());
    extents_.push_back(extents_[split_axis_] / node_.granule);
    extents_.push_back(node_.granule);
    point_[split_axis_] = plus(scaled(axis(part_axis_), node_.granule), axis(part_axis_ + 1));
  }
}

void ProductLeaf::find_roots() {
  element_->bind(product_);
  windows_.emplace(*element_, *leaf_);
  windows_->walk(window_axes_);
  std::map<int, Point> at{{product_, point_}};
  std::set<int> reduced;  // windows, and what follows them
  for (int v : piece_.nodes) {
    const Node& n = context_.schedule.nodes[v];
    if (v != product_) {
      Point p(n.extents.size());
      bool found = false;
      for (const schedule::Read& r : n.reads) {
        auto u = at.find(r.source);
        if (u == at.end()) continue;
        found = true;
        if (reduced.contains(r.source)) reduced.insert(v);
        for (auto [from, to] : r.same)
          p[to] = u->second[from];
      }
      if (n.kind == schedule::NodeKind::Reduce) {
        windows_->add(v, p);
        reduced.insert(v);
      }
      if (found) at[v] = std::move(p);
    }
    if (piece_.materialised.contains(v)) {
      GRADUS_CHECK(at.contains(v), "an operand of a product is written by its leaf");
      auto& roots = reduced.contains(v) ? window_roots_ : roots_;
      roots.push_back({v, at.at(v), element_->value(v, at.at(v))});
    }
  }
}

std::vector<Stmt> ProductLeaf::store_roots(const std::vector<Root>& roots,
                                           const std::vector<int>& dims) {
  Kernel& k = leaf_->kernel();
  std::vector<V> values;
  for (const Root& root : roots)
    values.push_back(root.value);
  const auto exprs = leaf_->expressions(*element_, values);
  std::vector<Stmt> body, stores;
  for (size_t r = 0; r < roots.size(); ++r) {
    int e = exprs[r];
    if (roots.size() > 1) {
      // All loads before all stores: an output may take its input's memory.
      const int held = k.add_local("out", k.exprs[e].dtype, dims);
      body.push_back(make_assign(held, e));
      e = k.local_value(held);
    }
    Position position = element_->position(roots[r].node, roots[r].at);
    if (is_split()) {
      const int64_t stride = context_.storage.at(roots[r].node).part_stride;
      position.index = plus(position.index, scaled(axis(part_axis_), stride));
    }
    stores.push_back(leaf_->store(position, e));
  }
  append(body, std::move(stores));
  return body;
}

}  // namespace gradus::loop
