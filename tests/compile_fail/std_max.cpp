// std::max compares by a host condition: it would choose one operand for all elements.
// error: deleted
#include <algorithm>
#include <gradus/gradus.h>

gradus::Tensor f(const gradus::Tensor& x, const gradus::Tensor& y) {
  return std::max(x, y);
}
