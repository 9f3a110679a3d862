// gradus-run: runs a graph file on arrays in .npy files.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <random>

#include "apply.h"
#include "compiler/ir/parse.h"
#include "compiler/pipeline.h"
#include "frontend/io/npy.h"
#include "runtime/options.h"

namespace gradus::run {
namespace {

struct Arguments {
  std::string graph;
  std::vector<std::string> in;
  std::string out;
  std::string device = "cpu";
  int threads = 0;
  int repeat = 1;
  std::optional<uint32_t> random;
  std::vector<std::string> apply;
};

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

/// Standard normal floats, small integers, any key.
io::NpyArray random_array(const Type& type, std::mt19937& random) {
  io::NpyArray array{type, Buffer::allocate(type.bytes())};
  std::normal_distribution<double> normal;
  std::uniform_int_distribution<int> small(0, 9);
  visit_dtype(type.dtype, [&]<class T>() {
    T* data = array.data->as<T>();
    for (int64_t i = 0; i < type.elements(); ++i) {
      if constexpr (std::is_same_v<T, KeyData>) {
        data[i] = {static_cast<uint32_t>(random()), static_cast<uint32_t>(random())};
      } else if constexpr (std::is_same_v<T, bool>) {
        data[i] = small(random) < 5;
      } else if constexpr (std::is_floating_point_v<T>) {
        data[i] = static_cast<T>(normal(random));
      } else {
        data[i] = static_cast<T>(small(random));
      }
    }
  });
  return array;
}

/// Words of keys stand in files as u32 with a last dimension of 2.
void take_as_key(io::NpyArray& array) {
  const Shape& shape = array.type.shape;
  if (array.type.dtype != DType::U32 || shape.rank() == 0 || shape[shape.rank() - 1] != 2) return;
  array.type = {DType::Key, shape.without(shape.rank() - 1)};
}

std::vector<io::NpyArray> read_arguments(const Arguments& args, const ir::Graph& graph) {
  std::vector<io::NpyArray> arrays;
  for (const std::string& path : args.in) {
    arrays.push_back(io::read_npy(path));
    const size_t i = arrays.size() - 1;
    if (i < graph.inputs().size() && graph.type(graph.inputs()[i]).dtype == DType::Key) {
      take_as_key(arrays.back());
    }
  }
  if (args.random) {
    std::mt19937 random(*args.random);
    for (size_t i = arrays.size(); i < graph.inputs().size(); ++i) {
      arrays.push_back(random_array(graph.type(graph.inputs()[i]), random));
    }
  }
  return arrays;
}

void check_types(const ir::Graph& graph, std::span<const io::NpyArray> arrays) {
  for (size_t i = 0; i < arrays.size(); ++i) {
    const Type& expected = graph.type(graph.inputs()[i]);
    const Type& got = arrays[i].type;
    const std::string& name = graph.input_name(i);
    const Message message{
        "run",
        fmt::format("input {}{} does not fit; got {}, expected {}", i,
                    name.empty() ? "" : " " + name, to_string(got), to_string(expected)),
        {},
        "give an array of that type"};
    if (got.dtype != expected.dtype) throw DTypeError(message);
    if (got.shape != expected.shape) throw ShapeError(message);
  }
}

std::shared_ptr<const Executable> compiled(const ir::Graph& graph, const Arguments& args) {
  Options changed = options();
  changed.threads = args.threads ? args.threads : changed.threads;
  const bool reference = args.device == "reference";
  if (!reference) changed.device = parse_device(args.device);
  set_options(changed);
  if (!reference) require_device(changed.device);
  return compile(graph, {.name = graph.name(), .reference = reference});
}

void print_values(const char* kind, std::span<const Type> types,
                  std::span<const std::string> names) {
  for (size_t i = 0; i < types.size(); ++i) {
    fmt::print("{} {}: {}{}{}\n", kind, i, names[i], names[i].empty() ? "" : ": ",
               to_string(types[i]));
  }
}

void run(const Arguments& args) {
  std::vector<Transform> transforms;
  for (const std::string& text : args.apply)
    transforms.push_back(parse_transform(text));
  ir::Graph graph = ir::parse_file(args.graph);
  const std::vector<io::NpyArray> arrays = read_arguments(args, graph);
  std::vector<Type> types;
  for (const auto& a : arrays)
    types.push_back(a.type);
  graph = apply(std::move(graph), transforms, types);
  check_types(graph, arrays);
  print_values("in ", graph.input_types(), graph.input_names());
  print_values("out", graph.output_types(), graph.output_names());
  if (!args.out.empty()) std::filesystem::create_directories(args.out);

  auto begin = Clock::now();
  const auto executable = compiled(graph, args);
  const double compile_ms = milliseconds_since(begin);
  std::vector<BufferPtr> outputs;
  std::vector<double> times;
  for (int i = 0; i < args.repeat; ++i) {
    std::vector<BufferPtr> inputs;
    for (const auto& a : arrays)
      inputs.push_back(a.data);
    outputs.assign(executable->output_types().size(), {});
    begin = Clock::now();
    executable->run(inputs, outputs);
    times.push_back(milliseconds_since(begin));
  }
  fmt::print("device {}: compiled in {:.2f} ms, first call {:.3f} ms", args.device, compile_ms,
             times[0]);
  if (times.size() > 1) {
    std::sort(times.begin() + 1, times.end());
    fmt::print(", then min {:.3f} ms, median {:.3f} ms of {}", times[1],
               times[1 + (times.size() - 1) / 2], times.size() - 1);
  }
  fmt::print("\n");
  for (size_t i = 0; i < outputs.size() && !args.out.empty(); ++i) {
    io::write_npy(fmt::format("{}/out{}.npy", args.out, i), executable->output_types()[i],
                  outputs[i]->data());
  }
}

int main(int argc, char** argv) {
  Arguments args;
  CLI::App app("Runs a graph file on arrays.", "gradus-run");
  app.add_option("GRAPH", args.graph, "Graph text (.gr)")->required();
  app.add_option("--in", args.in, "An input as .npy file; one for each, in order")
      ->allow_extra_args(false);
  app.add_option("--random", args.random, "Seed; inputs without a file get random elements");
  app.add_option("--out", args.out, "Folder for out0.npy, out1.npy, …");
  app.add_option("--device", args.device, "cpu, cuda, or reference (plain, in double precision)");
  app.add_option("--threads", args.threads, "Threads; 0: one per core")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--repeat", args.repeat, "Calls to time")->check(CLI::PositiveNumber);
  app.add_option("--apply", args.apply,
                 "Transforms, the first innermost: grad[:I,…] value_and_grad[:I,…] jvp[:I,…] "
                 "vjp[:I,…] by those inputs (all floats), vmap[:AXIS|none,…] over those axes (0)")
      ->allow_extra_args(false);
  app.footer([] { return options_help(); });
  CLI11_PARSE(app, argc, argv);
  run(args);
  return 0;
}

}  // namespace
}  // namespace gradus::run

int main(int argc, char** argv) {
  try {
    return gradus::run::main(argc, argv);
  } catch (const gradus::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
  } catch (const std::exception& error) {
    fmt::print(stderr, "gradus-run: {}\n", error.what());
  }
  return 1;
}
