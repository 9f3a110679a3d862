#include "common/program.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

#include <gradus/data/rows.h>
#include <gradus/runtime/cpu/thread_pool.h>
#include <gradus/runtime/device.h>
#include <gradus/runtime/file.h>
#include <gradus/runtime/hash.h>
#include <gradus/runtime/options.h>
#include <gradus/runtime/profile.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace example {
namespace {

void apply(const Arguments& arguments) {
  gradus::Options options = gradus::options();
  if (arguments.threads > 0) options.threads = arguments.threads;
  options.device = gradus::parse_device(arguments.device);
  gradus::require_device(options.device);
  gradus::set_options(options);
}

void add_option(CLI::App& app, const Option& option, bool& value) {
  app.add_flag(option.name, value, option.help);
}
template <class Value>
void add_option(CLI::App& app, const Option& option, Value& value) {
  app.add_option(option.name, value, option.help)->capture_default_str();
}

}  // namespace

int run(int argc, char** argv, const std::string& description, Arguments defaults,
        const std::function<void(const Arguments&)>& body, const std::vector<Option>& options) {
  Arguments arguments = std::move(defaults);
  CLI::App app(description);
  app.add_option("--epochs", arguments.epochs, "how often the training set is gone through")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  app.add_option("--seed", arguments.seed, "of the initial parameters")->capture_default_str();
  app.add_option("--threads", arguments.threads, "0: as many as there are cores")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  app.add_option("--device", arguments.device, "cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--data", arguments.data, "the folder that tools/get-mnist filled")
      ->capture_default_str();
  app.add_option("--json", arguments.json, "write a report into this file");
  app.add_option("--checkpoint", arguments.checkpoint,
                 "go on from this file if it is there; written after every epoch");
  app.add_option("--output", arguments.output, "a folder for models, tables and pictures")
      ->capture_default_str();
  app.add_option("--train-images", arguments.train_images, "use the first so many; 0: as published")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--test-images", arguments.test_images, "use the first so many; 0: as published")
      ->check(CLI::NonNegativeNumber);
  for (const Option& option : options)
    std::visit([&](auto* value) { add_option(app, option, *value); }, option.value);
  app.set_version_flag("--version", environment);
  app.footer(gradus::options_help());
  try {
    app.parse(argc, argv);
    apply(arguments);
    if (!arguments.output.empty()) gradus::make_folders(arguments.output);
    body(arguments);
    return 0;
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
}

gradus::data::Mnist load(const Arguments& arguments) {
  gradus::data::Mnist mnist = gradus::data::load_mnist(arguments.data);
  const auto first = [](gradus::data::LabelledImages& set, int64_t count) {
    if (count > 0) set = gradus::data::part(set, 0, std::min(count, set.size()));
  };
  first(mnist.train, arguments.train_images);
  first(mnist.test, arguments.test_images);
  return mnist;
}

std::string environment() {
  return gradus::environment_text();
}

std::string digest_of(const std::vector<gradus::Tensor>& leaves) {
  gradus::Sha256 hash;
  for (const gradus::Tensor& leaf : leaves) {
    gradus::visit_dtype(leaf.dtype(), [&]<class T>() {
      auto elements = leaf.data<T>();
      hash.update(elements.data(), elements.size_bytes());
    });
  }
  return gradus::to_hex(hash.finish());
}

struct Report::State {
  std::string file;
  nlohmann::ordered_json json;
};

namespace {

void put(nlohmann::ordered_json& object, const std::string& name, const Report::Value& value) {
  std::visit([&](const auto& v) { object[name] = v; }, value);
}

void print_comparisons(const nlohmann::ordered_json& comparisons) {
  if (comparisons.empty()) return;
  std::printf("\n%-32s  published   reached\n", "");
  for (const auto& row : comparisons) {
    std::printf("%-32s  %9.5g  %8.5g\n", row["what"].get<std::string>().c_str(),
                row["published"].get<double>(), row["reached"].get<double>());
  }
}

}  // namespace

Report::Report(std::string workload, const Arguments& arguments)
    : state_(std::make_unique<State>()) {
  state_->file = arguments.json;
  state_->json = {{"workload", std::move(workload)},
                  {"device", arguments.device},
                  {"threads", gradus::ThreadPool::default_threads()},
                  {"seed", arguments.seed},
                  {"parameters", 0},
                  {"epochs", nlohmann::ordered_json::array()},
                  {"published", nlohmann::ordered_json::array()}};
}

Report::~Report() = default;

void Report::add_epoch(const Fields& fields) {
  nlohmann::ordered_json epoch;
  for (const auto& [name, value] : fields)
    put(epoch, name, value);
  state_->json["epochs"].push_back(std::move(epoch));
}

void Report::add_epochs(const gradus::train::History& history) {
  for (const auto& row : history.rows()) {
    Fields fields = {{"epoch", row.epoch}};
    for (const auto& [name, value] : row.metrics)
      fields.emplace_back(name, value);
    add_epoch(fields);
  }
}

void Report::compare(const std::string& what, double published, double reached) {
  state_->json["published"].push_back(
      {{"what", what}, {"published", published}, {"reached", reached}});
}

void Report::set(const std::string& name, const Value& value) {
  put(state_->json, name, value);
}

void Report::finish(const std::vector<gradus::Tensor>& parameters) {
  int64_t count = 0;
  for (const gradus::Tensor& leaf : parameters)
    count += leaf.size();
  const gradus::CompilationStatistics compiled = gradus::compilation_statistics();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  set("parameters", count);
  set("compile_ms", compiled.seconds * 1e3);
  set("compilations", compiled.compilations);
  set("peak_memory_mb", static_cast<double>(usage.ru_maxrss) / 1024);
  set("parameter_digest", digest_of(parameters));
  print_comparisons(state_->json["published"]);
  if (!state_->file.empty()) {
    gradus::write_file_atomically(state_->file, state_->json.dump(2) + "\n");
  }
}

}  // namespace example
