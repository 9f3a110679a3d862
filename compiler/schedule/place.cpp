#include <algorithm>

#include "compiler/schedule/state.h"

namespace gradus::schedule {

void place(Schedule& schedule, const PlaceOptions& options) {
  State state(schedule, options);
  choose_carriers(state);
  find_phases(state);
  repeat_cheap_values(state);
  find_regions(state);
  choose_lanes(state);
  find_leaves(state);
  copy_operands(state);
  check(schedule);
}

State::State(Schedule& schedule, const PlaceOptions& options)
    : s(schedule),
      options(options),
      nodes(schedule.nodes),
      label(schedule.label),
      phase(schedule.phase),
      labelled(schedule.nodes.size(), 0),
      loop_of(find_loops(schedule.nodes)),
      granule(std::ranges::any_of(schedule.nodes, is_window) ? nominal::kWindowGranule
                                                             : nominal::kGranule) {
  label.assign(nodes.size(), {});
  phase.assign(nodes.size(), 0);
  s.is_private.assign(nodes.size(), 0);
  find_users();
}

std::vector<int> find_loops(const std::vector<Node>& nodes) {
  std::vector<int> loop_of(nodes.size(), -1);
  const Components comps = ordered(nodes);
  for (size_t i = 0; i < comps.size(); ++i) {
    const auto comp = comps[i];
    const bool loop =
        comp.size() > 1 || std::ranges::any_of(nodes[comp[0]].reads,
                                               [&](const Read& r) { return r.source == comp[0]; });
    for (int v : comp) {
      if (loop) loop_of[v] = comp[0];
    }
  }
  return loop_of;
}

void State::find_users() {
  users.assign(nodes.size(), {});
  for (int v = 0; v < size(); ++v) {
    for (int r = 0; r < static_cast<int>(nodes[v].reads.size()); ++r) {
      users[nodes[v].reads[r].source].push_back({v, r});
    }
  }
}

int State::add(Node node) {
  nodes.push_back(std::move(node));
  label.emplace_back();
  phase.push_back(0);
  s.is_private.push_back(0);
  labelled.push_back(1);
  users.emplace_back();
  loop_of.push_back(-1);
  return size() - 1;
}

Components ordered(const std::vector<Node>& nodes, bool back) {
  std::vector<int> vertices;
  std::vector<std::vector<int>> sources(nodes.size());
  for (int v = 0; v < static_cast<int>(nodes.size()); ++v) {
    if (nodes[v].kind == NodeKind::Input || nodes[v].kind == NodeKind::Dead) continue;
    vertices.push_back(v);
    for (const Read& r : nodes[v].reads) {
      const bool input = nodes[r.source].kind == NodeKind::Input;
      if (!input && (back || !r.back)) sources[v].push_back(r.source);
    }
  }
  return components(vertices, sources);
}

std::vector<int> distinct_sources(const Node& node) {
  std::vector<int> sources;
  for (const Read& r : node.reads) {
    if (std::ranges::find(sources, r.source) == sources.end()) sources.push_back(r.source);
  }
  return sources;
}

double State::time(int v) const {
  const Node& n = nodes[v];
  // Few parts cost as many do: a small batch is placed like a large one, and shares its kernels.
  const int64_t parts = n.combine ? n.extents.back() : nominal::kUsualParts;
  const int64_t times = std::max<int64_t>(1, nominal::kUsualParts / std::max<int64_t>(1, parts));
  int64_t touched = n.bytes();
  const int64_t points = n.points();
  for (size_t i = 0; i < n.reads.size(); ++i) {
    const int u = n.reads[i].source;
    bool again = false;
    for (size_t j = 0; j < i; ++j)
      again |= n.reads[j].source == u;
    const auto width = static_cast<int64_t>(size_of(nodes[u].dtype));
    if (!again) touched += times * std::min(nodes[u].bytes(), points * width);
  }
  return std::max(static_cast<double>(times) * n.work / nominal::kPeak,
                  static_cast<double>(touched) / nominal::kNear);
}

namespace {

int64_t ceil_div(int64_t a, int64_t b) {
  return b == 0 ? 0 : (a + b - 1) / b;
}

bool uses_axis(const Read& r, int axis) {
  return std::ranges::any_of(r.spans, [&](const Span& s) { return uses(s.index, axis); });
}

}  // namespace

int64_t State::units(int v, std::span<const int> axes) const {
  const Node& n = nodes[v];
  int64_t extent = 1, least = 1;
  for (int a : axes)
    extent *= n.extents[a];
  if (n.kind != NodeKind::Product) {
    least = extent == 0 ? 1 : ceil_div(nominal::kLanes, n.points() / extent);
    return std::max<int64_t>(1, least == 0 ? 1 : extent / least);
  }
  for (const Read& r : n.reads) {
    if (std::ranges::all_of(axes, [&](int a) { return uses_axis(r, a); })) continue;
    int64_t others = 1;
    for (int a = 0; a < n.parallel; ++a) {
      if (!uses_axis(r, a) && std::ranges::find(axes, a) == axes.end()) others *= n.extents[a];
    }
    least *= std::max<int64_t>(1, ceil_div(nominal::kReuse, others));
  }
  return std::max<int64_t>(1, extent / least);
}

double State::shared_time(int v, std::span<const int> axes) const {
  return time(v) / static_cast<double>(std::min<int64_t>(options.workers, units(v, axes)));
}

bool blocks(const Schedule& s, int v, const Read& r) {
  const int u = r.source;
  if (s.nodes[u].kind == NodeKind::Input || s.label[u].empty() || u == v) return false;
  if (s.is_private[v]) return s.phase[u] == s.phase[v];
  if (r.partial || s.label[v].size() != s.label[u].size()) return true;
  for (size_t i = 0; i < s.label[u].size(); ++i) {
    if (same_axis(r, s.label[u][i]) != s.label[v][i]) return true;
  }
  return false;
}

bool State::crosses(int u) const {
  return nodes[u].out || std::ranges::any_of(users[u], [&](const Use& w) {
           return phase[w.node] > phase[u] || blocks(w.node, read(w));
         });
}

AxisRange free_axes(const State& state, int v) {
  const Node& n = state.nodes[v];
  return {state.loop_of[v] < 0 ? 0 : static_cast<int>(n.loops.size()), n.parallel};
}

}  // namespace gradus::schedule
