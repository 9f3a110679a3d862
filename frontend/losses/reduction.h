// How a loss ends.
#pragma once

#include <gradus/tensor.h>

namespace gradus::losses {

/// The values themselves, or one number of all of them.
enum class Reduction : uint8_t { None, Mean, Sum };

}  // namespace gradus::losses
