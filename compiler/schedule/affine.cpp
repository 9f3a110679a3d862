#include "compiler/schedule/affine.h"

#include <algorithm>

namespace gradus::schedule {

Affine axis_index(int axis) {
  return {.terms = {{axis, 1}}};
}

void normalize(Affine& a) {
  std::ranges::sort(a.terms, {}, &std::pair<int, int64_t>::first);
  size_t kept = 0;
  for (size_t i = 0; i < a.terms.size();) {
    auto term = a.terms[i++];
    while (i < a.terms.size() && a.terms[i].first == term.first)
      term.second += a.terms[i++].second;
    if (term.second != 0) a.terms[kept++] = term;
  }
  a.terms.resize(kept);
}

Affine substitute(const Affine& a, std::span<const Affine> by) {
  Affine result{.constant = a.constant};
  for (auto [axis, coefficient] : a.terms) {
    const Affine& e = by[axis];
    result.constant += coefficient * e.constant;
    for (auto [t, c] : e.terms)
      result.terms.emplace_back(t, coefficient * c);
  }
  normalize(result);
  return result;
}

Affine row_major(int first, std::span<const int64_t> extents, int64_t scale, int64_t constant) {
  Affine result{.constant = constant};
  const auto n = static_cast<int>(extents.size());
  result.terms.resize(n);
  for (int i = n - 1; i >= 0; --i) {
    result.terms[i] = {first + i, scale};
    scale *= extents[i];
  }
  normalize(result);
  return result;
}

bool is_axis(const Affine& a, int axis) {
  return a.constant == 0 && a.terms.size() == 1 && a.terms[0] == std::pair<int, int64_t>(axis, 1);
}

bool uses(const Affine& a, int axis) {
  return std::ranges::any_of(a.terms, [&](const auto& term) { return term.first == axis; });
}

Bounds bounds(const Affine& a, std::span<const int64_t> extents) {
  Bounds b{a.constant, a.constant};
  for (auto [axis, c] : a.terms) {
    const int64_t last = c * (extents[axis] - 1);
    (last < 0 ? b.low : b.high) += last;
  }
  return b;
}

int64_t product(std::span<const int64_t> extents) {
  int64_t n = 1;
  for (int64_t e : extents)
    n *= e;
  return n;
}

}  // namespace gradus::schedule
