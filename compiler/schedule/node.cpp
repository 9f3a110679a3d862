#include "compiler/schedule/affine.h"
#include "compiler/schedule/plan.h"

namespace gradus::schedule {

int64_t Node::points() const {
  return product(extents);
}

int64_t Node::result_elements() const {
  return product({extents.data(), static_cast<size_t>(parallel)});
}

int64_t Node::bytes() const {
  return result_elements() * static_cast<int64_t>(size_of(dtype)) * parts;
}

}  // namespace gradus::schedule
