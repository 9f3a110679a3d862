// The option nan_check: a program stops with an error at the op that made its first NaN.
#pragma once

#include <functional>
#include <memory>

#include "compiler/ir/graph.h"
#include "runtime/executable.h"

namespace gradus {

/// Makes the program of one op.
using CompileOp = std::function<std::shared_ptr<const Executable>(const ir::Graph&)>;

/// Runs `program`, which was compiled from `graph`. If one of its results holds a NaN, runs the
/// graph again op by op, each a program of its own made by `compile_op`, and throws a NanError that
/// names the op where the NaN began, with the user's line. Inputs are never donated: the second run
/// needs them.
std::shared_ptr<const Executable> make_nan_checked(ir::Graph graph,
                                                   std::shared_ptr<const Executable> program,
                                                   CompileOp compile_op);

}  // namespace gradus
