// Trees as a whole.
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include <gradus/gradus.h>
#include <gradus/tree.h>

#include "tests/frontend/values.h"

using namespace gradus;

namespace {

struct Layer {
  Tensor w, b;
};
struct Model {
  std::vector<Layer> layers;
  std::map<std::string, Tensor> scales;
  int depth = 2;
};

Model model() {
  return {{{tensor({1.0, 2.0, 3.0, 4.0}, {2, 2}), tensor({5.0, 6.0})},
           {tensor({7.0, 8.0}, {1, 2}), tensor({9.0})}},
          {{"in", tensor({10})}, {"out/last", astype(tensor({11.0}), DType::F64)}}};
}

}  // namespace

TEST_CASE("paths are steps joined by slashes") {
  CHECK(tree::paths(model()) == std::vector<std::string>{"layers/0/w", "layers/0/b", "layers/1/w",
                                                         "layers/1/b", "scales/in",
                                                         "scales/out/last"});
  CHECK(tree::paths(Tensor(1)) == std::vector<std::string>{""});
  CHECK(tree::paths(std::pair{Tensor(1), std::vector<Tensor>{Tensor(2)}}) ==
        std::vector<std::string>{"0", "1/0"});
  CHECK(tree::elements(model()) == 11);
  CHECK(tree::bytes(model()) == 4 * 10 + 8);
  CHECK(tree::elements(std::vector<Tensor>{}) == 0);
}

TEST_CASE("map_with_path sees the path and other trees") {
  const Model m = model();
  const Model halved =
      tree::map_with_path([](const std::string& path, const Tensor& x,
                             const Tensor& y) { return path.ends_with("/w") ? x + y : x; },
                          m, m);
  CHECK(close(halved.layers[0].w, {2, 4, 6, 8}));
  CHECK(close(halved.layers[0].b, {5, 6}));
  CHECK(message_of<ValueError>([&] {
          tree::map_with_path([](auto&, const Tensor& x, const Tensor&) { return x; }, m, Model{});
        }).starts_with("[tree_map] trees differ in structure at layers"));
}

