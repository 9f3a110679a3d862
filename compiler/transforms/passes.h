// The passes that map a graph to a graph, by name: what the pipeline's table refers to and what can
// be switched off to bisect a bug.
#pragma once

#include <span>
#include <string_view>

#include "compiler/ir/graph.h"

namespace gradus::transforms {

struct Pass {
  std::string_view name;
  ir::Graph (*run)(const ir::Graph&);
  /// Only makes programs faster or smaller: results stay right without it.
  bool optional;
  /// Without it the same bits come out. (fuse_multiply_add saves roundings.)
  bool exact;
};

/// In the order in which they run before scheduling.
std::span<const Pass> passes();
/// nullptr if there is none of that name.
const Pass* find_pass(std::string_view name);

}  // namespace gradus::transforms
