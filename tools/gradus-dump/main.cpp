// gradus-dump: the compiler's view of a program, stage by stage.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "compiler/dump.h"
#include "compiler/ir/parse.h"
#include "compiler/pipeline.h"
#include "program.h"

namespace gradus::dump_tool {
namespace {

DumpFormat format_named(const std::string& name) {
  if (name == "dot") return DumpFormat::Dot;
  return name == "json" ? DumpFormat::Json : DumpFormat::Text;
}

void list_stages() {
  for (const Stage& s : stages())
    fmt::print("{:<12}{}\n", s.name, s.help);
}

/// The stages of one graph, each under its name if there are several.
void dump_graph(const ir::Graph& graph, const Request& request) {
  std::string text;
  for (const std::string& stage : request.stages) {
    if (request.stages.size() > 1 && request.format == "text") {
      text += fmt::format("// function {}, stage {}\n", graph.name(), stage);
    }
    text += dump(graph, stage, format_named(request.format));
  }
  write_output(request.file, text);
}

int main(int argc, char** argv) {
  // What stands behind "--" is somebody's program with its own options.
  const auto dashes = std::find(argv + 1, argv + argc, std::string_view("--"));
  const std::vector<std::string> command(std::min(dashes + 1, argv + argc), argv + argc);

  Request request;
  std::string target;
  bool list = false;
  CLI::App app(
      "Shows a program at the stages of the compiler:\n"
      "gradus-dump [OPTIONS] FILE.gr\n"
      "gradus-dump [OPTIONS] WORKLOAD                 S1, S3, …: gradus-bench --list\n"
      "gradus-dump [OPTIONS] -- PROGRAM [ARGUMENTS]   every function that it compiles",
      "gradus-dump");
  app.add_option("TARGET", target, "A graph text, or a published workload's training step");
  app.add_option("--stage", request.stages, "trace,simplified,… (see --list-stages; default trace)")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--format", request.format, "text, dot (stages that are graphs) or json")
      ->check(CLI::IsMember({"text", "dot", "json"}));
  app.add_option("--function", request.function, "Only the function of that name");
  app.add_option("-o,--output", request.file, "Write there instead of to standard output");
  app.add_flag("--list-stages", list, "List the stages");
  app.footer([] { return options_help(); });
  CLI11_PARSE(app, static_cast<int>(dashes - argv), argv);

  if (list) {
    list_stages();
    return 0;
  }
  if (request.stages.empty()) request.stages = {"trace"};
  for (const std::string& stage : request.stages)
    require_stage(stage);
  if (!command.empty() && target.empty()) return run_program(command, request);
  if (target.empty() || !command.empty()) {
    fmt::print(stderr, "{}", app.help());
    return 1;
  }
  if (!std::filesystem::exists(target) && target.find_first_of("./") == std::string::npos) {
    if (request.function.empty()) request.function = "update";
    return run_program({sibling("gradus-bench"), target, "--seconds", "0.001"}, request);
  }
  dump_graph(ir::parse_file(target), request);
  return 0;
}

}  // namespace
}  // namespace gradus::dump_tool

int main(int argc, char** argv) {
  try {
    return gradus::dump_tool::main(argc, argv);
  } catch (const gradus::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
  } catch (const std::exception& error) {
    fmt::print(stderr, "gradus-dump: {}\n", error.what());
  }
  return 1;
}
