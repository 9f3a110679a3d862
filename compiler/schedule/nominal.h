// The nominal machine. Fixed numbers, never the host's: a graph has the same phases, hence the same
// bracketing of every sum, everywhere.
#pragma once

#include <cstdint>

namespace gradus::schedule::nominal {

inline constexpr double kPeak = 64;  // flop per cycle and core
inline constexpr double kNear = 24;  // bytes per cycle, chunk buffers
inline constexpr double kFar = 8;    // bytes per cycle and core, values stored whole …
inline constexpr double kDram = 2;   // … above kShared bytes
inline constexpr double kShared = 16e6;
inline constexpr double kBarrier = 4000;  // cycles: the barrier and the imbalance in front of it
inline constexpr int64_t kReuse = 8;      // uses of an operand per load in a product
inline constexpr int64_t kLanes = 16;     // of a vector
inline constexpr int64_t kFewImages = 6;  // fill the lanes better than channels do
inline constexpr int64_t kRow = 64;       // elements of a row in registers
inline constexpr int64_t kWindow = 4;     // points of a window that a product reduces in registers
inline constexpr int64_t kGranule = 8;    // rows of a partial result: a multiple of this …
inline constexpr int64_t kWindowGranule = 16;  // … or of this in graphs with windows …
inline constexpr int64_t kParts = 64;          // … so that at most this many are stored
inline constexpr int64_t kUsualParts = 8;      // of a batch of 128 images
inline constexpr size_t kCone = 32;            // nodes that are computed again

/// Cycles to move that many bytes to or from a value stored whole.
inline double far(double bytes) {
  return bytes / (bytes <= kShared ? kFar : kDram);
}

}  // namespace gradus::schedule::nominal
