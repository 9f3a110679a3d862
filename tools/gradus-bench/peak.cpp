// Independent chains of multiply-adds in registers, as many as hide the latency of all FMA pipes.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "bench.h"
#include "runtime/device.h"

namespace gradus::bench {
namespace {

using Clock = std::chrono::steady_clock;

/// Runs `rounds` rounds of kChains vector multiply-adds; the sum keeps them alive.
using Kernel = float (*)(int64_t rounds, float scale, float shift);

#if defined(__aarch64__)
constexpr int kChains = 24;  // four pipes of latency four, 32 registers
#else
constexpr int kChains = 12;  // two pipes of latency four or five, 16 registers
#endif

typedef float Float4 __attribute__((vector_size(16)));
typedef float Float8 __attribute__((vector_size(32)));
typedef float Float16 __attribute__((vector_size(64)));

/// Inlined into callers that are compiled for the vectors in question.
template <class Vector>
[[gnu::always_inline]] inline float run_chains(int64_t rounds, float scale, float shift) {
  const Vector x = scale - Vector{};
  const Vector y = shift - Vector{};
  Vector chains[kChains];
#pragma GCC unroll 24
  for (int c = 0; c < kChains; ++c)
    chains[c] = y * static_cast<float>(c);
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 24
    for (int c = 0; c < kChains; ++c)
      chains[c] = chains[c] * x + y;
  }
  Vector sum = y;
#pragma GCC unroll 24
  for (int c = 0; c < kChains; ++c)
    sum += chains[c];
  float total = 0;
  for (int i = 0; i < static_cast<int>(sizeof(Vector) / sizeof(float)); ++i)
    total += sum[i];
  return total;
}

float peak_4(int64_t rounds, float scale, float shift) {
  return run_chains<Float4>(rounds, scale, shift);
}
#if defined(__x86_64__)
[[gnu::target("avx2,fma")]] float peak_8(int64_t rounds, float scale, float shift) {
  return run_chains<Float8>(rounds, scale, shift);
}
[[gnu::target("avx512f")]] float peak_16(int64_t rounds, float scale, float shift) {
  return run_chains<Float16>(rounds, scale, shift);
}
#endif

struct Choice {
  Kernel kernel;
  int lanes;
};

Choice widest() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return {peak_16, 16};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {peak_8, 8};
#endif
  return {peak_4, 4};
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// One run of `rounds` rounds on each of `threads` threads, started together; GFLOP/s of all.
double run_once(const Choice& choice, int threads, int64_t rounds) {
  std::atomic<int> waiting{threads};
  std::vector<double> seconds(threads);
  auto work = [&](int t) {
    waiting.fetch_sub(1);
    while (waiting.load() > 0) {
    }
    const auto start = Clock::now();
    volatile float keep = choice.kernel(rounds, 0.999f, 0.001f);
    (void)keep;
    seconds[t] = seconds_since(start);
  };
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t)
    others.emplace_back(work, t);
  work(0);
  for (auto& thread : others)
    thread.join();
  const double flops = 2.0 * choice.lanes * kChains * static_cast<double>(rounds);
  return threads * flops / *std::ranges::max_element(seconds) * 1e-9;
}

/// The best of many short runs: what is asked for is the machine's bound.
double best(const Choice& choice, int threads, double seconds) {
  constexpr int64_t kRounds = 400'000;
  double best = 0;
  const auto start = Clock::now();
  do {
    best = std::max(best, run_once(choice, threads, kRounds));
  } while (seconds_since(start) < seconds);
  return best;
}

}  // namespace

Peak measure_peak(int threads, double seconds) {
  const Choice choice = widest();
  Peak peak;
  peak.threads = threads > 0 ? threads : available_cores();
  peak.lanes = choice.lanes;
  peak.gflops_1 = best(choice, 1, seconds / 2);
  peak.gflops_all = peak.threads == 1 ? peak.gflops_1 : best(choice, peak.threads, seconds / 2);
  return peak;
}

}  // namespace gradus::bench
