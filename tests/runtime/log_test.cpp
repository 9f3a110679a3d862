#include "runtime/log.h"

#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "runtime/options.h"

using namespace gradus;

namespace {

Options with_level(LogLevel level) {
  Options o = options();
  o.log = level;
  return o;
}

}  // namespace

TEST_CASE("level names are inverse to each other", "[log]") {
  for (LogLevel level : {LogLevel::Off, LogLevel::Error, LogLevel::Warning, LogLevel::Info,
                         LogLevel::Debug, LogLevel::Trace}) {
    REQUIRE(log_level_named(name_of(level)) == level);
  }
  REQUIRE_FALSE(log_level_named("Warning"));
}

TEST_CASE("messages up to the level reach the sink, formatted", "[log]") {
  ScopedOptions scope(with_level(LogLevel::Info));
  std::vector<std::string> seen;
  ScopedLogSink sink([&](LogLevel level, std::string_view text) {
    seen.push_back(fmt::format("{}|{}", name_of(level), text));
  });
  GRADUS_LOG(Error, "a {}", 1);
  GRADUS_LOG(Warning, "b");
  GRADUS_LOG(Info, "c {:.1f}", 2.0);
  GRADUS_LOG(Debug, "d");
  write_log(LogLevel::Trace, "e");
  REQUIRE(seen == std::vector<std::string>{"error|a 1", "warning|b", "info|c 2.0"});
}

TEST_CASE("arguments of a message that is off are not evaluated", "[log]") {
  ScopedOptions scope(with_level(LogLevel::Off));
  int evaluated = 0;
  ScopedLogSink sink([&](LogLevel, std::string_view) { ++evaluated; });
  GRADUS_LOG(Error, "{}", ++evaluated);
  REQUIRE(evaluated == 0);
}

TEST_CASE("sinks nest, and one that throws does not reach the caller", "[log]") {
  ScopedOptions scope(with_level(LogLevel::Warning));
  int outer_count = 0;
  ScopedLogSink outer([&](LogLevel, std::string_view) { ++outer_count; });
  {
    ScopedLogSink inner([](LogLevel, std::string_view) { throw std::runtime_error("sink"); });
    write_log(LogLevel::Warning, "(expected on stderr: the sink of a test threw)");
  }
  write_log(LogLevel::Warning, "to the outer one");
  REQUIRE(outer_count == 1);
}

TEST_CASE("lines of several threads stay whole", "[log][threads]") {
  ScopedOptions scope(with_level(LogLevel::Info));
  std::vector<std::string> seen;
  ScopedLogSink sink([&](LogLevel, std::string_view text) { seen.emplace_back(text); });
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([t] {
        for (int i = 0; i < 100; ++i)
          GRADUS_LOG(Info, "{}", std::string(50, char('a' + t)));
      });
    }
  }
  REQUIRE(seen.size() == 400);
  for (const std::string& line : seen)
    REQUIRE(line == std::string(50, line[0]));
}
