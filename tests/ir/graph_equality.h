// Equality of graphs including what structurally_equal leaves out.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <string_view>

#include "compiler/ir/graph.h"

namespace gradus::ir {

inline bool same_source(SourcePos a, SourcePos b) {
  if (!a || !b) return !a && !b;
  return a.line == b.line && std::string_view(a.file) == b.file;
}

inline void check_same(const Graph& a, const Graph& b) {
  REQUIRE(structurally_equal(a, b));
  CHECK(a.name() == b.name());
  CHECK(std::ranges::equal(a.input_names(), b.input_names()));
  CHECK(std::ranges::equal(a.output_names(), b.output_names()));
  bool sources = true;
  for (NodeId n = 0; n < a.size(); ++n)
    sources &= same_source(a.source(n), b.source(n));
  CHECK(sources);
}

}  // namespace gradus::ir
