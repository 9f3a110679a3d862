// Running a graph on arrays through the whole compiler.
#pragma once

#include "compiler/pipeline.h"
#include "tests/support/arrays.h"

namespace gradus::testing {

Arrays run(const Executable& executable, std::span<const ops::RefArray> inputs);
/// Compiled for vectors of that many lanes, run by that many threads.
Arrays run_with(const ir::Graph& graph, std::span<const ops::RefArray> inputs, int lanes,
                int threads);
bool same_bits(const Arrays& a, const Arrays& b);

}  // namespace gradus::testing
