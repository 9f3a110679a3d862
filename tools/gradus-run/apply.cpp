#include "apply.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>

#include "compiler/transforms/batch.h"
#include "compiler/transforms/gradient.h"
#include "compiler/transforms/linearize.h"

namespace gradus::run {
namespace {

using Kind = Transform::Kind;

constexpr std::pair<std::string_view, Kind> kNames[] = {{"grad", Kind::Grad},
                                                        {"value_and_grad", Kind::ValueAndGrad},
                                                        {"jvp", Kind::Jvp},
                                                        {"vjp", Kind::Vjp},
                                                        {"vmap", Kind::Vmap}};

[[noreturn]] void fail(std::string what, std::string remedy) {
  throw ValueError({"apply", std::move(what), {}, std::move(remedy)});
}

/// The inputs that t differentiates by, or the batch axes of all inputs.
std::vector<int> numbers_for(const Transform& t, const ir::Graph& graph) {
  const auto inputs = static_cast<int>(graph.inputs().size());
  if (t.kind == Kind::Vmap) {
    if (t.all) return std::vector<int>(graph.inputs().size());
    if (static_cast<int>(t.numbers.size()) != inputs) {
      fail(fmt::format("vmap has {} axes; the graph has {} inputs", t.numbers.size(), inputs),
           "give an axis or none for each input");
    }
    return t.numbers;
  }
  if (!t.all) {
    for (const int i : t.numbers) {
      if (i < 0 || i >= inputs) {
        fail(fmt::format("there is no input {}; the graph has {}", i, inputs),
             "number inputs from 0");
      }
    }
    return t.numbers;
  }
  std::vector<int> floats;
  for (int i = 0; i < inputs; ++i) {
    if (is_float(graph.type(graph.inputs()[static_cast<size_t>(i)]).dtype)) floats.push_back(i);
  }
  return floats;
}

ir::Graph transformed(const ir::Graph& graph, const Transform& t, int64_t size) {
  const std::vector<int> numbers = numbers_for(t, graph);
  switch (t.kind) {
    case Kind::Grad:
      return transforms::gradient(graph, numbers);
    case Kind::ValueAndGrad:
      return transforms::gradient(graph, numbers, true);
    case Kind::Jvp:
      return transforms::jvp(graph, numbers);
    case Kind::Vjp:
      return transforms::vjp(graph, numbers);
    case Kind::Vmap:
      return transforms::batch(graph, numbers, std::vector<int>(graph.outputs().size()), size);
  }
  __builtin_unreachable();
}

}  // namespace

Transform parse_transform(const std::string& text) {
  const size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  const auto* row = std::ranges::find(kNames, name, [](const auto& r) { return r.first; });
  if (row == std::end(kNames)) {
    fail(fmt::format("unknown transform '{}'", name), "use grad, value_and_grad, jvp, vjp or vmap");
  }
  Transform t{row->second, {}, colon == std::string::npos};
  if (t.all) return t;
  for (size_t begin = colon + 1; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string item = text.substr(begin, end - begin);
    int number = -1;
    const auto [last, error] = std::from_chars(item.data(), item.data() + item.size(), number);
    const bool none = item == "none" && t.kind == Kind::Vmap;
    const bool sound = error == std::errc() && last == item.data() + item.size() && number >= 0;
    if (!none && !sound) {
      fail(fmt::format("'{}' in '{}' is no number of an {}", item, text,
                       t.kind == Kind::Vmap ? "axis, nor none" : "input"),
           "write for example grad:0,2 or vmap:none,0");
    }
    t.numbers.push_back(none ? -1 : number);
    begin = end + 1;
  }
  return t;
}

ir::Graph apply(ir::Graph graph, std::span<const Transform> transforms,
                std::span<const Type> arguments) {
  // Batch sizes show in the arguments of the outermost transform: from the outside in, each vmap's
  // axis is read off and taken away. How many inputs there are at each level does not depend on the
  // sizes, so a first round with size 1 tells the axes.
  std::vector<std::vector<int>> axes;
  std::vector<std::vector<std::string>> names;
  ir::Graph probe = graph;
  for (const Transform& t : transforms) {
    names.emplace_back(probe.input_names().begin(), probe.input_names().end());
    axes.push_back(numbers_for(t, probe));
    probe = transformed(probe, t, 1);
  }
  if (probe.inputs().size() != arguments.size()) {
    fail(fmt::format("{} arrays given; the transformed graph has {} inputs", arguments.size(),
                     probe.inputs().size()),
         "give one array for each input, in order (jvp adds tangents, vjp cotangents)");
  }
  std::vector<Type> types(arguments.begin(), arguments.end());
  std::vector<int64_t> sizes(transforms.size(), 1);
  for (size_t i = transforms.size(); i-- > 0;) {
    types.resize(names[i].size());
    if (transforms[i].kind != Kind::Vmap) continue;
    sizes[i] = transforms::batch_size(types, names[i], axes[i]);
    for (size_t k = 0; k < types.size(); ++k) {
      if (axes[i][k] >= 0) types[k].shape = types[k].shape.without(axes[i][k]);
    }
  }
  for (size_t i = 0; i < transforms.size(); ++i) {
    graph = transformed(graph, transforms[i], sizes[i]);
  }
  return graph;
}

}  // namespace gradus::run
