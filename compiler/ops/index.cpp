#include "compiler/ops/families.h"

namespace gradus::ops {

void register_index(Registry&) {}

}  // namespace gradus::ops
