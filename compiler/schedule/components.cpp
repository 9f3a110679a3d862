#include "compiler/schedule/components.h"

#include <utility>

namespace gradus::schedule {

Components components(std::span<const int> vertices, const std::vector<std::vector<int>>& sources) {
  Components result;
  const size_t n = sources.size();
  std::vector<int> index(n, -1), low(n, 0), stack;
  std::vector<char> on(n, 0);
  std::vector<std::pair<int, size_t>> work;  // node, next source
  int count = 0;
  for (int root : vertices) {
    if (index[root] >= 0) continue;
    work.emplace_back(root, 0);
    while (!work.empty()) {
      const int v = work.back().first;
      if (index[v] < 0) {
        index[v] = low[v] = count++;
        stack.push_back(v);
        on[v] = 1;
      }
      bool descend = false;
      while (work.back().second < sources[v].size()) {
        const int u = sources[v][work.back().second++];
        if (index[u] < 0) {
          work.emplace_back(u, 0);
          descend = true;
          break;
        }
        if (on[u]) low[v] = std::min(low[v], low[u]);
      }
      if (descend) continue;
      work.pop_back();
      if (!work.empty()) low[work.back().first] = std::min(low[work.back().first], low[v]);
      if (low[v] != index[v]) continue;
      const size_t begin = result.order.size();
      int u;
      do {
        u = stack.back();
        stack.pop_back();
        on[u] = 0;
        result.order.push_back(u);
      } while (u != v);
      std::reverse(result.order.begin() + begin, result.order.end());
      result.start.push_back(static_cast<int>(result.order.size()));
    }
  }
  return result;
}

}  // namespace gradus::schedule
