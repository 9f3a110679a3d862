// What print, verify, interpret and the emitters need to walk a kernel's expressions.
#pragma once

#include <vector>

#include "compiler/loop/loop_ir.h"

namespace gradus::loop {

/// Calls f(number) for every expression that `e` reads.
template <class F>
void for_each_operand(const Expr& e, F&& f) {
  for (int operand : e.in) {
    if (operand >= 0) f(operand);
  }
  for (int operand : {e.predicate, e.otherwise, e.offset}) {
    if (operand >= 0) f(operand);
  }
}

/// The expressions that `root` needs, operands before users, `root` itself last.
std::vector<int> cone_of(const Kernel& kernel, int root);

}  // namespace gradus::loop
