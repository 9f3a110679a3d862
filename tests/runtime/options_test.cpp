#include "runtime/options.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <set>
#include <string>

using namespace gradus;

TEST_CASE("an empty environment gives the defaults", "[options]") {
  ParsedOptions parsed = parse_options({});
  REQUIRE(parsed.options == Options{});
  REQUIRE(parsed.errors.empty());
  REQUIRE(parsed.unknown.empty());
}

TEST_CASE("every option is read", "[options]") {
  ParsedOptions parsed = parse_options({
      {"GRADUS_THREADS", "7"},
      {"GRADUS_DEVICE", "cuda:1"},
      {"GRADUS_VECTOR_LANES", "8"},
      {"GRADUS_DISABLE", "fold,tile,fold"},
      {"GRADUS_NAN_CHECK", "1"},
      {"GRADUS_CACHE_DIR", "/tmp/x y"},
      {"GRADUS_DISK_CACHE", "off"},
      {"GRADUS_DISK_CACHE_LIMIT", "2G"},
      {"GRADUS_LOG", "trace"},
      {"GRADUS_PROFILE", "on"},
      {"GRADUS_DUMP", "regions,loops"},
      {"GRADUS_DUMP_FUNCTION", "update"},
      {"GRADUS_DUMP_FORMAT", "json"},
      {"GRADUS_DUMP_FILE", "out.txt"},
      {"GRADUS_SPIN", "0"},
      {"GRADUS_MEMORY_LIMIT", "123"},
      {"HOME", "/root"},
  });
  REQUIRE(parsed.errors.empty());
  REQUIRE(parsed.unknown.empty());
  Options expected;
  expected.threads = 7;
  expected.device = {DeviceKind::Cuda, 1};
  expected.vector_lanes = 8;
  expected.disable = {"fold", "tile"};
  expected.nan_check = true;
  expected.cache_dir = "/tmp/x y";
  expected.disk_cache = false;
  expected.disk_cache_limit = int64_t{2} << 30;
  expected.log = LogLevel::Trace;
  expected.profile = true;
  expected.dump = {"loops", "regions"};
  expected.dump_function = "update";
  expected.dump_format = DumpFormat::Json;
  expected.dump_file = "out.txt";
  expected.spin_microseconds = 0;
  expected.memory_limit = 123;
  REQUIRE(parsed.options == expected);
  REQUIRE(expected.is_disabled("tile"));
  REQUIRE_FALSE(expected.is_disabled("til"));
  REQUIRE(expected.is_dumped("loops"));
  REQUIRE_FALSE(expected.is_dumped("llvm"));
}

TEST_CASE("a value that cannot be used is reported and changes nothing", "[options][errors]") {
  auto [name, value] = GENERATE(table<std::string, std::string>({
      {"GRADUS_THREADS", "0"},
      {"GRADUS_THREADS", "-1"},
      {"GRADUS_THREADS", "two"},
      {"GRADUS_THREADS", "2 "},
      {"GRADUS_THREADS", "99999999999999999999"},
      {"GRADUS_DEVICE", "gpu"},
      {"GRADUS_DEVICE", "cuda:"},
      {"GRADUS_DEVICE", "cuda:-1"},
      {"GRADUS_VECTOR_LANES", "12"},
      {"GRADUS_VECTOR_LANES", "32"},
      {"GRADUS_DISABLE", ",a"},
      {"GRADUS_NAN_CHECK", "yes"},
      {"GRADUS_DISK_CACHE", "2"},
      {"GRADUS_DISK_CACHE_LIMIT", "K"},
      {"GRADUS_DISK_CACHE_LIMIT", "99999999999G"},
      {"GRADUS_LOG", "loud"},
      {"GRADUS_DUMP_FORMAT", "png"},
      {"GRADUS_SPIN", "1.5"},
      {"GRADUS_MEMORY_LIMIT", "-5"},
  }));
  ParsedOptions parsed = parse_options({{name, value}});
  CAPTURE(name, value);
  REQUIRE(parsed.options == Options{});
  REQUIRE(parsed.errors.size() == 1);
}

TEST_CASE("the message for a bad value is complete", "[options][errors]") {
  ParsedOptions parsed = parse_options({{"GRADUS_THREADS", "two"}});
  REQUIRE(std::string(ValueError(parsed.errors.at(0)).what()) ==
          "[options] GRADUS_THREADS has a value that cannot be used; got 'two', expected a number "
          "from 1 to 1024; correct or unset the environment variable");
}

TEST_CASE("unknown names are listed, empty values ignored", "[options]") {
  ParsedOptions parsed =
      parse_options({{"GRADUS_THREAD", "2"}, {"GRADUS_THREADS", ""}, {"PATH", "/bin"}});
  REQUIRE(parsed.unknown == std::vector<std::string>{"GRADUS_THREAD"});
  REQUIRE(parsed.errors.empty());
  REQUIRE(parsed.options == Options{});
}

TEST_CASE("the table has one documented row per option", "[options]") {
  std::span<const OptionRow> table = option_table();
  std::set<std::string_view> names;
  for (size_t i = 0; i < table.size(); ++i) {
    REQUIRE(static_cast<size_t>(table[i].option) == i);
    REQUIRE(table[i].variable.starts_with("GRADUS_"));
    REQUIRE_FALSE(table[i].help.empty());
    REQUIRE_FALSE(table[i].value.empty());
    REQUIRE_FALSE(table[i].default_value.empty());
    names.insert(table[i].variable);
    REQUIRE(options_help().find(table[i].variable) != std::string::npos);
  }
  REQUIRE(names.size() == table.size());
  REQUIRE(static_cast<size_t>(Option::MemoryLimit) + 1 == table.size());
}

TEST_CASE("scoped options nest and restore", "[options]") {
  Options original = options();
  Options changed = original;
  changed.threads = 3;
  {
    ScopedOptions outer(changed);
    REQUIRE(options().threads == 3);
    changed.threads = 5;
    {
      ScopedOptions inner(changed);
      REQUIRE(options().threads == 5);
    }
    REQUIRE(options().threads == 3);
  }
  REQUIRE(options() == original);
}

TEST_CASE("the compilation id changes with what changes code, and only then", "[options]") {
  int id = compilation_options_id();
  Options changed = options();
  changed.log = LogLevel::Debug;
  changed.spin_microseconds += 1;
  {
    ScopedOptions scope(changed);
    REQUIRE(compilation_options_id() == id);
  }
  changed.disable.push_back("an optimisation");
  {
    ScopedOptions scope(changed);
    REQUIRE(compilation_options_id() != id);
  }
  REQUIRE(compilation_options_id() == id);
}
