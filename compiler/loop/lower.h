// Leaves of the schedule -> kernels of the loop IR, with the recipe for calling them.
//
// A leaf runs over a range [begin, end) of its region's carrier. What a kernel needs to know of the
// range and of extents and strides comes in its arguments; each is a rule that placement evaluates.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "compiler/loop/element.h"
#include "compiler/loop/loop_ir.h"
#include "runtime/cpu/program.h"

namespace gradus::loop {

/// The vector unit that kernels are made for. Results do not depend on it.
struct VectorUnit {
  int lanes = 16;  // of 32 bits
  int registers = 32;
};

/// What a kernel's buffer parameter is bound to: the node's memory, advanced by
/// begin / divisor * step elements.
struct BufferRule {
  int node = -1;
  int64_t step = 0, divisor = 1;
  int packed = -1;  // >= 0: the packed copy of that number instead (Leaf::packs)
  /// > 0: so many elements of the thread's own memory instead, whose content no call outlives.
  int64_t scratch = 0;
  friend bool operator==(const BufferRule&, const BufferRule&) = default;
};

/// A copy of an operand in panels that the kernel wants: element (k, n) stands at
/// (n / width * k_extent + k) * width + n % width, zero beyond n_extent; k counts the points of the
/// reduced axes in order.
struct Pack {
  int node = -1;
  int64_t offset = 0, n_extent = 0, n_stride = 0, width = 0;
  std::vector<int64_t> k_extents, k_strides;
  int64_t k_extent() const {
    int64_t k = 1;
    for (int64_t e : k_extents)
      k *= e;
    return k;
  }
  friend bool operator==(const Pack&, const Pack&) = default;
};

struct Leaf {
  Kernel kernel;
  std::vector<BufferRule> buffers;
  std::vector<ArgRule> args;
  std::vector<Pack> packs;
  int64_t granule = 1;  // ranges should start and end at multiples of it
};

/// The nodes that one kernel computes.
struct Piece {
  std::vector<int> nodes;      // producers first
  std::set<int> materialised;  // those of them that are written to memory
  /// Per node: the class of each of its axes. Axes that a read leaves as they are share a class.
  std::map<int, std::vector<int>> classes;
};

struct LowerContext {
  const schedule::Schedule& schedule;
  const std::map<int, Storage>& storage;
  VectorUnit unit;
  /// Axis of each node that the carrier's range restricts; absent: computed whole.
  const std::map<int, int>& cut;
  /// Whether the node's memory holds only the range (a chunk buffer): it is not advanced by begin,
  /// and has room for whole vectors.
  std::function<bool(int node)> is_local;
  /// Whether an operand may be packed: its value is known before the region runs.
  std::function<bool(int node)> can_pack;

  /// Whether whole vectors of the carrier may be read and written, beyond its range.
  bool has_room(int node) const { return is_local(node) || storage.at(node).block > 0; }
  /// Whether vectors run along the axis that the range restricts.
  bool is_in_lanes(int node) const;
};

Leaf lower(const LowerContext& context, const Piece& piece);

}  // namespace gradus::loop
