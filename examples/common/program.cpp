#include "common/program.h"

#include <unistd.h>

#include <cstdio>
#include <iostream>

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

}  // namespace

int run(int argc, char** argv, const std::string& description, Arguments defaults,
        const std::function<void(const Arguments&)>& body) {
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
  app.set_version_flag("--version", [] { return gradus::environment_text(); });
  app.footer(gradus::options_help());
  try {
    app.parse(argc, argv);
    apply(arguments);
    body(arguments);
    return 0;
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
}

Progress::Progress(std::string label, int64_t total)
    : label_(std::move(label)),
      total_(total),
      visible_(isatty(STDERR_FILENO) != 0),
      begin_(std::chrono::steady_clock::now()),
      drawn_(begin_) {}

Progress::~Progress() {
  if (visible_) std::fputs("\r\033[K", stderr);  // leave an empty line to what is printed next
}

void Progress::advance() {
  ++done_;
  if (!visible_) return;
  auto now = std::chrono::steady_clock::now();
  if (now - drawn_ < std::chrono::milliseconds(50)) return;
  drawn_ = now;
  draw();
}

void Progress::draw() const {
  constexpr int kWidth = 32;
  double share = total_ > 0 ? static_cast<double>(done_) / static_cast<double>(total_) : 1.0;
  int filled = static_cast<int>(share * kWidth);
  double seconds = std::chrono::duration<double>(drawn_ - begin_).count();
  std::string bar = std::string(static_cast<size_t>(filled), '#') +
                    std::string(static_cast<size_t>(kWidth - filled), '.');
  std::fprintf(stderr, "\r%s [%s] %lld/%lld  %.1f s left\033[K", label_.c_str(), bar.c_str(),
               static_cast<long long>(done_), static_cast<long long>(total_),
               seconds * (1 - share) / share);
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

}  // namespace

Report::Report(std::string workload, const Arguments& arguments)
    : state_(std::make_unique<State>()) {
  state_->file = arguments.json;
  state_->json = {{"workload", std::move(workload)},
                  {"device", arguments.device},
                  {"threads", gradus::ThreadPool::default_threads()},
                  {"seed", arguments.seed},
                  {"parameters", 0},
                  {"epochs", nlohmann::ordered_json::array()}};
}

Report::~Report() = default;

void Report::add_epoch(const Fields& fields) {
  nlohmann::ordered_json epoch;
  for (const auto& [name, value] : fields)
    put(epoch, name, value);
  state_->json["epochs"].push_back(std::move(epoch));
}

void Report::set(const std::string& name, const Value& value) {
  put(state_->json, name, value);
}

void Report::write(const std::vector<gradus::Tensor>& parameters) {
  int64_t count = 0;
  for (const gradus::Tensor& leaf : parameters)
    count += leaf.size();
  gradus::CompilationStatistics compiled = gradus::compilation_statistics();
  set("parameters", count);
  set("compile_ms", compiled.seconds * 1e3);
  set("compilations", compiled.compilations);
  set("parameter_digest", digest_of(parameters));
  if (!state_->file.empty()) {
    gradus::write_file_atomically(state_->file, state_->json.dump(2) + "\n");
  }
}

}  // namespace example
