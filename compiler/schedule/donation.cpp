#include "compiler/schedule/donation.h"

#include <algorithm>
#include <map>

namespace gradus::schedule {
namespace {

/// Reads every element of the source exactly at the reader's own point.
bool is_identity(const Schedule& s, int reader, const Read& r) {
  const Node &n = s.nodes[reader], &u = s.nodes[r.source];
  if (n.kind != NodeKind::Elementwise || n.parallel != u.parallel || !r.guards.empty())
    return false;
  if (!std::equal(n.extents.begin(), n.extents.begin() + n.parallel, u.extents.begin()))
    return false;
  int64_t wide = 0;  // axes of extent 1 need no span
  for (int a = 0; a < u.parallel; ++a)
    wide += u.extents[a] > 1;
  int64_t same = 0;
  for (auto [from, to] : r.same) {
    if (from != to) return false;
    same += u.extents[from] > 1;
  }
  return same == wide;
}

/// Whether all that leads from the reader to the root inside the piece stays at one point.
bool same_point(const Schedule& s, const loop::Piece& piece, int reader, int root) {
  std::set<int> below{reader};
  for (int v : piece.nodes) {
    for (const Read& r : s.nodes[v].reads) {
      if (!below.contains(r.source)) continue;
      if (!is_identity(s, v, r)) return false;
      below.insert(v);
    }
  }
  return below.contains(root);
}

}  // namespace

std::vector<int> choose_donations(const Schedule& s, const std::vector<RegionPiece>& pieces,
                                  const std::vector<int>& piece_of, const ir::Graph& graph,
                                  const std::set<int>& replicated) {
  std::vector<std::vector<std::pair<int, const Read*>>> readers(s.nodes.size());
  std::map<int, int> node_of;  // input -> its node
  for (int w = 0; w < static_cast<int>(s.nodes.size()); ++w) {
    const Node& n = s.nodes[w];
    if (n.kind == NodeKind::Dead) continue;
    if (n.kind == NodeKind::Input && n.input >= 0) node_of[n.input] = w;
    for (const Read& r : n.reads)
      readers[r.source].emplace_back(w, &r);
  }
  std::vector<std::vector<int>> pieces_with(s.nodes.size());  // by node
  for (size_t p = 0; p < pieces.size(); ++p) {
    for (int w : pieces[p].piece.nodes)
      pieces_with[w].push_back(static_cast<int>(p));
  }
  const auto inputs = static_cast<int>(graph.inputs().size());
  std::vector<int> takes(s.outputs.size(), -1);
  std::vector<char> taken(static_cast<size_t>(inputs));
  for (const bool in_place : {true, false}) {
    for (size_t o = 0; o < s.outputs.size(); ++o) {
      const int v = s.outputs[o];
      if (takes[o] >= 0 || replicated.contains(v) || piece_of[v] < 0) continue;
      const loop::Piece& piece = pieces[static_cast<size_t>(piece_of[v])].piece;
      for (int i = 0; i < inputs && takes[o] < 0; ++i) {
        const Type& type = graph.type(graph.inputs()[i]);
        if (taken[i] || type.dtype != s.nodes[v].dtype ||
            type.bytes() != static_cast<size_t>(s.nodes[v].bytes()) || type.bytes() == 0) {
          continue;
        }
        bool reads = false, allowed = true;
        auto node = node_of.find(i);
        if (node != node_of.end()) {
          for (auto [w, r] : readers[node->second]) {
            const bool own = std::ranges::find(pieces_with[w], piece_of[v]) != pieces_with[w].end();
            const bool here = own && is_identity(s, w, *r) && same_point(s, piece, w, v);
            // An elementwise node may be evaluated in place by other kernels too.
            for (int p : pieces_with[w]) {
              if (here && p == piece_of[v]) continue;
              allowed &= s.regions[pieces[static_cast<size_t>(p)].region].phase < s.phase[v];
            }
            if (here) {
              reads = true;
            } else {
              allowed &= s.phase[w] < s.phase[v];
            }
          }
        }
        if (!allowed || reads != in_place) continue;
        takes[o] = i;
        taken[i] = 1;
      }
    }
  }
  return takes;
}

}  // namespace gradus::schedule
