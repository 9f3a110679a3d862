// The entries of gradus-bench. Each prints JSON lines on stdout.
#pragma once

#include <nlohmann/json.hpp>

namespace gradus::bench {

/// What this machine's FMA units reach: the bound that shares of the peak refer to.
struct Peak {
  double gflops_1 = 0;    // one thread
  double gflops_all = 0;  // all threads at once
  int threads = 0;
  int lanes = 0;  // of 32 bits, in the vectors that were used
};

/// Measures for about `seconds`; `threads` 0 means one per available core.
Peak measure_peak(int threads, double seconds);

nlohmann::ordered_json to_json(const Peak& peak);

}  // namespace gradus::bench