TEST_CASE("a tree as one vector and back") {
  const Model m = model();
  const Tensor vector = tree::ravel(m);
  CHECK(vector.type() == Type{DType::F64, {11}});
  CHECK(vector.to_vector<double>() == std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  const Model back = tree::unravel(m, vector * 2);
  CHECK(close(back.layers[0].w, tensor({2.0, 4.0, 6.0, 8.0}, {2, 2})));
  CHECK(ints(back.scales.at("in")) == std::vector<int32_t>{20});
  CHECK(back.scales.at("out/last").item<double>() == 22);
  CHECK(back.depth == 2);

  CHECK(tree::ravel(std::vector<Tensor>{}).type() == Type{DType::F32, {0}});
  CHECK(tree::unravel(std::vector<Tensor>{}, zeros({0})).empty());
  CHECK(close(tree::ravel(tensor({1.0, 2.0}, {2, 1})), {1, 2}));
  CHECK(message_of<ShapeError>([&] { tree::unravel(m, zeros({12})); }) ==
        "[unravel] a vector of another length; got f32[12], expected 11 elements; " + here() +
            "; give what ravel() made of a tree of these shapes");

  // The gradient by all parameters as one vector.
  const std::vector<Layer> layers = m.layers;
  const auto loss = [&](const Tensor& v) {
    const auto ls = tree::unravel(layers, v);
    return sum(ls[0].w) + 2 * sum(ls[1].b);
  };
  const Tensor gradient = jit(grad([](const Tensor& v) {
    const Tensor w = reshape(slice(v, 0, 4), {2, 2});
    return sum(w) + 2 * sum(slice(v, 8, 9));
  }))(tree::ravel(layers));
  CHECK(close(grad(loss)(tree::ravel(layers)), gradient));
  CHECK(close(gradient, {1, 1, 1, 1, 0, 0, 0, 0, 2}));
}

TEST_CASE("trees are taken apart by path and put together again") {
  const Model m = model();
  const auto is_weight = [](const std::string& path, const Tensor&) {
    return path.ends_with("/w");
  };
  const auto parts = tree::partition(m, is_weight);
  const tree::Named &weights = parts.first, &others = parts.second;
  CHECK(weights.size() == 2);
  CHECK(others.size() == 4);
  CHECK(tree::filter(m, is_weight).contains("layers/1/w"));
  CHECK(tree::named(m).size() == 6);
  const Model again = tree::combine(m, others, weights);
  CHECK(tree_structure(again) == tree_structure(m));
  CHECK(close(again.layers[1].w, tensor({7.0, 8.0}, {1, 2})));

  // Gradients by some of the leaves.
  const auto gradient = grad([&](const tree::Named& trained) {
    const Model all = tree::combine(m, trained, others);
    return sum(all.layers[0].w * all.layers[0].w) + sum(all.layers[0].b);
  })(weights);
  CHECK(gradient.size() == 2);
  CHECK(close(gradient.at("layers/0/w"), tensor({2.0, 4.0, 6.0, 8.0}, {2, 2})));
  CHECK(close(gradient.at("layers/1/w"), zeros({1, 2})));

  CHECK(message_of<ValueError>([&] { tree::combine(m, weights); }) ==
        "[combine] no part has the leaf \"layers/0/b\"; " + here() + "; give it");
  CHECK(message_of<ValueError>([&] { tree::combine(m, weights, weights); }) ==
        "[combine] both parts have the leaf \"layers/0/w\"; " + here() + "; give every leaf once");
  CHECK(message_of<ValueError>([&] { tree::combine(m.layers[0], weights); }) ==
        "[combine] the tree has no leaf \"layers/0/w\"; " + here() +
            "; combine what was partitioned from a tree "
            "of this structure");
  CHECK(message_of<ValueError>([&] {
          tree::named(std::map<std::string, std::map<std::string, Tensor>>{
              {"a", {{"b/c", Tensor(1)}}}, {"a/b", {{"c", Tensor(1)}}}});
        }) ==
        "[tree] two leaves have the path \"a/b/c\"; " + here() + "; give them different names");
}

TEST_CASE("norms, products, conversions") {
  const std::vector<Tensor> t{tensor({3.0}), tensor({0.0, 4.0}), tensor({100})};
  CHECK(tree::global_norm(t).item<float>() == 5);
  CHECK(tree::global_norm(model()).dtype() == DType::F64);
  CHECK(tree::global_norm(std::vector<Tensor>{}).item<float>() == 0);
  CHECK(tree::inner_product(t, t).item<float>() == 10025);
  CHECK(close(grad([](const std::vector<Tensor>& x) { return tree::global_norm(x); })(
                  std::vector<Tensor>{tensor({3.0}), tensor({0.0, 4.0})})[1],
              {0, 0.8f}));
  const Model wide = tree::cast(model(), DType::F64);
  CHECK(wide.layers[0].w.dtype() == DType::F64);
  CHECK(wide.scales.at("in").dtype() == DType::I32);
  CHECK(close(tree::zeros_like(model()).layers[0].b, {0, 0}));
  CHECK(message_of<DTypeError>([] { tree::cast(model(), DType::I32); }) ==
        "[cast] i32 is no float type; " + here() + "; cast to f32 or f64");
  CHECK(message_of<ShapeError>([] { tree::inner_product(ones({2}), ones({3})); }) ==
        "[inner_product] leaves of different shapes; got f32[2] and f32[3]; " + here() +
            "; give trees of the same shapes");
}

TEST_CASE("what is not finite is found and named") {
  Model m = model();
  CHECK(tree::all_finite(m).item<bool>());
  CHECK(!tree::first_not_finite(m));
  m.layers[1].b = tensor(std::vector<float>{NAN});
  CHECK(!tree::all_finite(m).item<bool>());
  CHECK(tree::first_not_finite(m) == "layers/1/b");
  m.layers[0].w = tensor(std::vector<float>{INFINITY});
  CHECK(tree::first_not_finite(m) == "layers/0/w");
  const auto checked = jit([](const Tensor& x) { return tree::all_finite(x); });
  CHECK(checked(ones({2})).item<bool>());
  CHECK(!checked(ones({2}) / 0).item<bool>());
  CHECK(tree::all_finite(std::vector<Tensor>{}).item<bool>());
}
