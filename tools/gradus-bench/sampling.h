// How repeated work is timed.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

namespace gradus::bench {

/// Seconds that work() takes.
template <class F>
double seconds_of(F&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Sample {
  double min = 0, median = 0;  // seconds of one call
};

/// Calls work() again and again for about `seconds`, in groups of about `group` seconds each; a
/// sample is the mean of a group, so that reading the clock does not count.
template <class F>
Sample sample(double seconds, double group, F&& work) {
  for (int i = 0; i < 5; ++i)
    work();
  const auto repeat = [&](int64_t n) {
    return seconds_of([&] {
      for (int64_t i = 0; i < n; ++i)
        work();
    });
  };
  const double once = std::max(repeat(3) / 3, 1e-9);
  const int64_t n = std::max<int64_t>(1, static_cast<int64_t>(group / once));
  std::vector<double> means;
  double spent = 0;
  while (means.empty() || spent < seconds) {
    const double t = repeat(n);
    spent += t;
    means.push_back(t / static_cast<double>(n));
  }
  std::ranges::sort(means);
  return {means.front(), means[means.size() / 2]};
}

}  // namespace gradus::bench
