// Elementwise nodes and reductions as loop nests. Internal to lower_nest.
//
// The axes of the piece's nodes fall into classes along the reads that leave them as they are; the
// classes are the leaf's axes. Parallel ones are the outer loops. The lanes run along the last
// parallel axis; or, for reductions bracketed in lanes, along the last reduced one; or along the
// carrier (nest_in_lanes.cpp has these two).
#pragma once

#include "compiler/loop/reductions.h"

namespace gradus::loop {

/// Element programs up to this size are unrolled.
inline constexpr size_t kShortProgram = 24;

class NestLowering {
 public:
  NestLowering(const LowerContext& context, const Piece& piece)
      : context_(context), piece_(piece) {}
  Leaf run();

 private:
  void find_axes();
  void find_carrier();
  void find_values();
  std::vector<Stmt> lanes_over_result();
  std::vector<Stmt> lanes_over_reduced();
  std::vector<Stmt> lanes_over_carrier();
  std::vector<Stmt> parts_over_carrier();
  int64_t unrolled_points(int leaf_axis, int64_t most) const;
  bool touches_without_room() const;
  bool reads_far(int64_t passes) const;
  struct Limit {
    Index index;
    Coefficient bound;
  };
  std::vector<Stmt> block(int u, const std::optional<Limit>& limit);
  std::vector<Stmt> scalar_body();
  std::vector<Stmt> stores(const std::vector<int>& dims);
  std::vector<Stmt> reduced_loops(size_t from, size_t to, std::vector<Stmt> body);
  std::vector<Stmt> outer_loops(size_t count, std::vector<Stmt> body);
  Point point_of(int v) const;
  std::vector<Stmt> with_parts(const std::function<std::vector<Stmt>()>& make);
  const schedule::Node& node(int v) const { return context_.schedule.nodes[v]; }

  const LowerContext& context_;
  const Piece& piece_;
  std::set<int> inlined_;
  std::vector<int> roots_;                   // materialised nodes and reductions, producers first
  std::map<int, std::vector<int>> classes_;  // node -> leaf axis of each of its axes
  std::vector<int64_t> extents_;             // of the leaf axes
  std::vector<int> outer_, reduced_;         // leaf axes in loop order
  int carrier_ = -1;                         // leaf axis that the range restricts
  int split_ = -1, part_axis_ = -1, granule_axis_ = -1;  // a reduced axis in parts
  int64_t granule_ = 0, granule_rest_ = 0;
  std::map<int, Affine> axis_value_;  // leaf axes that are not simply themselves
  std::unique_ptr<ElementBuilder> element_;
  std::unique_ptr<LeafBuilder> leaf_;
  std::optional<Reductions> reductions_;
  std::vector<std::pair<int, V>> stored_;
  bool carrier_in_lanes_ = false;
  std::map<int, int> variables_;  // leaf axis -> loop variable
  int lane_ = -1;
  int64_t lanes_ = 1;
};

}  // namespace gradus::loop
