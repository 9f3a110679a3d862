#pragma once

#include <cstddef>

#include "compiler/ir/graph.h"

namespace gradus::transforms {

/// From residuals…, tangents… -> outputs…, linear in the tangents (the inputs after the first
/// `residuals`), to residuals…, cotangents of outputs… -> cotangents of tangents….
ir::Graph transpose(const ir::Graph& linear, size_t residuals);

}  // namespace gradus::transforms
