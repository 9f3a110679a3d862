#pragma once

#include "compiler/ops/op.h"

namespace gradus::ops {

/// slice, pad, concatenate: part of register_layout.
void register_layout_windows(Registry& registry);
/// windows: part of register_layout.
void register_windows(Registry& registry);

}  // namespace gradus::ops
