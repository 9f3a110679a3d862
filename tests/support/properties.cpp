#include "tests/support/properties.h"

#include <fmt/format.h>

#include <cmath>

#include "compiler/ops/reference_values.h"
#include "compiler/reference.h"
#include "compiler/transforms/batch.h"
#include "compiler/transforms/dce.h"
#include "compiler/transforms/gradient.h"
#include "compiler/transforms/linearize.h"

namespace gradus::testing {

using ir::Graph;
using ops::RefArray;

namespace {

Arrays tangents_of(const Arrays& inputs, std::span<const int> wrt, Random& random) {
  Arrays tangents;
  for (int i : wrt) {
    tangents.push_back(random_array(inputs[static_cast<size_t>(i)].type, {-1, 1}, random));
  }
  return tangents;
}

Arrays cotangents_of(const Graph& f, Random& random) {
  Arrays cotangents;
  for (const Type& type : f.output_types()) {
    if (is_float(type.dtype)) cotangents.push_back(random_array(type, {-1, 1}, random));
  }
  return cotangents;
}

Arrays joined(Arrays a, const Arrays& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Arrays from(const Arrays& a, size_t first) {
  return {a.begin() + static_cast<std::ptrdiff_t>(first), a.end()};
}

Arrays floats_of(const Arrays& arrays) {
  Arrays floats;
  for (const RefArray& a : arrays) {
    if (is_float(a.type.dtype)) floats.push_back(a);
  }
  return floats;
}

}  // namespace

Graph pullback(const Graph& f, std::span<const int> wrt) {
  const Graph joint = transforms::vjp(f, wrt);
  ir::Builder b(joint.name());
  std::vector<ir::Value> inputs;
  for (size_t i = 0; i < joint.inputs().size(); ++i) {
    inputs.push_back(b.parameter(joint.type(joint.inputs()[i]), joint.input_name(i)));
  }
  const auto outputs = b.inline_graph(joint, inputs);
  return transforms::dce(b.finish(std::span(outputs).subspan(f.outputs().size())));
}

std::string check_jvp(const Graph& f, const Arrays& inputs, std::span<const int> wrt,
                      Random& random, double tolerance, double h) {
  const Arrays tangents = tangents_of(inputs, wrt, random);
  const Arrays all = evaluate_reference(transforms::jvp(f, wrt), joined(inputs, tangents));
  const Arrays values = evaluate_reference(f, inputs);
  const Arrays got_values(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(values.size()));
  if (const auto what = difference(got_values, values, 0); !what.empty()) return "value " + what;

  Arrays above = inputs, below = inputs;
  for (size_t k = 0; k < wrt.size(); ++k) {
    const auto i = static_cast<size_t>(wrt[k]);
    above[i] = shifted(inputs[i], tangents[k], h);
    below[i] = shifted(inputs[i], tangents[k], -h);
  }
  Arrays slopes = floats_of(evaluate_reference(f, above));
  const Arrays lower = floats_of(evaluate_reference(f, below));
  for (size_t k = 0; k < slopes.size(); ++k) {
    for (size_t i = 0; i < slopes[k].real.size(); ++i) {
      slopes[k].real[i] = (slopes[k].real[i] - lower[k].real[i]) / (2 * h);
    }
  }
  return difference(from(all, values.size()), slopes, tolerance);
}

std::string check_transpose(const Graph& f, const Arrays& inputs, std::span<const int> wrt,
                            Random& random, double tolerance) {
  const Arrays tangents = tangents_of(inputs, wrt, random), cotangents = cotangents_of(f, random);
  const Arrays forward = evaluate_reference(transforms::jvp(f, wrt), joined(inputs, tangents));
  const Arrays back = evaluate_reference(transforms::vjp(f, wrt), joined(inputs, cotangents));
  const size_t outputs = f.outputs().size();
  const Arrays values = evaluate_reference(f, inputs);
  const Arrays got_values(back.begin(), back.begin() + static_cast<std::ptrdiff_t>(outputs));
  if (const auto what = difference(got_values, values, 0); !what.empty()) return "value " + what;
  const double one = inner_product(cotangents, from(forward, outputs));
  const double other = inner_product(from(back, outputs), tangents);
  if (std::fabs(one - other) <= tolerance * (1 + std::fabs(one))) return {};
  return fmt::format("<ct, J t> is {}, <J^T ct, t> is {}", one, other);
}

std::string check_subsets(const Graph& f, const Arrays& inputs, Random& random) {
  const std::vector<int> all = float_indices(f.input_types());
  const Arrays cotangents = cotangents_of(f, random);
  const Arrays operands = joined(inputs, cotangents);
  const Arrays full = evaluate_reference(pullback(f, all), operands);
  for (size_t k = 0; k < all.size(); ++k) {
    const Arrays one = evaluate_reference(pullback(f, {&all[k], 1}), operands);
    const auto what = difference(one[0], full[k], 0);
    if (!what.empty()) return fmt::format("by input {} alone: {}", all[k], what);
  }
  return {};
}

std::string check_batch(const Graph& f, std::span<const int> in_axes, int64_t size,
                        std::span<const Domain> domains, Random& random, double tolerance) {
  const auto out_types = f.output_types();
  std::vector<int> out_axes;
  for (size_t i = 0; i < out_types.size(); ++i) {
    out_axes.push_back(i % 2 == 0 ? 0 : out_types[i].rank());
  }
  const Graph batched = transforms::batch(f, in_axes, out_axes, size);

  Arrays inputs;
  for (size_t i = 0; i < in_axes.size(); ++i) {
    Type type = f.type(f.inputs()[i]);
    if (in_axes[i] >= 0) type.shape = type.shape.with_inserted(in_axes[i], size);
    inputs.push_back(random_array(type, domains[i], random));
  }
  std::vector<Arrays> loop(out_types.size());
  for (int64_t n = 0; n < size; ++n) {
    Arrays one;
    for (size_t i = 0; i < in_axes.size(); ++i) {
      one.push_back(in_axes[i] < 0 ? inputs[i] : example(inputs[i], in_axes[i], n));
    }
    const Arrays results = evaluate_reference(f, one);
    for (size_t k = 0; k < results.size(); ++k)
      loop[k].push_back(results[k]);
  }
  Arrays expected;
  for (size_t k = 0; k < out_types.size(); ++k) {
    expected.push_back(stacked(loop[k], out_axes[k], out_types[k]));
  }
  return difference(evaluate_reference(batched, inputs), expected, tolerance);
}

}  // namespace gradus::testing
