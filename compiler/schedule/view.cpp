#include "compiler/schedule/view.h"

#include <algorithm>

#include "runtime/error.h"

namespace gradus::schedule {

std::vector<int64_t> View::flat() const {
  std::vector<int64_t> result;
  for (const auto& dim : atoms)
    result.insert(result.end(), dim.begin(), dim.end());
  return result;
}

Access whole(int base, size_t atoms) {
  Access access{.base = base};
  for (int i = 0; i < static_cast<int>(atoms); ++i) {
    access.spans.push_back({.lo = i, .hi = i + 1, .index = axis_index(i)});
  }
  return access;
}

namespace {

/// Variables first … first+atoms.size()-1 of one dimension, which become the variable `joint`.
struct Join {
  int first, joint;
  std::span<const int64_t> atoms;

  bool touches(const Affine& a) const {
    return std::ranges::any_of(a.terms, [&](const auto& t) {
      return t.first >= first && t.first < first + static_cast<int>(atoms.size());
    });
  }
  /// In an expression the atoms must occur as a multiple of their row-major index, or not at all.
  bool apply(Affine& a) const {
    if (!touches(a)) return true;
    Affine rest{.constant = a.constant}, own;
    for (const auto& term : a.terms) {
      const bool inside =
          term.first >= first && term.first < first + static_cast<int>(atoms.size());
      (inside ? own : rest).terms.push_back(term);
    }
    const int64_t unit = own.terms.back().second;
    if (own != row_major(first, atoms, unit)) return false;
    rest.terms.emplace_back(joint, unit);
    normalize(rest);
    a = std::move(rest);
    return true;
  }
  /// Spans lo … hi-1 of the access that walk these atoms one by one; none if they do otherwise.
  std::optional<std::pair<size_t, size_t>> run(const std::vector<Span>& spans,
                                               std::span<const int64_t> base_atoms) const {
    const auto begin = std::ranges::find_if(spans, [&](const Span& s) { return touches(s.index); });
    const size_t lo = begin - spans.begin();
    if (lo + atoms.size() > spans.size()) return {};
    for (size_t i = 0; i < atoms.size(); ++i) {
      const Span& s = spans[lo + i];
      if (s.hi != s.lo + 1 || s.data || !is_axis(s.index, first + static_cast<int>(i))) return {};
      // Only the outermost atom may be read in part: the others are strides of the joint index.
      if (i > 0 && base_atoms[s.lo] != atoms[i]) return {};
    }
    for (size_t i = 0; i < spans.size(); ++i) {
      if ((i < lo || i >= lo + atoms.size()) && touches(spans[i].index)) return {};
    }
    return std::pair{lo, lo + atoms.size()};
  }
};

bool join_dimension(Access& access, const Join& join, std::span<const int64_t> base_atoms,
                    bool data) {
  for (Guard& g : access.guards) {
    if (data ? join.touches(g.index) : !join.apply(g.index)) return false;
  }
  if (access.kind == Operand::Kind::Constant) return true;
  if (access.kind == Operand::Kind::Iota)
    return data ? !join.touches(access.iota) : join.apply(access.iota);
  const bool touched =
      std::ranges::any_of(access.spans, [&](const Span& s) { return join.touches(s.index); });
  if (!touched) return true;
  if (const auto run = join.run(access.spans, base_atoms)) {
    const auto [lo, hi] = *run;
    if (data && base_atoms[access.spans[lo].lo] != join.atoms[0]) return false;
    Span merged{.lo = access.spans[lo].lo, .hi = access.spans[hi - 1].hi};
    merged.data = data;
    if (!data) merged.index = axis_index(join.joint);
    access.spans.erase(access.spans.begin() + lo + 1, access.spans.begin() + hi);
    access.spans[lo] = merged;
    return true;
  }
  if (data) return false;
  for (Span& s : access.spans) {
    if (!join.apply(s.index)) return false;
  }
  return true;
}

}  // namespace

std::optional<Access> read_at(const View& view, const std::vector<DimExpr>& index,
                              std::span<const int64_t> base_atoms,
                              std::span<const int64_t> extents) {
  const auto rank = view.atoms.size();
  GRADUS_CHECK(index.size() == rank);
  Access access = view.access;
  size_t variables = 0;
  for (const auto& dim : view.atoms)
    variables += dim.size();
  std::vector<Affine> by(variables + rank);
  for (size_t d = 0, first = 0; d < rank; first += view.atoms[d].size(), ++d) {
    const auto& atoms = view.atoms[d];
    if (atoms.empty()) continue;
    if (!index[d].joint && !index[d].data) {
      GRADUS_CHECK(index[d].atoms.size() == atoms.size());
      std::ranges::copy(index[d].atoms, by.begin() + first);
      continue;
    }
    const Join join{static_cast<int>(first), static_cast<int>(variables + d), atoms};
    if (atoms.size() == 1 && !index[d].data) {
      by[first] = index[d].index;
      continue;
    }
    if (!join_dimension(access, join, base_atoms, index[d].data)) return {};
    by[variables + d] = index[d].index;
  }
  for (Span& s : access.spans)
    s.index = substitute(s.index, by);
  for (Guard& g : access.guards)
    g.index = substitute(g.index, by);
  access.iota = substitute(access.iota, by);
  settle_guards(access, extents);
  return access;
}

void settle_guards(Access& access, std::span<const int64_t> extents) {
  std::vector<Guard> kept;
  bool never = false;
  const bool empty = std::ranges::any_of(extents, [](int64_t e) { return e == 0; });
  for (Guard& g : access.guards) {
    if (empty || std::ranges::find(kept, g) != kept.end()) continue;
    const auto [low, high] = bounds(g.index, extents);
    if (low >= 0 && high < g.extent) continue;
    never |= high < 0 || low >= g.extent;
    kept.push_back(std::move(g));
  }
  access.guards = std::move(kept);
  if (never) {
    access = {.kind = Operand::Kind::Constant, .constant = access.fill};
    return;
  }
  if (access.guards.empty()) access.fill = 0;
  for (Span& s : access.spans) {
    s.guarded = std::ranges::any_of(access.guards, [&](const Guard& g) {
      return std::ranges::any_of(g.index.terms,
                                 [&](const auto& t) { return uses(s.index, t.first); });
    });
  }
}

}  // namespace gradus::schedule
