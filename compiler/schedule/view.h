// A value of the graph as its readers see it: the node that holds it (or nothing: a constant, an
// index) under an affine index map. Layout ops compose such maps and are no nodes.
#pragma once

#include <optional>
#include <vector>

#include "compiler/schedule/affine.h"

namespace gradus::schedule {

/// What is read, and how: variables are those of whoever reads.
struct Access {
  Operand::Kind kind = Operand::Kind::Read;
  int base = -1;              // Read: the node
  std::vector<Span> spans;    // Read: in order of the node's atoms
  std::vector<Guard> guards;  // Read
  loop::Bits fill = 0;
  loop::Bits constant = 0;  // Constant
  Affine iota;              // Iota
};

/// One dimension of a view as an index expression of the reader.
struct DimExpr {
  std::vector<Affine> atoms;  // one expression per atom …
  bool joint = false;         // … unless the whole dimension is read at `index`
  bool data = false;          // … or at a value
  Affine index;
};

struct View {
  /// Variable i is the i-th atom of the view, all dimensions in order.
  Access access;
  std::vector<std::vector<int64_t>> atoms;  // by dimension
  DType dtype{};
  /// Values behind different barriers are never merged.
  uint32_t fence = 0;

  std::vector<int64_t> flat() const;
  bool is_constant() const { return access.kind == Operand::Kind::Constant; }
};

/// All atoms of node `base` in order, each read by its own axis.
Access whole(int base, size_t atoms);

/// The access of a reader whose variables have these extents; none where it is not affine.
std::optional<Access> read_at(const View& view, const std::vector<DimExpr>& index,
                              std::span<const int64_t> base_atoms,
                              std::span<const int64_t> extents);

/// Drops guards that always hold, marks the spans that the others restrict; a guard that never
/// holds leaves the fill.
void settle_guards(Access& access, std::span<const int64_t> extents);

}  // namespace gradus::schedule
