#include "compiler/loop/lower.h"

#include "compiler/loop/lower_nest.h"
#include "compiler/loop/lower_product.h"

namespace gradus::loop {

Leaf lower(const LowerContext& context, const Piece& piece) {
  for (int v : piece.nodes) {
    if (context.schedule.nodes[v].kind != schedule::NodeKind::Product) continue;
    if (auto leaf = lower_product(context, piece, v)) return std::move(*leaf);
  }
  return lower_nest(context, piece);
}

}  // namespace gradus::loop
