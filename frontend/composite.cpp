#include "frontend/composite.h"

#include "frontend/trace.h"

namespace gradus {

Tensor composite(const char* name, SourcePos where, const std::function<Tensor()>& body) {
  return detail::run_op(name, where, body);
}

}  // namespace gradus
