// What the placement passes share. Internal to place.
#pragma once

#include "compiler/schedule/affine.h"
#include "compiler/schedule/components.h"
#include "compiler/schedule/node_table.h"
#include "compiler/schedule/nominal.h"
#include "compiler/schedule/plan.h"

namespace gradus::schedule {

struct Use {
  int node, read;
};

/// Computed nodes, producers first; `back`: reads of a previous iteration count.
Components ordered(const std::vector<Node>& nodes, bool back = true);
/// Nodes of a recurrence -> one of them; -1.
std::vector<int> find_loops(const std::vector<Node>& nodes);
/// Whether reader v needs slices of the value that other workers compute.
bool blocks(const Schedule& s, int v, const Read& r);

struct State {
  State(Schedule& schedule, const PlaceOptions& options);

  Schedule& s;
  const PlaceOptions& options;
  std::vector<Node>& nodes;
  std::vector<std::vector<int>>& label;
  std::vector<int>& phase;
  std::vector<char> labelled;           // `label` is decided
  std::vector<std::vector<Use>> users;  // by node; a node occurs once per read
  std::vector<int> loop_of;             // nodes of a recurrence -> one of them; -1
  int64_t granule;                      // rows of a partial result: a multiple of this

  /// Points in a part of a sum over a carrier of this extent.
  int64_t granule_of(int64_t extent) const {
    const int64_t most = granule * nominal::kParts;
    return granule * ((extent + most - 1) / most);
  }
  int size() const { return static_cast<int>(nodes.size()); }
  const Read& read(const Use& use) const { return nodes[use.node].reads[use.read]; }
  bool is_input(int v) const { return nodes[v].kind == NodeKind::Input; }
  bool is_shared(int v) const { return !label[v].empty() || s.is_private[v]; }

  void find_users();
  /// Appends a node to all side tables.
  int add(Node node);
  Components ordered(bool back = true) const { return schedule::ordered(nodes, back); }

  /// Cycles of one core.
  double time(int v) const;
  /// Into how many chunks these axes can be cut so that the node still runs at the peak.
  int64_t units(int v, std::span<const int> axes) const;
  double shared_time(int v, std::span<const int> axes) const;

  bool blocks(int v, const Read& r) const { return schedule::blocks(s, v, r); }
  /// Whether the value is read from whole storage.
  bool crosses(int u) const;
};

/// What may carry: parallel axes, but no iteration inside a recurrence.
struct AxisRange {
  int begin, end;
  bool contains(int a) const { return a >= begin && a < end; }
};
AxisRange free_axes(const State& state, int v);

// The passes, in order.
void choose_carriers(State& state);  // with split_reductions after each commit
void find_phases(State& state);
void repeat_cheap_values(State& state);
void find_regions(State& state);
void choose_lanes(State& state);
void find_leaves(State& state);
void copy_operands(State& state);

/// Reductions over the carrier of the nodes just labelled become partial sums where that moves
/// fewer bytes.
void split_reductions(State& state, const std::vector<int>& taken);

/// Distinct sources of a node, in order of first reading.
std::vector<int> distinct_sources(const Node& node);

}  // namespace gradus::schedule
