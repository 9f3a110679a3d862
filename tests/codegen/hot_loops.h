// What an assembly text spends its time on: the instructions of its innermost loops.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::codegen::testing {

/// Counts by mnemonic, and of operands on the stack: what did not fit into registers.
struct Instructions {
  std::map<std::string, int, std::less<>> count;
  int total = 0;
  int on_stack = 0;

  /// Fused multiply-adds of vectors, whichever operand they overwrite.
  int multiply_adds() const;
};

struct Function {
  std::string name;
  Instructions all;
  std::vector<Instructions> loops;  // the innermost ones, in the order of the text
};

/// Of x86-64, as LLVM writes it in AT&T's syntax.
std::vector<Function> functions_of(std::string_view assembly);

std::string to_string(const Function& function);

}  // namespace gradus::codegen::testing
