// gradus-run: graph files on arrays, on every device, under transforms.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "frontend/io/npy.h"
#include "tests/tools/command.h"

namespace gradus::test {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

void put_floats(const TemporaryFolder& folder, const std::string& name, const Shape& shape,
                const std::vector<float>& values) {
  io::write_npy(folder / name, {DType::F32, shape}, values.data());
}

void check_floats(const TemporaryFolder& folder, const std::string& name, const Shape& shape,
                  const std::vector<float>& values) {
  const io::NpyArray array = io::read_npy(folder / name);
  REQUIRE(array.type == Type{DType::F32, shape});
  const float* got = array.data->as<float>();
  CHECK(std::vector<float>(got, got + values.size()) == values);
}

TEST_CASE("a graph on an array") {
  const TemporaryFolder folder;
  put(folder, "f.gr", kSquares);
  put_floats(folder, "x.npy", {3}, {1, 2, 3});
  for (const std::string device : {"reference", "cpu"}) {
    CAPTURE(device);
    const auto r = run(folder, "gradus-run f.gr --in x.npy --out results/" + device +
                                   " --threads 2 --repeat 3 --device " + device);
    CHECK(r.err == "");
    CHECK(r.status == 0);
    CHECK_THAT(r.out, StartsWith("in  0: x: f32[3]\nout 0: y: f32[]\ndevice " + device + ": "));
    CHECK_THAT(r.out, ContainsSubstring(", then min "));
    check_floats(folder, "results/" + device + "/out0.npy", {}, {14});
  }
}

TEST_CASE("transforms, the first innermost") {
  const TemporaryFolder folder;
  put(folder, "f.gr", kSquares);
  put_floats(folder, "x.npy", {3}, {1, 2, 3});
  put_floats(folder, "rows.npy", {2, 3}, {1, 2, 3, 4, 5, 6});
  put_floats(folder, "columns.npy", {3, 2}, {1, 4, 2, 5, 3, 6});
  put_floats(folder, "cube.npy", {2, 1, 3}, {1, 2, 3, 4, 5, 6});
  put_floats(folder, "c.npy", {}, {10});
  const auto apply = [&](const std::string& arguments) {
    const auto r = run(folder, "gradus-run f.gr --out . " + arguments);
    CAPTURE(arguments, r.err);
    REQUIRE(r.status == 0);
  };
  apply("--in x.npy --apply grad");
  check_floats(folder, "out0.npy", {3}, {2, 4, 6});
  apply("--in x.npy --apply value_and_grad:0");
  check_floats(folder, "out0.npy", {}, {14});
  check_floats(folder, "out1.npy", {3}, {2, 4, 6});
  apply("--in x.npy --in x.npy --apply jvp");
  check_floats(folder, "out1.npy", {}, {28});
  apply("--in x.npy --in c.npy --apply vjp");
  check_floats(folder, "out1.npy", {3}, {20, 40, 60});
  apply("--in rows.npy --apply grad --apply vmap");
  check_floats(folder, "out0.npy", {2, 3}, {2, 4, 6, 8, 10, 12});
  apply("--in columns.npy --apply vmap:1");
  check_floats(folder, "out0.npy", {2}, {14, 77});
  apply("--in cube.npy --apply vmap --apply vmap");
  check_floats(folder, "out0.npy", {2, 1}, {14, 77});
  apply("--in rows.npy --in x.npy --apply jvp --apply vmap:0,none");
  check_floats(folder, "out1.npy", {2}, {28, 64});
}

TEST_CASE("random inputs are the same for a seed") {
  const TemporaryFolder folder;
  put(folder, "f.gr", R"(graph f {
  %0 = parameter{index=0}: f64[4]
  %1 = parameter{index=1}: bool[4]
  %2 = parameter{index=2}: key[2]
  %3.0, %3.1 = key_data(%2): u32[2], u32[2]
  return %0, %1, %3.0
}
)");
  CHECK(run(folder, "gradus-run f.gr --random 7 --out a").status == 0);
  CHECK(run(folder, "gradus-run f.gr --random 7 --out b").status == 0);
  CHECK(run(folder, "gradus-run f.gr --random 8 --out c").status == 0);
  for (const std::string name : {"/out0.npy", "/out1.npy", "/out2.npy"}) {
    CHECK(text_of(folder / ("a" + name)) == text_of(folder / ("b" + name)));
  }
  CHECK(text_of(folder / "a/out0.npy") != text_of(folder / "c/out0.npy"));
}

TEST_CASE("keys come as words") {
  const TemporaryFolder folder;
  put(folder, "f.gr", R"(graph f {
  %0 = parameter{index=0}: key[2]
  %1.0, %1.1 = key_data(%0): u32[2], u32[2]
  return %1.1, %0
}
)");
  const std::vector<uint32_t> words{1, 2, 3, 4};
  io::write_npy(folder / "k.npy", {DType::U32, {2, 2}}, words.data());
  CHECK(run(folder, "gradus-run f.gr --in k.npy --out .").status == 0);
  const io::NpyArray low = io::read_npy(folder / "out0.npy");
  REQUIRE(low.type == Type{DType::U32, {2}});
  CHECK(low.data->as<uint32_t>()[0] == 2);
  CHECK(low.data->as<uint32_t>()[1] == 4);
  CHECK(text_of(folder / "out1.npy") == text_of(folder / "k.npy"));
}

TEST_CASE("gradus-run says in one line what goes wrong") {
  const TemporaryFolder folder;
  put(folder, "f.gr", kSquares);
  put(folder, "bad.gr", "graph f {\n  %0 = nag(%1): f32[]\n  return %0\n}\n");
  put_floats(folder, "x.npy", {3}, {1, 2, 3});
  put_floats(folder, "y.npy", {4}, {1, 2, 3, 4});
  const int i = 1;
  io::write_npy(folder / "i.npy", {DType::I32, {}}, &i);
  const auto check = [&](const std::string& arguments, const std::string& message) {
    const auto r = run(folder, "gradus-run " + arguments);
    CHECK(r.status == 1);
    CHECK(r.err == message + "\n");
  };
  check("bad.gr", "[parse] unknown op 'nag'; bad.gr:2:8; the nearest op is 'neg'");
  check("none.gr", "[parse] cannot read 'none.gr'; check that the file is there and may be read");
  check("f.gr --in none.npy",
        "[npy] cannot read 'none.npy': No such file or directory; check the path and its "
        "permissions");
  check(
      "f.gr",
      "[apply] 0 arrays given; the transformed graph has 1 inputs; give one array for each input, "
      "in order (jvp adds tangents, vjp cotangents)");
  check("f.gr --in y.npy",
        "[run] input 0 x does not fit; got f32[4], expected f32[3]; give an array of that type");
  check("f.gr --in i.npy",
        "[run] input 0 x does not fit; got i32[], expected f32[3]; give an array of that type");
  check("f.gr --in x.npy --apply map",
        "[apply] unknown transform 'map'; use grad, value_and_grad, jvp, vjp or vmap");
  check("f.gr --in x.npy --apply grad:one",
        "[apply] 'one' in 'grad:one' is no number of an input; write for example grad:0,2 or "
        "vmap:none,0");
  check("f.gr --in x.npy --apply grad:1",
        "[apply] there is no input 1; the graph has 1; number inputs from 0");
  check("f.gr --in x.npy --apply vmap:0,0",
        "[apply] vmap has 2 axes; the graph has 1 inputs; give an axis or none for each input");
  const auto r = run(folder, "gradus-run f.gr --in x.npy --out f.gr/folder");
  CHECK(r.status == 1);
}

}  // namespace
}  // namespace gradus::test
