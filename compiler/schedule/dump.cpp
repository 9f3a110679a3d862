// The table of regions, and the full listing.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "compiler/schedule/state.h"

namespace gradus::schedule {
namespace {

std::string size_text(double bytes) {
  return bytes >= 1e5 ? fmt::format("{:.2f}M", bytes / 1e6) : fmt::format("{:.1f}k", bytes / 1e3);
}

std::string_view text_of(NodeKind kind) {
  switch (kind) {
    case NodeKind::Input:
      return "input";
    case NodeKind::Elementwise:
      return "elementwise";
    case NodeKind::Reduce:
      return "reduce";
    case NodeKind::Product:
      return "product";
    case NodeKind::Gather:
      return "gather";
    case NodeKind::Scatter:
      return "scatter";
    case NodeKind::Dead:
      return "dead";
  }
  return "";
}

std::string op_text(const Node& n) {
  if (n.kind == NodeKind::Input) return n.input < 0 ? "constant" : fmt::format("input {}", n.input);
  if (n.combine) return "combine";
  return n.op == nullptr ? "copy" : n.op->name;
}

std::string result_text(const Node& n) {
  const std::span extents(n.extents.data(), static_cast<size_t>(n.parallel));
  const std::string parts = n.is_partial() ? fmt::format(" x {} parts", n.parts) : "";
  return fmt::format("{}[{}]{}", op_text(n), fmt::join(extents, ", "), parts);
}

// Kernels: leaves hash-consed by ops, types and access patterns (contiguous axes merged), taps; not
// by extents, strides, constants.

/// Numbers the axes; -1 for one that every operand walks contiguously with the axis before it.
std::vector<int> merged_axes(const Node& n) {
  std::vector<int> role;
  int count = 0;
  for (int a = 0; a < static_cast<int>(n.extents.size()); ++a) {
    bool merge = a != 0 && a != n.parallel;
    for (const Read& r : n.reads) {
      bool used = false, pair = false;
      for (size_t i = 0; i < r.spans.size(); ++i) {
        used |= uses(r.spans[i].index, a) || uses(r.spans[i].index, a - 1);
        const auto single = [](const Affine& e, int axis) {
          return e.terms.size() == 1 && e.terms[0] == std::pair<int, int64_t>(axis, 1);
        };
        pair |= i > 0 && single(r.spans[i - 1].index, a - 1) && single(r.spans[i].index, a);
      }
      merge = merge && (pair || !used);
    }
    role.push_back(merge ? -1 : count++);
  }
  return role;
}

void add_read(const Read& r, const std::vector<int>& role, std::string& key) {
  for (const Span& s : r.spans) {
    if (s.index.terms.size() == 1 && role[s.index.terms[0].first] < 0) continue;
    for (auto [axis, c] : s.index.terms)
      key += fmt::format("{}{}", role[axis], c == 1 ? "u" : "s");
    key += s.index.constant != 0 ? "+" : "";
    key += s.guarded ? "g" : "";
    key += s.data ? "d;" : ";";
  }
  key += "|";
}

std::string kernel_key(const Schedule& s, const std::vector<int>& leaf) {
  std::map<int, int> number;
  for (int v : leaf)
    number.emplace(v, static_cast<int>(number.size()));
  std::string key;
  for (int v : leaf) {
    const Node& n = s.nodes[v];
    const auto role = merged_axes(n);
    const auto rank =
        std::count_if(role.begin(), role.begin() + n.parallel, [](int r) { return r >= 0; });
    key += fmt::format("{}.{} {} {} {} {}:", op_text(n), n.result, name_of(n.dtype), rank,
                       n.is_partial(), fmt::join(n.static_key, ","));
    for (const Read& r : n.reads) {
      const auto it = number.find(r.source);
      key += fmt::format("{} {}(", it == number.end() ? -1 : it->second,
                         name_of(s.nodes[r.source].dtype));
      add_read(r, role, key);
    }
  }
  return key;
}

std::string kinds_text(const Schedule& s, const Region& region) {
  std::map<std::string, int> kinds;
  for (int v : region.nodes) {
    ++kinds[std::string(text_of(s.nodes[v].kind)) + (s.nodes[v].is_partial() ? "*" : "")];
  }
  std::vector<std::string> texts;
  for (const auto& [kind, n] : kinds)
    texts.push_back(fmt::format("{} {}", n, kind));
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string carrier_text(const Schedule& s, const Region& region) {
  const int v = *std::ranges::max_element(
      region.nodes, {}, [&](int u) { return std::pair(!s.label[u].empty(), s.nodes[u].work); });
  std::vector<int64_t> extents;
  for (int a : s.label[v])
    extents.push_back(s.nodes[v].extents[a]);
  return extents.empty() ? "uniform" : fmt::format("{}", fmt::join(extents, "x"));
}

struct Totals {
  double flop = 0, read = 0, write = 0, inside = 0;
};

Totals totals_of(const Schedule& s, std::span<const int> nodes) {
  Totals t;
  std::set<int> own(nodes.begin(), nodes.end()), from;
  for (int v : nodes) {
    const auto bytes = static_cast<double>(s.nodes[v].bytes());
    t.flop += s.nodes[v].work;
    (s.stored[v] ? t.write : t.inside) += bytes;
    for (const Read& r : s.nodes[v].reads) {
      if (!own.contains(r.source)) from.insert(r.source);
    }
  }
  for (int u : from)
    t.read += static_cast<double>(s.nodes[u].bytes());
  return t;
}

std::string largest_text(const Schedule& s) {
  const Node* largest = nullptr;
  for (size_t v = 0; v < s.nodes.size(); ++v) {
    const Node& n = s.nodes[v];
    if (n.kind == NodeKind::Input || !s.stored[v] || n.out) continue;
    if (largest == nullptr || n.bytes() > largest->bytes()) largest = &n;
  }
  if (largest == nullptr) return "nothing";
  return fmt::format("{} {}", size_text(static_cast<double>(largest->bytes())),
                     result_text(*largest));
}

constexpr std::string_view kHeader =
    "  phase     carrier     flop     read    write   inside leaves kernels  nodes by kind (* "
    "partial results)\n";

std::string row_text(const Schedule& s, const Region& region) {
  const Totals t = totals_of(s, region.nodes);
  std::set<std::string> kernels;
  for (const auto& leaf : region.leaves)
    kernels.insert(kernel_key(s, leaf));
  return fmt::format("  {:>5} {:>11} {:>8} {:>8} {:>8} {:>8} {:>6} {:>7}  {}\n", region.phase,
                     carrier_text(s, region), size_text(t.flop), size_text(t.read),
                     size_text(t.write), size_text(t.inside), region.leaves.size(), kernels.size(),
                     kinds_text(s, region));
}

std::string affine_text(const Affine& a) {
  std::string text;
  for (auto [axis, c] : a.terms) {
    text += text.empty() ? "" : " + ";
    text += c == 1 ? fmt::format("a{}", axis) : fmt::format("{}*a{}", c, axis);
  }
  if (a.constant != 0 || text.empty()) {
    text += text.empty() ? fmt::format("{}", a.constant) : fmt::format(" + {}", a.constant);
  }
  return text;
}

std::string read_text(const Read& r) {
  std::string text = fmt::format("%{}[", r.source);
  for (size_t i = 0; i < r.spans.size(); ++i) {
    const Span& s = r.spans[i];
    text += i > 0 ? ", " : "";
    text += s.data ? "data" : affine_text(s.index);
    if (s.hi != s.lo + 1) text += fmt::format(" over {}..{}", s.lo, s.hi - 1);
  }
  text += "]";
  for (size_t i = 0; i < r.guards.size(); ++i) {
    text += fmt::format("{}0 <= {} < {}", i == 0 ? " where " : ", ", affine_text(r.guards[i].index),
                        r.guards[i].extent);
  }
  if (!r.guards.empty()) text += fmt::format(" else {:#x}", r.fill);
  if (r.partial) text += " partial";
  if (r.back) text += " of the previous iteration";
  return text;
}

std::string operand_text(const Node& n, const Operand& o) {
  switch (o.kind) {
    case Operand::Kind::Read:
      return read_text(n.reads[o.read]);
    case Operand::Kind::Constant:
      return fmt::format("{} {:#x}", name_of(o.dtype), o.constant);
    case Operand::Kind::Iota:
      return fmt::format("{} iota {}", name_of(o.dtype), affine_text(o.iota));
  }
  return "";
}

std::string node_text(const Schedule& s, int v, const ir::Graph& graph) {
  const Node& n = s.nodes[v];
  std::string text = fmt::format("%{} = {}", v, op_text(n));
  if (n.result > 0) text += fmt::format(".{}", n.result);
  text += fmt::format(" {}[{}", name_of(n.dtype),
                      fmt::join(n.extents.begin(), n.extents.begin() + n.parallel, ", "));
  if (n.extents.size() > static_cast<size_t>(n.parallel)) {
    text += fmt::format(" | {}", fmt::join(n.extents.begin() + n.parallel, n.extents.end(), ", "));
  }
  text += "]";
  if (n.is_partial()) text += fmt::format(" in {} parts of {}", n.parts, n.granule);
  if (n.kind != NodeKind::Input) {
    std::vector<std::string> operands;
    for (const Operand& o : n.operands)
      operands.push_back(operand_text(n, o));
    text += fmt::format(" ({})", fmt::join(operands, "; "));
  }
  if (!s.label.empty() && !s.label[v].empty()) {
    std::vector<std::string> axes;
    for (int a : s.label[v])
      axes.push_back(fmt::format("a{}", a));
    text += fmt::format(" by {}", fmt::join(axes, ", "));
  }
  if (!s.is_private.empty() && s.is_private[v]) text += " private";
  text += n.out ? " out" : !s.stored.empty() && s.stored[v] ? " stored" : "";
  text += fmt::format(" # {} flop, {} bytes", size_text(n.work),
                      size_text(static_cast<double>(n.bytes())));
  if (const SourcePos at = graph.source(n.origin)) text += fmt::format(", {}:{}", at.file, at.line);
  return text;
}

}  // namespace

std::string to_string(const Schedule& s) {
  size_t leaves = 0, nodes = 0;
  std::set<std::string> kernels;
  for (const Region& region : s.regions) {
    leaves += region.leaves.size();
    nodes += region.nodes.size();
    for (const auto& leaf : region.leaves)
      kernels.insert(kernel_key(s, leaf));
  }
  const std::string inner =
      s.inner_barriers > 0 ? fmt::format(" (+ {} an iteration)", s.inner_barriers) : "";
  std::string text = fmt::format(
      "phases {}, barriers {}{}, regions {}, leaves {}, kernels {}; largest value stored whole: "
      "{}; "
      "{} nodes\n",
      s.barriers + 1, s.barriers, inner, s.regions.size(), leaves, kernels.size(), largest_text(s),
      nodes);
  text += kHeader;
  for (const Region& region : s.regions)
    text += row_text(s, region);
  return text;
}

std::string describe(const Schedule& s, const ir::Graph& graph) {
  std::string text;
  if (!s.regions.empty()) text += to_string(s);
  for (size_t v = 0; v < s.nodes.size(); ++v) {
    const bool listed = s.nodes[v].kind == NodeKind::Input || s.regions.empty();
    if (listed) text += node_text(s, static_cast<int>(v), graph) + "\n";
  }
  for (size_t i = 0; i < s.regions.size(); ++i) {
    const Region& region = s.regions[i];
    text += fmt::format("region {}: phase {}, carrier {}{}\n", i, region.phase,
                        carrier_text(s, region), region.shared ? "" : ", not shared");
    for (size_t k = 0; k < region.leaves.size(); ++k) {
      const Totals t = totals_of(s, region.leaves[k]);
      text +=
          fmt::format("  leaf {}: {} flop, reads {}, stores {}, keeps {}\n", k, size_text(t.flop),
                      size_text(t.read), size_text(t.write), size_text(t.inside));
      for (int v : region.leaves[k])
        text += "    " + node_text(s, v, graph) + "\n";
    }
  }
  return text;
}

}  // namespace gradus::schedule
