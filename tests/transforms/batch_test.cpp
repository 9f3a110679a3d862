// vmap of every row of the op table against a loop, on every subset of the operands and every axis;
// vmap of derivatives, derivatives of vmap; the errors.
#include "compiler/transforms/batch.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include "compiler/ops/build.h"
#include "compiler/reference.h"
#include "compiler/transforms/gradient.h"
#include "tests/support/properties.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

bool can_be_batched(const ops::OpDef& op) {
  return op.batch || op.name == "call";
}

/// Extents 0 and 1 and 3; an extremum over nothing stays an error for no example at all.
constexpr int64_t kSizes[] = {0, 1, 3};

/// Every way to batch some of the operands along first, last and middle axes.
std::vector<std::vector<int>> axes_of(const std::vector<Type>& types) {
  std::vector<std::vector<int>> all;
  for (uint32_t bits = 1; bits < 1u << types.size(); ++bits) {
    for (int where = 0; where < 3; ++where) {
      std::vector<int> axes;
      for (size_t i = 0; i < types.size(); ++i) {
        const int rank = types[i].rank();
        // Operands at different places, to make the rules move axes.
        const int places[] = {0, rank, rank / 2};
        const int place = places[(static_cast<size_t>(where) + (bits & 1 ? 0 : i)) % 3];
        axes.push_back(bits >> i & 1 ? place : -1);
      }
      all.push_back(axes);
    }
  }
  return all;
}

}  // namespace

TEST_CASE("vmap against a loop: every op, every subset of its operands, every axis, three sizes") {
  Random random(3);
  int checked = 0;
  for (const ops::OpDef* op : ops::all_ops()) {
    if (!can_be_batched(*op)) continue;
    for (const OpSample& sample : samples_of(*op)) {
      if (sample.operands.empty()) continue;
      INFO(to_string(sample));
      const ir::Graph f = graph_of(sample);
      for (const auto& axes : axes_of(sample.operands)) {
        for (int64_t size : kSizes) {
          CAPTURE(axes, size);
          CHECK(check_batch(f, axes, size, sample.domains, random) == "");
          ++checked;
        }
      }
    }
  }
  CHECK(checked > 2000);
}

TEST_CASE("vmap of a derivative against a loop: every op") {
  Random random(4);
  for (const ops::OpDef* op : ops::all_ops()) {
    for (const OpSample& sample : samples_of(*op)) {
      const ir::Graph f = graph_of(sample);
      const auto wrt = float_indices(f.input_types());
      if (wrt.empty() || float_indices(f.output_types()).empty()) continue;
      INFO(to_string(sample));
      const ir::Graph g = pullback(f, wrt);
      std::vector<Domain> domains = sample.domains;
      domains.resize(g.inputs().size(), {-1, 1});
      for (const auto& axes : axes_of(g.input_types())) {
        CAPTURE(axes);
        CHECK(check_batch(g, axes, 2, domains, random) == "");
      }
    }
  }
}

TEST_CASE("The derivative of vmap: cotangents of shared operands are summed") {
  Random random(5);
  for (const ops::OpDef* op : ops::all_ops()) {
    if (!can_be_batched(*op)) continue;
    for (const OpSample& sample : samples_of(*op)) {
      const ir::Graph f = graph_of(sample);
      const auto wrt = float_indices(f.input_types());
      const auto results = float_indices(f.output_types());
      if (wrt.empty() || results.empty()) continue;
      INFO(to_string(sample));
      const ir::Graph g = pullback(f, wrt);
      for (const auto& axes : axes_of(sample.operands)) {
        CAPTURE(axes);
        const std::vector<int> out_axes(f.outputs().size(), 0);
        const int64_t size = 2;
        const ir::Graph batched = pullback(transforms::batch(f, axes, out_axes, size), wrt);
        Arrays inputs;
        for (size_t i = 0; i < batched.inputs().size(); ++i) {
          const Domain domain = i < axes.size() ? sample.domains[i] : Domain{-1, 1};
          inputs.push_back(random_array(batched.input_types()[i], domain, random));
        }
        std::vector<Arrays> loop(wrt.size());
        for (int64_t n = 0; n < size; ++n) {
          Arrays one;
          for (size_t i = 0; i < inputs.size(); ++i) {
            const int axis = i < axes.size() ? axes[i] : 0;
            one.push_back(axis < 0 ? inputs[i] : example(inputs[i], axis, n));
          }
          const Arrays gradients = evaluate_reference(g, one);
          for (size_t k = 0; k < wrt.size(); ++k)
            loop[k].push_back(gradients[k]);
        }
        Arrays expected;
        for (size_t k = 0; k < wrt.size(); ++k) {
          const auto input = static_cast<size_t>(wrt[k]);
          const Type& type = sample.operands[input];
          expected.push_back(axes[input] < 0 ? sum(loop[k], type)
                                             : stacked(loop[k], axes[input], type));
        }
        CHECK(difference(evaluate_reference(batched, inputs), expected, 1e-10) == "");
      }
    }
  }
}

