// gradus-bench: what this machine and this build reach, as JSON lines.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>

#include "bench.h"
#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/options.h"

namespace {

using gradus::bench::Json;

void print(const Json& line) {
  std::puts(line.dump().c_str());
  std::fflush(stdout);
}

struct Settings {
  int threads = 0;
  double seconds = 2;
  std::string device = "cpu";
  bool list = false;
};

void apply(const Settings& settings) {
  gradus::Options options = gradus::options();
  if (settings.threads > 0) options.threads = settings.threads;
  options.device = gradus::parse_device(settings.device);
  gradus::require_device(options.device);
  gradus::set_options(options);
}

void print_peak(const Settings& settings) {
  const auto peak = gradus::bench::measure_peak(settings.threads, settings.seconds);
  print({{"peak_gflops_1", peak.gflops_1},
         {"peak_gflops_all", peak.gflops_all},
         {"threads", peak.threads},
         {"lanes", peak.lanes}});
}

gradus::Options without_disk_cache() {
  gradus::Options options = gradus::options();
  options.disk_cache = false;
  return options;
}

void print_batches() {
  const gradus::ScopedOptions scope(without_disk_cache());
  for (int size : {128, 72, 8, 4, 2, 1})
    print(gradus::bench::measure_batch(size));
}

void print_growth() {
  const gradus::ScopedOptions scope(without_disk_cache());
  for (int ops : {100, 1'000, 3'000, 10'000})
    print(gradus::bench::measure_growth(ops));
}

void print_workload(const gradus::bench::Workload& workload, const Settings& settings) {
  const int threads = settings.threads > 0 ? settings.threads : gradus::available_cores();
  Json line = {{"framework", "gradus"}, {"workload", workload.name}, {"threads", threads}};
  line.update(workload.measure(settings.seconds));
  print(line);
}

int run(int argc, char** argv) {
  Settings settings;
  CLI::App app("Measures Gradus; prints one JSON object a line.", "gradus-bench");
  app.add_flag("--list", settings.list, "List the entries");
  app.add_option("--threads", settings.threads, "Threads; 0: one per core")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--seconds", settings.seconds, "Time spent measuring")->check(CLI::PositiveNumber);
  app.add_option("--device", settings.device, "cpu, cuda or cuda:N");
  app.fallthrough();

  const auto add = [&](std::string_view name, std::string_view description, auto action) {
    app.add_subcommand(std::string(name), std::string(description))->callback([&, action] {
      apply(settings);
      action();
    });
  };
  for (const auto& workload : gradus::bench::workloads()) {
    add(workload.name, workload.description, [&] { print_workload(workload, settings); });
  }
  add("peak", "FMA peak of one thread and of all, in GFLOP/s", [&] { print_peak(settings); });
  add("call", "cost of a jitted call on 1 and on 100 small leaves, in ns",
      [&] { print(gradus::bench::measure_call(settings.seconds)); });
  add("batches", "time to trace and compile LeNet-5's step for one size of batch after another",
      [&] { print_batches(); });
  add("growth", "time to trace and compile gradients of 100 to 10,000 elementwise ops",
      [&] { print_growth(); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  if (settings.list) {
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
