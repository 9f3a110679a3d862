// What the example programs share: their command line, a progress bar and the JSON report. Nothing
// here is about tensors; the examples themselves show how Gradus is used.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gradus/data/mnist.h>
#include <gradus/tensor.h>

namespace example {

struct Arguments {
  int epochs = 1;
  uint64_t seed = 0;
  int threads = 0;  // 0: Gradus decides
  std::string device = "cpu";
  std::string data = gradus::data::default_mnist_folder();
  std::string json;  // empty: no report
};

/// Parses the command line over `defaults`, sets threads and device, and runs `body`. Returns the
/// status for main: 1 with the message on stderr if `body` throws, 2 for a wrong command line.
int run(int argc, char** argv, const std::string& description, Arguments defaults,
        const std::function<void(const Arguments&)>& body);

/// A bar on stderr if that is a terminal, else nothing.
class Progress {
 public:
  Progress(std::string label, int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// One of `total` steps is done. Redraws at most twenty times a second.
  void advance();

 private:
  void draw() const;

  std::string label_;
  int64_t total_;
  int64_t done_ = 0;
  bool visible_;
  std::chrono::steady_clock::time_point begin_;
  std::chrono::steady_clock::time_point drawn_;
};

/// Seconds since it was made.
class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// SHA-256 of the bytes of these tensors, one after another, in hexadecimal.
std::string digest_of(const std::vector<gradus::Tensor>& leaves);

/// The object that --json writes: what was run, a list "epochs" of objects, and totals.
class Report {
 public:
  using Value = std::variant<int64_t, double, std::string>;
  using Fields = std::vector<std::pair<std::string, Value>>;

  Report(std::string workload, const Arguments& arguments);
  ~Report();

  void add_epoch(const Fields& fields);
  void set(const std::string& name, const Value& value);
  /// Adds "parameters" (a count) and "parameter_digest" of the leaves in tree order, and what the
  /// process compiled, and writes the file if --json was given. Throws DataError if it cannot be.
  void write(const std::vector<gradus::Tensor>& parameters);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace example
