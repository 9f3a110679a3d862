#include "runtime/profile.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <thread>
#include <vector>

#include "runtime/options.h"

using namespace gradus;

namespace {

Options with_profile(bool enabled) {
  Options o = options();
  o.profile = enabled;
  return o;
}

}  // namespace

TEST_CASE("timers add up by group and name", "[profile]") {
  ScopedOptions scope(with_profile(true));
  clear_profile();
  add_profile_time("kernel", "small", 0.25);
  add_profile_time("kernel", "large", 3.0);
  add_profile_time("kernel", "small", 0.75);
  add_profile_time("compile", "lower", 0.125);
  std::vector<ProfileRow> rows = profile_rows();
  REQUIRE(rows.size() == 3);
  REQUIRE(rows[0].group == "compile");
  REQUIRE(rows[1].name == "large");
  REQUIRE(rows[2].name == "small");
  REQUIRE(rows[2].count == 2);
  REQUIRE(rows[2].total_seconds == 1.0);
  REQUIRE(rows[2].min_seconds == 0.25);
  REQUIRE(rows[2].max_seconds == 0.75);
  REQUIRE(profile_text().find("large") != std::string::npos);
  clear_profile();
  REQUIRE(profile_text().empty());
}

TEST_CASE("a scoped timer measures its life, in any thread", "[profile][threads]") {
  ScopedOptions scope(with_profile(true));
  clear_profile();
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([] {
        ScopedTimer timer("test", "sleep");
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      });
    }
  }
  std::vector<ProfileRow> rows = profile_rows();
  REQUIRE(rows.size() == 1);
  REQUIRE(rows[0].count == 4);
  REQUIRE(rows[0].min_seconds >= 0.002);
  clear_profile();
}

TEST_CASE("nothing is recorded when profiling is off", "[profile]") {
  ScopedOptions scope(with_profile(false));
  clear_profile();
  { ScopedTimer timer("test", "off"); }
  REQUIRE(profile_rows().empty());
}

TEST_CASE("compilations are counted whether profiling is on or off", "[profile]") {
  ScopedOptions scope(with_profile(false));
  CompilationStatistics before = compilation_statistics();
  count_compilation(0.5);
  count_compilation(0.25);
  CompilationStatistics after = compilation_statistics();
  REQUIRE(after.compilations == before.compilations + 2);
  REQUIRE(after.seconds == before.seconds + 0.75);
}
