// gradus-bench: what this machine and this build reach, as JSON lines.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "bench.h"
#include "runtime/error.h"

namespace {

void print(const nlohmann::ordered_json& line) {
  std::puts(line.dump().c_str());
}

int run(int argc, char** argv) {
  CLI::App app("Measures Gradus; prints one JSON object a line.", "gradus-bench");
  int threads = 0;
  double seconds = 2;
  bool list = false;
  app.add_flag("--list", list, "List the entries and what they print");
  app.add_option("--threads", threads, "Threads; 0: one per core")->check(CLI::NonNegativeNumber);
  app.add_option("--seconds", seconds, "Time spent measuring")->check(CLI::PositiveNumber);
  app.fallthrough();

  auto* peak = app.add_subcommand("peak", "FMA peak of one thread and of all, in GFLOP/s");
  peak->callback([&] { print(to_json(gradus::bench::measure_peak(threads, seconds))); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  if (list) {
    for (const auto* entry : app.get_subcommands([](CLI::App*) { return true; })) {
      std::printf("%-8s %s\n", entry->get_name().c_str(), entry->get_description().c_str());
    }
  } else if (app.get_subcommands().empty()) {
    std::fputs(app.help().c_str(), stdout);
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const gradus::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gradus-bench: %s\n", error.what());
  }
  return 1;
}
