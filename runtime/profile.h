// Where time goes: scoped timers by name, added up over the process. Off (the default) they cost
// one relaxed load; the option profile switches them on and prints the table at exit.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

namespace detail {
// -1 until the options are read.
inline std::atomic<int> profile_state{-1};
bool profile_enabled_slow();
}  // namespace detail

inline bool profile_enabled() {
  int state = detail::profile_state.load(std::memory_order_relaxed);
  return state >= 0 ? state != 0 : detail::profile_enabled_slow();
}

/// Switches timers on or off from here on.
void set_profile(bool enabled);

/// Adds `seconds` to the row `name` of `group` ("compile", "kernel", …). Any thread.
void add_profile_time(std::string_view group, std::string_view name, double seconds);

/// Times its own life. The texts must outlive it.
class ScopedTimer {
 public:
  ScopedTimer(std::string_view group, std::string_view name) {
    if (!profile_enabled()) return;
    group_ = group;
    name_ = name;
    is_on_ = true;
    begin_ = std::chrono::steady_clock::now();
  }
  ~ScopedTimer() {
    if (!is_on_) return;
    std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin_;
    add_profile_time(group_, name_, elapsed.count());
  }
  ScopedTimer(const ScopedTimer&) = delete;
  ScopedTimer& operator=(const ScopedTimer&) = delete;

 private:
  bool is_on_ = false;
  std::string_view group_;
  std::string_view name_;
  std::chrono::steady_clock::time_point begin_;
};

struct ProfileRow {
  std::string group;
  std::string name;
  int64_t count = 0;
  double total_seconds = 0;
  double min_seconds = 0;
  double max_seconds = 0;
};

/// Rows by group, in each the largest total first.
std::vector<ProfileRow> profile_rows();
void clear_profile();
/// The rows as a table; empty if there are none.
std::string profile_text();

/// Programs compiled by this process (found in a cache in memory: not counted), and the time it
/// took. Counted whether profiling is on or not.
struct CompilationStatistics {
  int64_t compilations = 0;
  double seconds = 0;
};
CompilationStatistics compilation_statistics();
/// For the compiler: one more.
void count_compilation(double seconds);

}  // namespace gradus
