#include "compiler/ir/graph.h"

#include <mutex>
#include <unordered_set>

#include "compiler/ops/op.h"

namespace gradus::ir {
namespace {

size_t mix(size_t h, size_t x) {
  return (h ^ (x + 0x9e3779b97f4a7c15u + (h << 6))) * 0xff51afd7ed558ccdu;
}

}  // namespace

size_t Graph::attr_index(NodeId n, std::string_view name) const {
  return op(n).attribute(name);
}

std::vector<Type> Graph::input_types() const {
  std::vector<Type> types;
  for (Value v : inputs_)
    types.push_back(type(v));
  return types;
}

std::vector<Type> Graph::output_types() const {
  std::vector<Type> types;
  for (Value v : outputs_)
    types.push_back(type(v));
  return types;
}

Graph without_unused(Graph g) {
  std::vector<bool> live(g.size());
  for (Value v : g.inputs_)
    live[v.node] = true;
  for (Value v : g.outputs_)
    live[v.node] = true;
  size_t count = 0;
  for (auto n = static_cast<NodeId>(g.size()); n-- > 0;) {
    if (g.op(n).effect) live[n] = true;
    if (!live[n]) continue;
    ++count;
    for (Value v : g.operands(n))
      live[v.node] = true;
  }
  if (count == g.size()) return g;
  // What stays moves forward in the side arrays; types and positions may be more than are used.
  std::vector<NodeId> moved(g.size());
  uint32_t nodes = 0, operands = 0, results = 0, attrs = 1;
  for (NodeId n = 0; n < g.size(); ++n) {
    if (!live[n]) continue;
    Node node = g.nodes_[n];
    for (uint32_t i = 0; i < node.operands; ++i) {
      const Value v = g.operands_[node.first_operand + i];
      g.operands_[operands + i] = {moved[v.node], v.out};
    }
    for (uint32_t i = 0; i < node.results; ++i) {
      g.results_[results + i] = g.results_[node.first_result + i];
    }
    if (node.attrs != 0) {
      if (attrs != node.attrs) g.attrs_[attrs] = std::move(g.attrs_[node.attrs]);
      node.attrs = attrs++;
    }
    node.first_operand = operands;
    node.first_result = results;
    operands += node.operands;
    results += node.results;
    moved[n] = nodes;
    g.nodes_[nodes++] = node;
  }
  g.nodes_.resize(nodes);
  g.operands_.resize(operands);
  g.results_.resize(results);
  g.attrs_.resize(attrs);
  for (Value& v : g.inputs_)
    v.node = moved[v.node];
  for (Value& v : g.outputs_)
    v.node = moved[v.node];
  return g;
}

std::vector<uint32_t> count_uses(const Graph& graph) {
  std::vector<uint32_t> uses(graph.num_values());
  for (NodeId n = 0; n < graph.size(); ++n) {
    for (Value v : graph.operands(n))
      ++uses[graph.value_index(v)];
  }
  for (Value v : graph.outputs())
    ++uses[graph.value_index(v)];
  return uses;
}

bool equal(const Attr& a, const Attr& b) {
  if (a.index() != b.index()) return false;
  if (const auto* x = std::get_if<double>(&a)) {
    return std::memcmp(x, std::get_if<double>(&b), sizeof(double)) == 0;
  }
  if (const auto* x = std::get_if<GraphPtr>(&a)) {
    const GraphPtr& y = std::get<GraphPtr>(b);
    return *x == y || structurally_equal(**x, *y);
  }
  return a == b;
}

size_t hash_of(const Attr& a) {
  return std::visit(
      [&]<class T>(const T& x) -> size_t {
        if constexpr (std::is_same_v<T, Ints>) {
          size_t h = x.size();
          for (int64_t i : x)
            h = mix(h, static_cast<size_t>(i));
          return h;
        } else if constexpr (std::is_same_v<T, Literal>) {
          return x.hash();
        } else if constexpr (std::is_same_v<T, GraphPtr>) {
          return hash_of(*x);
        } else {
          return std::hash<T>{}(x);
        }
      },
      a);
}

bool structurally_equal(const Graph& a, const Graph& b) {
  if (a.size() != b.size() || !std::ranges::equal(a.inputs(), b.inputs()) ||
      !std::ranges::equal(a.outputs(), b.outputs())) {
    return false;
  }
  for (NodeId n = 0; n < a.size(); ++n) {
    if (&a.op(n) != &b.op(n) || a.results(n) != b.results(n) ||
        !std::ranges::equal(a.operands(n), b.operands(n)) ||
        !std::ranges::equal(a.attrs(n), b.attrs(n), [](auto& x, auto& y) { return equal(x, y); })) {
      return false;
    }
    for (uint32_t i = 0; i < a.results(n); ++i) {
      if (a.type({n, i}) != b.type({n, i})) return false;
    }
  }
  return true;
}

size_t hash_of(const Graph& graph) {
  size_t h = graph.size();
  for (NodeId n = 0; n < graph.size(); ++n) {
    h = mix(h, std::hash<std::string>{}(graph.op(n).name));
    for (Value v : graph.operands(n))
      h = mix(h, graph.value_index(v));
    for (const Attr& a : graph.attrs(n))
      h = mix(h, hash_of(a));
    for (uint32_t i = 0; i < graph.results(n); ++i)
      h = mix(h, hash_of(graph.type({n, i})));
  }
  for (Value v : graph.outputs())
    h = mix(h, graph.value_index(v));
  return h;
}

const char* interned(std::string_view text) {
  static std::mutex mutex;
  static auto& names = *new std::unordered_set<std::string>;
  std::scoped_lock lock(mutex);
  return names.emplace(text).first->c_str();
}

}  // namespace gradus::ir
