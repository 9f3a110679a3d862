// The entries of gradus-bench. Each prints JSON lines on stdout.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

namespace gradus::bench {

using Json = nlohmann::ordered_json;

/// What this machine's FMA units reach: the bound that shares of the peak refer to.
struct Peak {
  double gflops_1 = 0;    // one thread
  double gflops_all = 0;  // all threads at once
  int threads = 0;
  int lanes = 0;  // of 32 bits, in the vectors that were used
};

/// Measures for about `seconds`; `threads` 0 means one per available core.
Peak measure_peak(int threads, double seconds);

/// A published training step on random data of its shapes.
struct Workload {
  std::string_view name, description;
  /// {"first_s", "min_us", "med_us"}: the first call (trace, compile, run), then for about
  /// `seconds`.
  Json (*measure)(double seconds);
};
std::span<const Workload> workloads();

/// {"batch", "seconds", "kernels", "again_s"}: tracing and compiling LeNet-5's step for a batch of
/// `size` beside those compiled before, kernels made for it, and the least time when none is to be
/// made any more.
Json measure_batch(int64_t size);

/// {"one_leaf_ns", "hundred_leaves_ns"}: the cost of a jitted call that computes next to nothing.
Json measure_call(double seconds);

/// {"ops", "seconds"}: tracing and compiling the gradient of a chain of `ops` elementwise ops.
Json measure_growth(int ops);

}  // namespace gradus::bench
