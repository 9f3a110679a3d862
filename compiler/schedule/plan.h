// What scheduling works on: nodes with loop axes, reads with affine index maps, and the labels that
// the passes put on them. Layout ops are no nodes: they are composed into the maps of their
// readers.
//
// Dimensions are products of atoms, fine enough that every reshape only re-brackets them. The axes
// of a node are: one per enclosing loop, then the atoms of its result in row-major order (together
// `parallel` of them), then the reduced axes.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "compiler/ir/graph.h"
#include "compiler/loop/scalar.h"
#include "compiler/ops/op.h"
#include "compiler/schedule/nominal.h"
#include "runtime/small_vector.h"

namespace gradus::schedule {

/// sum of coefficient * axis + constant; axes ascending, coefficients non-zero.
struct Affine {
  SmallVector<std::pair<int, int64_t>, 2> terms;
  int64_t constant = 0;
  friend bool operator==(const Affine&, const Affine&) = default;
};

/// Atoms lo … hi-1 of the source, taken as one row-major index, are read at `index`.
struct Span {
  int lo = 0, hi = 0;
  Affine index;
  bool guarded = false;  // a Guard of the read restricts this index
  bool data = false;     // the index is the value of another operand (gather): `index` is unused
  friend bool operator==(const Span&, const Span&) = default;
};

/// The read takes place only where 0 <= index < extent.
struct Guard {
  Affine index;
  int64_t extent = 0;
  friend bool operator==(const Guard&, const Guard&) = default;
};

struct Read {
  int source = -1;
  std::vector<Span> spans;  // in order of atoms; atoms of extent 1 may be missing (index 0)
  std::vector<Guard> guards;
  loop::Bits fill = 0;   // value where a guard fails
  bool back = false;     // of the previous iteration of a loop
  bool partial = false;  // of partial results
  /// (axis of the source, axis of the reader) for every axis that the read leaves as it is.
  std::vector<std::pair<int, int>> same;
};

/// One operand of a node's op, in the op's order.
struct Operand {
  enum class Kind : uint8_t { Read, Constant, Iota } kind = Kind::Read;
  int read = -1;            // Kind::Read: index into Node::reads
  loop::Bits constant = 0;  // Kind::Constant: the bits of every element
  Affine iota;              // Kind::Iota: the element's value, converted to dtype
  DType dtype{};
};

/// Layout ops that are nodes after all (concatenate, pad with a computed fill; kind Elementwise):
/// the value is that of the first operand all of whose guards hold. A copy (op == nullptr) has one
/// operand.
enum class NodeKind : uint8_t { Input, Elementwise, Reduce, Product, Gather, Scatter, Dead };

struct Node {
  NodeKind kind = NodeKind::Elementwise;
  const ops::OpDef* op = nullptr;  // nullptr: Input, and Elementwise copies
  ir::AttrsPtr attributes;         // of the op
  ir::NodeId origin = 0;           // graph node it comes from (source position, name)
  int result = 0;                  // which result of the op
  int input = -1;                  // Kind::Input: index of the graph's input; -1: the dense
                                   // constant `origin`, which the executable owns
  DType dtype{};
  std::vector<int64_t> extents;  // of the axes
  int parallel = 0;
  std::vector<Read> reads;
  std::vector<Operand> operands;
  double work = 0;  // flop
  std::vector<std::string> loops;
  std::vector<int64_t> static_key;
  bool out = false;  // an output of the graph
  /// Scatter: parallel axes first … second-1, as one row-major index, are compared with the data.
  std::pair<int, int> data_axes{0, 0};

  /// Partial results (numeric plan): `part_axis`, a reduced axis, is cut into `parts` runs of `granule`
  /// points; one result is stored for each run. -1: not partial.
  int64_t parts = 1, granule = 0;
  int part_axis = -1;
  /// A reduced axis whose points are dealt to 16 lanes, each with a chain of its own, which are
  /// combined by a tree. -1: one chain.
  int lane_axis = -1;
  /// Adds (or maxes, …) the `parts` partial results of reads[0] in order.
  bool combine = false;

  /// > 0: kept whole in blocks of so many points of the carrier, which stand innermost: its region
  /// and all its readers have the carrier in the lanes.
  int64_t lane_block = 0;

  bool is_partial() const { return part_axis >= 0; }
  int64_t points() const;
  int64_t result_elements() const;  // without the parts
  int64_t bytes() const;            // stored bytes, parts included
};

struct Region {
  int phase = 1;
  /// Labelled nodes (or private copies) are shared out by carrier; the others are computed by one
  /// worker or by every worker that reads them.
  bool shared = true;
  /// Values of the region have the carrier innermost, but for those that others read row-major, and
  /// vectors run along it, `lane_block` points at a time.
  bool carrier_in_lanes = false;
  int64_t lane_block = 0;
  std::vector<int> nodes;                // producers first
  std::vector<std::vector<int>> leaves;  // partition of nodes, producers first
};

struct Schedule {
  std::vector<Node> nodes;
  /// Per node: the axes that carry it (cut among workers); empty = uniform.
  std::vector<std::vector<int>> label;
  std::vector<int> phase;        // per node, from 1; inputs 0
  std::vector<char> is_private;  // per node: a repeated value that each worker computes for itself
  std::vector<char> stored;      // per node: kept whole in memory (crosses regions, or an output)
  std::vector<int> region_of;    // per node, -1 for inputs
  std::vector<Region> regions;   // by phase
  std::vector<int> outputs;      // graph output -> node; distinct nodes
  int barriers = 0;
  int inner_barriers = 0;  // in each iteration of the loops
};

/// How finely leaves are cut.
enum class LeafGrouping : uint8_t {
  /// A product has a leaf of its own, with elementwise operands folded in and the elementwise
  /// consumers at exactly its points; a scatter is alone. What a code generator takes.
  CodeGeneration,
  /// Components of one level along tight reads, whatever their kinds: for comparison with the
  /// published tables.
  Tight,
};

struct PlaceOptions {
  int workers = 16;                    // nominal: the numeric plan must not see the machine
  double barrier = nominal::kBarrier;  // cycles; tests set 0, so that small graphs are cut up too
  LeafGrouping grouping = LeafGrouping::CodeGeneration;
};

/// Graph -> nodes: atoms, views composed, value-numbered. Every output is a node of its own.
Schedule translate(const ir::Graph& graph);
/// Carriers, partial sums, phases, sinking, repeats, regions, leaves.
void place(Schedule& schedule, const PlaceOptions& options = {});
/// Whether a window slides along a dimension of what is read: its index has parallel and reduced axes.
bool slides(const Node& node, const Read& read);
/// A sum over a window that slides along a dimension (a convolution or one of its gradients).
bool is_window(const Node& node);
/// Throws InternalError if a placed schedule breaks an invariant of phases, regions or leaves.
void check(const Schedule& schedule);
/// The table that dumps show and golden tests compare.
std::string to_string(const Schedule& schedule);
/// Every region with its leaves, and every node with its source position, reads, flops and bytes.
std::string describe(const Schedule& schedule, const ir::Graph& graph);

}  // namespace gradus::schedule
