#include <catch2/catch_test_macros.hpp>
#include <map>
#include <optional>

#include <gradus/gradus.h>

using namespace gradus;

namespace {

struct Layer {
  Tensor w, b;
};
enum class Mode { Train, Test };
struct Model {
  std::vector<Layer> layers;
  std::array<Tensor, 2> pair_of;
  std::map<std::string, Tensor> named;
  std::optional<Layer> head;
  std::tuple<Tensor, Layer> mixed;
  std::pair<Tensor, Tensor> both;
  std::string label;
  Mode mode = Mode::Train;
  int steps = 0;
  bool frozen = false;
};
struct Wide {
  Tensor a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p;
};
class Dense {
 public:
  Dense(Tensor weight, Tensor bias) : weight_(std::move(weight)), bias_(std::move(bias)) {}
  GRADUS_FIELDS(weight_, bias_)
  const Tensor& weight() const { return weight_; }

 private:
  Tensor weight_, bias_;
};

Model make_model() {
  Model m;
  float next = 0;
  const auto leaf = [&] { return Tensor(next++); };
  for (int i = 0; i < 2; ++i) {
    const Tensor w = leaf();
    m.layers.push_back({w, leaf()});
  }
  m.pair_of = {leaf(), leaf()};
  m.named["scale"] = leaf();
  m.named["bias"] = leaf();
  m.head = Layer{leaf(), leaf()};
  m.mixed = {leaf(), Layer{leaf(), leaf()}};
  m.both = {leaf(), leaf()};
  m.label = "mlp";
  return m;
}

}  // namespace

TEST_CASE("leaves come in order of declaration, with paths") {
  const Model m = make_model();
  const std::vector<std::string> paths = {
      "layers[0].w", "layers[0].b",     "layers[1].w",      "layers[1].b", "pair_of[0]",
      "pair_of[1]",  "named[\"bias\"]", "named[\"scale\"]", "head.w",      "head.b",
      "mixed[0]",    "mixed[1].w",      "mixed[1].b",       "both[0]",     "both[1]"};
  CHECK(tree_paths(m) == paths);
  const auto leaves = tree_leaves(m);
  REQUIRE(leaves.size() == paths.size());
  CHECK(leaves[3].item<float>() == 3);
  CHECK(leaves[6].item<float>() == 7);  // maps are in order of keys
}

TEST_CASE("a tree of one tensor is its own leaf") {
  CHECK(tree_paths(Tensor(1.0f)) == std::vector<std::string>{""});
  CHECK(tree_leaves(std::vector<Tensor>{}).empty());
}

TEST_CASE("sixteen fields") {
  Wide w;
  CHECK(detail::kFieldCount<Wide> == 16);
  w.p = Tensor(2.0f);
  CHECK(tree_paths(w).back() == "p");
}

TEST_CASE("a class with a constructor joins by GRADUS_FIELDS") {
  const Dense d(Tensor(1.0f), Tensor(2.0f));
  CHECK(tree_paths(d) == std::vector<std::string>{"weight_", "bias_"});
  const Dense e = tree_map([](Tensor x) { return x + 1.0f; }, d);
  CHECK(e.weight().item<float>() == 2);
}

TEST_CASE("structures are equal iff nothing but leaves differs") {
  const Model m = make_model();
  CHECK(tree_structure(m) == tree_structure(m));
  const auto differs = [&](auto change) {
    Model other = make_model();
    change(other);
    return !(tree_structure(other) == tree_structure(m));
  };
  CHECK(differs([](Model& x) { x.layers.pop_back(); }));
  CHECK(differs([](Model& x) { x.named["extra"] = Tensor(0.0f); }));
  CHECK(differs([](Model& x) { x.head.reset(); }));
  CHECK(differs([](Model& x) { x.label = "cnn"; }));
  CHECK(differs([](Model& x) { x.mode = Mode::Test; }));
  CHECK(differs([](Model& x) { x.steps = 1; }));
  CHECK(differs([](Model& x) { x.frozen = true; }));
  CHECK_FALSE(differs([](Model& x) { x.layers[0].w = zeros({3}); }));
  CHECK(tree_structure(std::vector<Tensor>(2)).to_string() == "{[0], [1], length 2}");
}

TEST_CASE("tree_map keeps the type and everything static") {
  const Model m = make_model();
  const Model n = tree_map([](Tensor a, Tensor b) { return a + 10.0f * b; }, m, m);
  CHECK(n.label == "mlp");
  CHECK(n.named.at("scale").item<float>() == 66);
  CHECK(std::get<1>(n.mixed).b.item<float>() == 132);
  CHECK(m.named.at("scale").item<float>() == 6);
}

TEST_CASE("tree_map of trees that differ names the path") {
  Model m = make_model(), n = make_model();
  n.layers.pop_back();
  try {
    tree_map([](Tensor a, Tensor) { return a; }, m, n);
    FAIL();
  } catch (const ValueError& e) {
    CHECK(std::string(e.what()) ==
          "[tree_map] trees differ in structure at layers; got length 1 in tree 1, expected length "
          "2; give trees of the same structure");
  }
}

TEST_CASE("tree_unflatten is the inverse of tree_leaves") {
  const Model m = make_model();
  auto leaves = tree_leaves(m);
  leaves[0] = Tensor(42.0f);
  CHECK(tree_unflatten(m, leaves).layers[0].w.item<float>() == 42);
  leaves.pop_back();
  CHECK_THROWS_AS(tree_unflatten(m, leaves), ValueError);
}
