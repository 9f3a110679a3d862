// What the example programs share: their command line and the report of what they reached. Nothing
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
#include <gradus/train/history.h>

namespace example {

struct Arguments {
  int epochs = 1;
  uint64_t seed = 0;
  int threads = 0;  // 0: Gradus decides
  std::string device = "cpu";
  std::string data = gradus::data::default_mnist_folder();
  std::string json;          // empty: no report
  std::string checkpoint;    // empty: none
  std::string output;        // a folder for what the program draws and saves; empty: nothing is
  int64_t train_images = 0;  // the first so many; 0: as published
  int64_t test_images = 0;
};

/// An option that one program has beside the common ones: sets *value.
struct Option {
  std::string name, help;
  std::variant<bool*, int64_t*, double*, std::string*> value;
};

/// Parses the command line over `defaults`, sets threads and device, and runs `body`. Returns the
/// status for main: 1 with the message on stderr if `body` throws, 2 for a wrong command line.
int run(int argc, char** argv, const std::string& description, Arguments defaults,
        const std::function<void(const Arguments&)>& body, const std::vector<Option>& options = {});

/// MNIST (or Fashion-MNIST) as --data, --train-images and --test-images say.
gradus::data::Mnist load(const Arguments& arguments);

/// Processor, vectors, threads, device, versions: what --version prints.
std::string environment();

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

/// What a run reached, beside what was published: a table on stdout, and the object that --json
/// writes: what was run, a list "epochs" of objects, a list "published" of {"what", "published",
/// "reached"}, and totals.
class Report {
 public:
  using Value = std::variant<int64_t, double, std::string>;
  using Fields = std::vector<std::pair<std::string, Value>>;

  Report(std::string workload, const Arguments& arguments);
  ~Report();

  void add_epoch(const Fields& fields);
  /// One object for each row of the history.
  void add_epochs(const gradus::train::History& history);
  void set(const std::string& name, const Value& value);
  /// A number beside the published one.
  void compare(const std::string& what, double published, double reached);
  /// Prints the table of comparisons. Adds "parameters" (a count) and "parameter_digest" of the
  /// leaves in tree order, what the process compiled, and its peak of memory, and writes the file
  /// if
  /// --json was given. Throws DataError if it cannot be.
  void finish(const std::vector<gradus::Tensor>& parameters);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace example
