#include "runtime/profile.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "runtime/options.h"

namespace gradus {
namespace {

struct Profile {
  std::mutex mutex;
  std::map<std::pair<std::string, std::string>, ProfileRow, std::less<>> rows;
  CompilationStatistics compilations;
};

// Never destroyed: timers may end in static destructors.
Profile& profile() {
  static Profile& p = *new Profile;
  return p;
}

}  // namespace

bool detail::profile_enabled_slow() {
  options();  // installs the state
  return profile_state.load(std::memory_order_relaxed) != 0;
}

void set_profile(bool enabled) {
  detail::profile_state.store(enabled ? 1 : 0, std::memory_order_relaxed);
  static std::once_flag registered;
  if (!enabled) return;
  std::call_once(registered, [] {
    std::atexit([] {
      if (profile_enabled()) std::fputs(profile_text().c_str(), stderr);
    });
  });
}

void add_profile_time(std::string_view group, std::string_view name, double seconds) {
  Profile& p = profile();
  std::lock_guard lock(p.mutex);
  auto [place, is_new] = p.rows.try_emplace({std::string(group), std::string(name)});
  ProfileRow& row = place->second;
  if (is_new) row = {std::string(group), std::string(name), 0, 0, seconds, seconds};
  ++row.count;
  row.total_seconds += seconds;
  row.min_seconds = std::min(row.min_seconds, seconds);
  row.max_seconds = std::max(row.max_seconds, seconds);
}

std::vector<ProfileRow> profile_rows() {
  std::vector<ProfileRow> rows;
  {
    std::lock_guard lock(profile().mutex);
    for (const auto& [key, row] : profile().rows)
      rows.push_back(row);
  }
  std::ranges::stable_sort(rows, [](const ProfileRow& a, const ProfileRow& b) {
    return a.group != b.group ? a.group < b.group : a.total_seconds > b.total_seconds;
  });
  return rows;
}

void clear_profile() {
  std::lock_guard lock(profile().mutex);
  profile().rows.clear();
}

std::string profile_text() {
  std::vector<ProfileRow> rows = profile_rows();
  if (rows.empty()) return "";
  std::string text = fmt::format("{:<10} {:<36} {:>9} {:>11} {:>11} {:>11} {:>11}\n", "group",
                                 "name", "count", "total ms", "mean us", "min us", "max us");
  for (const ProfileRow& row : rows) {
    text += fmt::format("{:<10} {:<36} {:>9} {:>11.3f} {:>11.2f} {:>11.2f} {:>11.2f}\n", row.group,
                        row.name, row.count, row.total_seconds * 1e3,
                        row.total_seconds * 1e6 / static_cast<double>(row.count),
                        row.min_seconds * 1e6, row.max_seconds * 1e6);
  }
  return text;
}

CompilationStatistics compilation_statistics() {
  std::lock_guard lock(profile().mutex);
  return profile().compilations;
}

void count_compilation(double seconds) {
  std::lock_guard lock(profile().mutex);
  ++profile().compilations.compilations;
  profile().compilations.seconds += seconds;
}

}  // namespace gradus
