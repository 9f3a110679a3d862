// Trees in files, by name.
#include "frontend/io/save.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <optional>
#include <string>
#include <vector>

#include <gradus/random.h>
#include <gradus/transform.h>

#include "tests/io/values.h"
#include "tests/runtime/temporary_folder.h"

using namespace gradus;
using namespace gradus::test;

namespace {

struct Layer {
  Tensor w, b;
};
struct Model {
  std::vector<Layer> layers;
  std::map<std::string, Tensor> params;
  std::pair<Tensor, Tensor> moments;
  std::optional<Tensor> extra;
  int depth = 0;  // static: not saved
  Tensor key;
};

Model make_model(double first) {
  Model model;
  for (int i = 0; i < 2; ++i)
    model.layers.push_back({full({2, 3}, first + i), full({3}, -first - i)});
  model.params = {{"linear/w", full({4}, first + 7)}, {"linear/b", full({}, first + 8)}};
  model.moments = {full({1}, first + 9), counted(DType::I64, {2})};
  model.extra = full({2}, first + 10);
  model.key = gradus::random::key(static_cast<int>(first));
  return model;
}

bool same(const Model& a, const Model& b) {
  const std::vector<Tensor> x = tree_leaves(a), y = tree_leaves(b);
  if (x.size() != y.size()) return false;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!test::same(x[i], y[i])) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("a tree comes back, by names that other programs can use") {
  const std::string suffix = GENERATE("safetensors", "npz");
  const TemporaryFolder folder;
  const std::string path = folder / ("model." + suffix);
  const Model model = make_model(5);
  io::save(path, model);
  Model like = make_model(0);
  like.depth = 3;
  const Model back = io::load(path, like);
  CHECK(same(back, model));
  CHECK(back.depth == 3);
  CHECK(same(like, make_model(0)));
  CHECK(io::Archive(path).names() ==
        std::vector<std::string>{"extra", "key", "layers/0/b", "layers/0/w", "layers/1/b",
                                 "layers/1/w", "moments/0", "moments/1", "params/linear/b",
                                 "params/linear/w"});
  CHECK(folder.files() == 1);
}

TEST_CASE("a map's names are its keys, a tensor's name is tensor") {
  const TemporaryFolder folder;
  io::save(folder / "x", golden_arrays());
  CHECK(io::Archive(folder / "x").has("linear/w"));
  CHECK(test::same(io::load(folder / "x", golden_arrays()), golden_arrays()));
  io::save(folder / "x", tensor({1.0, 2.0}));
  CHECK(io::Archive(folder / "x").names() == std::vector<std::string>{"tensor"});
  CHECK(io::load(folder / "x", zeros({2})).to_vector<float>() == std::vector<float>{1, 2});
  CHECK(io::tree_names(std::vector<Tensor>(2)) == std::vector<std::string>{"0", "1"});
}

TEST_CASE("metadata, single tensors and parts of a file") {
  const TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  io::save(path, make_model(5), {{"epoch", 3}, {"accuracy", 0.9912}});
  const io::Archive file(path);
  CHECK(file.metadata().integer("epoch") == 3);
  CHECK(file.metadata().number("accuracy") == 0.9912);
  CHECK(to_string(file.type_of("layers/1/w")) == "f32[2,3]");
  CHECK(to_string(file.type_of("key")) == "u32[2]");
  CHECK(file.tensor("params/linear/b").item<float>() == 13);
  CHECK(what_of<DataError>([&] { file.tensor("none"); }) == "'" + path + "' has no tensor 'none'");
  CHECK_THROWS_AS(file.type_of("none"), DataError);

  const auto layers = file.load(make_model(0).layers, "layers");
  CHECK(layers[1].w.to_vector<float>() == std::vector<float>(6, 6));
  const Layer layer = file.load(Layer{}, "layers/0");  // empty leaves take any type
  CHECK(layer.b.to_vector<float>() == std::vector<float>(3, -5));
  CHECK(file.load(Tensor{}, "extra").to_vector<float>() == std::vector<float>{15, 15});
  CHECK(what_of<DataError>([&] { file.load(Layer{}, "layers"); }) ==
        "'" + path +
            "' does not hold this tree; missing: layers/b, layers/w; unexpected: layers/0/b, "
            "layers/0/w, layers/1/b, layers/1/w");
}

TEST_CASE("what an archive reads is the file that it opened") {
  const TemporaryFolder folder;
  const std::string path = folder / "x";
  io::save(path, tensor({1.0}), {{"epoch", 1}});
  const io::Archive file(path);
  io::save(path, tensor({2.0}), {{"epoch", 2}});
  CHECK(file.metadata().integer("epoch") == 1);
  CHECK(file.load(zeros({1})).item<float>() == 1);
  CHECK(io::load(path, zeros({1})).item<float>() == 2);
}

TEST_CASE("names, shapes and types must be those of the tree") {
  const TemporaryFolder folder;
  const std::string path = folder / "x";
  io::save(path, make_model(5));
  Model like = make_model(0);
  like.layers.pop_back();
  like.layers[0].w = zeros({3, 2});
  like.layers[0].b = zeros({3}, DType::I32);
  like.params["new"] = zeros({});
  const int line = __LINE__ + 2;
  try {
    io::load(path, like);
    FAIL("no error");
  } catch (const DataError& e) {
    CHECK(std::string(e.what()) ==
          "[load] '" + path +
              "' does not hold this tree; missing: params/new; unexpected: layers/1/b, "
              "layers/1/w; of another type: layers/0/b (got f32[3], expected i32[3]), layers/0/w "
              "(got f32[2,3], expected f32[3,2]); " __FILE__ ":" +
              std::to_string(line) + "; load it into a tree like the one that was saved");
  }
  std::map<std::string, Tensor> many;
  for (int i = 10; i < 30; ++i)
    many[std::to_string(i)] = Tensor(i);
  CHECK(what_of<DataError>([&] { io::load(path, many); })
            .starts_with("'" + path +
                         "' does not hold this tree; missing: 10, 11, 12, 13, 14, 15, 16, 17 and "
                         "12 more; unexpected: extra, key,"));
  // A key is not the words that it is saved as.
  io::save(path, gradus::random::key(0));
  CHECK(io::load(path, zeros({2}, DType::U32)).shape() == Shape{2});
  CHECK_THROWS_AS(io::load(path, zeros({}, DType::U32)), DataError);
}

TEST_CASE("trees that cannot be saved") {
  const TemporaryFolder folder;
  const std::string path = folder / "x";
  const std::map<std::string, std::map<std::string, Tensor>> nested = {{"a", {{"b/c", Tensor(1)}}},
                                                                       {"a/b", {{"c", Tensor(2)}}}};
  CHECK_THROWS_AS(io::save(path, nested), ValueError);
  CHECK_THROWS_AS(io::save(path, Layer{Tensor(1), {}}), ValueError);
  CHECK_THROWS_AS(io::save(folder / "x.npz", Tensor(1), {{"epoch", 1}}), ValueError);
  CHECK_THROWS_AS(io::save("/no/such/folder/x", Tensor(1)), DataError);
  CHECK(folder.files() == 0);
  CHECK_THROWS_AS(io::load(path, Tensor(1)), DataError);
  put_file(path, "PK no zip");
  CHECK(what_of<DataError>([&] { io::load(path, Tensor(1)); }) ==
        "'" + path + "' is no zip archive, or its end is missing");
}

TEST_CASE("the tree to load into may have been given away") {
  const TemporaryFolder folder;
  Tensor x = tensor({1.0, 2.0}) + 1;
  io::save(folder / "x", x);
  const Tensor old = x;
  const auto step = jit([](const Tensor& y) { return 2 * y; });
  x = step(std::move(x));
  CHECK(io::load(folder / "x", old).to_vector<float>() == std::vector<float>{2, 3});
  CHECK(io::load(folder / "x", x).to_vector<float>() == std::vector<float>{2, 3});
}

TEST_CASE("a program that is killed while it saves leaves a whole file") {
  const TemporaryFolder folder;
  const std::string path = folder / "x";
  // 400 kB: long enough to be hit in the middle.
  const Tensor even = full({100000}, 2.0) + 0, odd = full({100000}, 3.0) + 0;
  even.data<float>();
  io::save(path, even, {{"step", 0}});
  int64_t last = 0;
  for (int kill_at = 1; kill_at <= 12; ++kill_at) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      for (int64_t step = last + 1;; ++step)
        io::save(path, step % 2 ? odd : even, {{"step", step}});
    }
    usleep(static_cast<useconds_t>(1700 * kill_at));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    const io::Archive file(path);
    const int64_t step = file.metadata().integer("step");
    CHECK(step >= last);
    CHECK(test::same(file.load(even), step % 2 ? odd : even));
    last = step;
  }
  CHECK(last > 0);
}
