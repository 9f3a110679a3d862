// gradus-dump: graph files, other programs' functions, formats.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nlohmann/json.hpp>

#include "compiler/ir/parse.h"
#include "compiler/ir/print.h"
#include "compiler/pipeline.h"
#include "tests/tools/command.h"

namespace gradus::test {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

TEST_CASE("the stages are the pipeline's") {
  const TemporaryFolder folder;
  const auto r = run(folder, "gradus-dump --list-stages");
  CHECK(r.status == 0);
  size_t at = 0;
  for (const Stage& stage : stages()) {
    const size_t found = r.out.find("\n" + std::string(stage.name) + " ", at) + 1;
    CHECK((found > 0 || r.out.starts_with(stage.name)));
    at = found;
  }
  for (const char* name : {"trace", "simplified", "regions", "loops", "llvm", "asm"}) {
    CHECK_THAT(r.out, ContainsSubstring(name));
  }
}

TEST_CASE("a graph file at its stages") {
  const TemporaryFolder folder;
  put(folder, "f.gr", kSquares);
  CHECK(run(folder, "gradus-dump f.gr").out == kSquares);
  for (const Stage& stage : stages()) {
    CAPTURE(stage.name);
    const auto r = run(folder, "gradus-dump f.gr --stage " + std::string(stage.name));
    CHECK(r.err == "");
    CHECK(r.status == 0);
    CHECK(!r.out.empty());
  }
  const auto simplified = run(folder, "gradus-dump f.gr --stage simplified");
  CHECK_NOTHROW(ir::parse(simplified.out));
  CHECK_THAT(run(folder, "gradus-dump f.gr --stage llvm").out, ContainsSubstring("define"));
  const auto both = run(folder, "gradus-dump f.gr --stage trace,simplified -o both.txt");
  CHECK(both.out == "");
  CHECK(text_of(folder / "both.txt") ==
        "// function squares, stage trace\n" + std::string(kSquares) +
            "// function squares, stage simplified\n" + simplified.out);
}

TEST_CASE("formats") {
  const TemporaryFolder folder;
  put(folder, "f.gr", kSquares);
  const auto dot = run(folder, "gradus-dump f.gr --format dot");
  CHECK_THAT(dot.out, StartsWith("digraph \"squares\" {") && ContainsSubstring("n0 -> n1") &&
                          ContainsSubstring("%2 reduce_sum\\naxes=[0]\\nf32[]"));
  const auto json = nlohmann::json::parse(run(folder, "gradus-dump f.gr --format json").out);
  CHECK(json["name"] == "squares");
  CHECK(json["inputs"] == nlohmann::json::parse(R"([{"name":"x","value":"%0","type":"f32[3]"}])"));
  CHECK(json["nodes"].size() == 3);
  CHECK(json["nodes"][0]["source"] == "squares.cpp:4");
  CHECK(json["nodes"][2]["attributes"]["axes"] == "[0]");
  CHECK(json["edges"].size() == 3);
  const auto loops =
      nlohmann::json::parse(run(folder, "gradus-dump f.gr --stage loops --format json").out);
  CHECK(loops["text"] == run(folder, "gradus-dump f.gr --stage loops").out);
  CHECK(run(folder, "gradus-dump f.gr --stage loops --format dot").err ==
        "[dump] stage 'loops' is no graph and has no dot form; ask for text or json\n");
}

TEST_CASE("every function that a program compiles") {
  const TemporaryFolder folder;
  put(folder, "f.gr", kSquares);
  const std::string program = " -- gradus-run f.gr --random 1";
  const auto r = run(folder, "gradus-dump --stage trace,loops" + program);
  CHECK(r.status == 0);
  CHECK_THAT(r.out, StartsWith("// function squares, stage trace\n" + std::string(kSquares)) &&
                        ContainsSubstring("// function squares, stage loops\n"));
  // The program's own output is out of the way.
  CHECK_THAT(r.err, StartsWith("in  0: x: f32[3]\n"));

  CHECK_THAT(run(folder, "gradus-dump --function squares" + program).out,
             ContainsSubstring("%2 = reduce_sum"));
  const auto none = run(folder, "gradus-dump --function cubes" + program);
  CHECK(none.out == "");
  CHECK_THAT(none.err, ContainsSubstring("gradus-run compiled no function named 'cubes'"));

  const auto lines = run(folder, "gradus-dump --stage trace,loops --format json" + program).out;
  std::istringstream stream(lines);
  std::vector<std::string> met;
  for (std::string line; std::getline(stream, line);) {
    const auto entry = nlohmann::json::parse(line);
    CHECK(entry["function"] == "squares");
    met.push_back(entry["stage"]);
  }
  CHECK(met == std::vector<std::string>{"trace", "loops"});
}

TEST_CASE("a program's status is passed on") {
  const TemporaryFolder folder;
  CHECK(run(folder, "gradus-dump --stage trace -- sh -c 'exit 7'").status == 7);
  const auto r = run(folder, "gradus-dump --stage trace -- ./none");
  CHECK(r.status == 1);
  CHECK(r.err ==
        "[dump] cannot run './none': No such file or directory; check the program's path\n");
}

TEST_CASE("gradus-dump says in one line what goes wrong") {
  const TemporaryFolder folder;
  put(folder, "f.gr", kSquares);
  const auto r = run(folder, "gradus-dump f.gr --stage loop");
  CHECK(r.status == 1);
  CHECK_THAT(r.err,
             StartsWith("[dump] unknown stage 'loop'; expected one of trace, simplified, ") &&
                 ContainsSubstring("; gradus-dump --list-stages explains them\n"));
  CHECK(run(folder, "gradus-dump none.gr").err ==
        "[parse] cannot read 'none.gr'; check that the file is there and may be read\n");
  CHECK(run(folder, "gradus-dump f.gr -o no/such/folder").err ==
        "[dump] cannot write 'no/such/folder'; check that its folder is there and may be written "
        "to\n");
  CHECK(run(folder, "gradus-dump").status == 1);
}

TEST_CASE("--help lists the options of the environment") {
  const TemporaryFolder folder;
  for (const char* tool : {"gradus-dump --help", "gradus-run --help"}) {
    const auto r = run(folder, tool);
    CHECK(r.status == 0);
    CHECK_THAT(r.out, ContainsSubstring("GRADUS_THREADS") && ContainsSubstring("GRADUS_DUMP_FILE"));
  }
}

}  // namespace
}  // namespace gradus::test