TEST_CASE("vmap of a matrix-vector product is one product and moves nothing") {
  ir::Builder b("f");
  const ir::Value w = b.parameter({DType::F32, {5, 7}}, "w");
  const ir::Value x = b.parameter({DType::F32, {7}}, "x");
  const ir::Value y = ops::dot(b, w, x, {{1}, {0}, {}, {}});
  const ir::Graph f = b.finish({&y, 1});
  const ir::Graph rows = transforms::batch(f, std::vector{-1, 0}, std::vector{0}, 3);
  CHECK(rows.size() == 3);
  CHECK(rows.type(rows.outputs()[0]) == (Type{DType::F32, {3, 5}}));
  const ir::Graph columns = transforms::batch(f, std::vector{-1, 1}, std::vector{1}, 3);
  CHECK(columns.size() == 3);
  CHECK(columns.type(columns.outputs()[0]) == (Type{DType::F32, {5, 3}}));
  const ir::Graph each = transforms::batch(f, std::vector{0, 0}, std::vector{0}, 3);
  CHECK(each.size() == 3);
}

TEST_CASE("What no operand of depends on the batch is computed once") {
  ir::Builder b("f");
  const ir::Value w = b.parameter({DType::F32, {4}}, "w"), x = b.parameter({DType::F32, {4}}, "x");
  const ir::Value y = ops::add(b, ops::exp(b, w), x);
  const ir::Graph f = b.finish({&y, 1});
  const ir::Graph g = transforms::batch(f, std::vector{-1, 0}, std::vector{0}, 3);
  for (ir::NodeId n = 0; n < g.size(); ++n) {
    if (g.op(n).name == "exp") CHECK(g.type({n, 0}) == (Type{DType::F32, {4}}));
  }
}

TEST_CASE("Errors of vmap name the arguments") {
  const std::vector<Type> types{{DType::F32, {3, 2}}, {DType::F32, {2, 4}}};
  const std::vector<std::string> names{"params.w", "x"};
  const auto size = [&](std::vector<int> axes) {
    return transforms::batch_size(types, names, axes, {"user.cpp", 7});
  };
  using Catch::Matchers::Message;
  CHECK(size({1, 0}) == 2);
  CHECK(size({-1, 1}) == 4);
  CHECK_THROWS_MATCHES(
      size({0, 1}), TransformError,
      Message("[vmap] Inconsistent axis sizes: 3 and 4; got axis 0 of params.w f32[3,2] and axis 1 "
              "of x f32[2,4], expected equal extents; user.cpp:7; batch over axes of equal extent, "
              "or give none for arguments that are shared"));
  CHECK_THROWS_MATCHES(size({2, 0}), TransformError,
                       Message("[vmap] in axis of params.w out of range; got 2 for f32[3,2], "
                               "expected less than 2; user.cpp:7; name an axis that the argument "
                               "has, or none"));
  CHECK_THROWS_MATCHES(size({-1, -1}), TransformError,
                       Message("[vmap] nothing to batch over; got no in axis, expected at least "
                               "one; user.cpp:7; give an in axis for at least one argument"));
}

TEST_CASE("A batched output needs an axis") {
  ir::Builder b("f");
  const ir::Value x = b.parameter({DType::F32, {4}}, "x");
  const ir::Value y = ops::exp(b, x);
  const ir::Graph f = b.finish({&y, 1}, {"y"});
  using Catch::Matchers::Message;
  CHECK_THROWS_MATCHES(
      transforms::batch(f, std::vector{0}, std::vector{-1}, 3), TransformError,
      Message("[vmap] y is batched; got out axis none, expected 0 to 1; give it an out axis"));
  CHECK_THROWS_MATCHES(
      transforms::batch(f, std::vector{0}, std::vector{2}, 3), TransformError,
      Message("[vmap] out axis of y out of range; got 2, expected 0 to 1; name an axis that the "
              "batched result has"));
}
