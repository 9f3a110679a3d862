#include "compiler/transforms/dce.h"

namespace gradus::transforms {

ir::Graph dce(ir::Graph graph) {
  return ir::without_unused(std::move(graph));
}

}  // namespace gradus::transforms
