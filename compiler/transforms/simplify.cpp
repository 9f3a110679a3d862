#include "compiler/transforms/simplify.h"

#include "compiler/transforms/dce.h"

namespace gradus::transforms {

ir::Graph simplify(const ir::Graph& graph) {
  return dce(graph);
}

}  // namespace gradus::transforms
