// Element programs: what is computed at one point of a leaf's loop nest. Elementwise nodes are
// evaluated in place (index -> scalar); everything else is read from memory or from a register.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "compiler/loop/scalar.h"
#include "compiler/schedule/plan.h"

namespace gradus::loop {

using schedule::Affine;

/// Room around axes lo … hi-1, taken as one: `low` and `high` points of zeros.
struct Halo {
  int lo = 0, hi = 0;
  int64_t low = 0, high = 0;
};

/// How the value of a node lies in memory: element strides of its parallel axes, and of the parts of
/// a partial result.
struct Storage {
  std::vector<int64_t> strides;
  int64_t part_stride = 0;
  std::vector<Halo> halos;
  int64_t offset = 0;  // of the first element, behind the halos
  /// > 0: the array consists of blocks of so many points of the carrier, part_stride elements each.
  int64_t block = 0;
};

/// The halo that a guarded read needs in place of its guard; none if zeros around the axes that it
/// guards would not do.
std::optional<Halo> halo_of(const schedule::Node& reader, const schedule::Read& read,
                            const schedule::Guard& guard, const schedule::Node& source);

/// An affine position in the memory of one node, over the axes of the leaf.
struct Position {
  int node = -1;
  Affine index;  // in elements

  friend bool operator==(const Position&, const Position&) = default;
};

struct ElementInput {
  enum class Kind : uint8_t { Load, Index, Register, Argument } kind = Kind::Load;
  DType dtype{};
  Position position;                    // Load
  std::vector<schedule::Guard> guards;  // Load: over the axes of the leaf
  Bits fill = 0;                        // Load: value where a guard fails, unless `otherwise`;
                                        // Argument: its bits
  V otherwise;
  V offset;  // Load: data-dependent index, times `offset_stride`
  int64_t offset_stride = 0;
  Affine index;   // Index: over the axes of the leaf
  int node = -1;  // Register
  friend bool operator==(const ElementInput&, const ElementInput&) = default;
};

/// Where a node is evaluated: one affine expression over the leaf's axes per axis of the node.
using Point = std::vector<Affine>;

class ElementBuilder {
 public:
  /// `inlined`: nodes to evaluate in place; `storage`: of every node that may be loaded.
  ElementBuilder(const schedule::Schedule& schedule, std::set<int> inlined,
                 const std::map<int, Storage>& storage)
      : schedule_(schedule), inlined_(std::move(inlined)), storage_(storage) {}

  /// From here on the node's value is in a register of the kernel, whatever the point.
  void bind(int node);
  /// The value of a node at a point; only the parallel axes matter.
  V value(int node, const Point& at);
  /// The value of the i-th operand of a node at a point (all axes of the node).
  V operand(int node, size_t i, const Point& at);
  /// An index, as a value.
  V index(const Affine& index, DType dtype);
  /// Where the node itself is stored at a point.
  Position position(int node, const Point& at) const;

  ScalarBuilder& program() { return program_; }
  const ScalarBuilder& program() const { return program_; }
  const std::vector<ElementInput>& inputs() const { return inputs_; }

 private:
  V input(ElementInput in);
  V load(int reader, const schedule::Read& read, const Point& at, V data, V otherwise = {});
  V apply(int node, const Point& at);
  struct Pending {
    int node;
    Point at;
  };

  const schedule::Schedule& schedule_;
  const std::set<int> inlined_;
  const std::map<int, Storage>& storage_;
  ScalarBuilder program_;
  std::vector<ElementInput> inputs_;
  std::map<int, V> bound_;
  std::map<int, std::vector<std::pair<Point, V>>> known_;
};

/// Axes of the leaf that a value depends on.
std::set<int> axes_of(const ElementBuilder& element, V v);
/// The input if the value is an unguarded affine load and nothing else, else nullptr.
const ElementInput* plain_load(const ElementBuilder& element, V v);
int64_t coefficient(const Affine& a, int axis);

/// expr with its axes replaced.
Affine substitute(const Affine& expr, const Point& at);
Affine axis(int a);
Affine scaled(const Affine& a, int64_t factor);
Affine plus(const Affine& a, const Affine& b);

}  // namespace gradus::loop
