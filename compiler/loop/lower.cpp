#include "compiler/loop/lower.h"

#include "compiler/loop/lower_lanes.h"
#include "compiler/loop/lower_nest.h"
#include "compiler/loop/lower_product.h"

namespace gradus::loop {

bool LowerContext::is_in_lanes(int node) const {
  const int region = schedule.region_of[node];
  return region >= 0 && schedule.regions[region].carrier_in_lanes && cut.contains(node);
}

Leaf lower(const LowerContext& context, const Piece& piece) {
  for (int v : piece.nodes) {
    if (context.schedule.nodes[v].kind != schedule::NodeKind::Product) continue;
    if (context.is_in_lanes(v)) return lower_lanes(context, piece, v);
    if (auto leaf = lower_product(context, piece, v)) return std::move(*leaf);
  }
  return lower_nest(context, piece);
}

}  // namespace gradus::loop
