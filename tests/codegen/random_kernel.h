// Random valid kernels with memory to run them on.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/codegen/harness.h"

namespace gradus::codegen::testing {

struct RandomKernel {
  loop::Kernel kernel;
  Memory memory;
  std::vector<int64_t> args;
};

/// The same seed gives the same kernel.
RandomKernel random_kernel(uint64_t seed);

}  // namespace gradus::codegen::testing
