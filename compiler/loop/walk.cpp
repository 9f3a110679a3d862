#include "compiler/loop/walk.h"

#include <algorithm>

namespace gradus::loop {

std::vector<int> cone_of(const Kernel& kernel, int root) {
  std::vector<bool> needed(root + 1, false);
  needed[root] = true;
  std::vector<int> cone;
  for (int i = root; i >= 0; --i) {
    if (!needed[i]) continue;
    cone.push_back(i);
    for_each_operand(kernel.exprs[i], [&](int operand) { needed[operand] = true; });
  }
  std::reverse(cone.begin(), cone.end());
  return cone;
}

}  // namespace gradus::loop
