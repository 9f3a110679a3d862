#include "frontend/data/mnist.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "runtime/deflate.h"
#include "runtime/error.h"
#include "runtime/file.h"
#include "tests/data/idx_file.h"
#include "tests/runtime/temporary_folder.h"

using namespace gradus;
using namespace gradus::test;

TEST_CASE("the four files become two labelled sets", "[mnist]") {
  TemporaryFolder folder;
  write_file_atomically(folder / "train-images-idx3-ubyte", idx_bytes({3, 28, 28}));
  write_file_atomically(folder / "train-labels-idx1-ubyte", idx_bytes({3}));
  write_file_atomically(folder / "t10k-images-idx3-ubyte", idx_bytes({2, 28, 28}));
  write_file_atomically(folder / "t10k-labels-idx1-ubyte", idx_bytes({2}));
  data::Mnist mnist = data::load_mnist(folder.path());
  REQUIRE(to_string(mnist.train.images.type()) == "u8[3,28,28]");
  REQUIRE(to_string(mnist.test.labels.type()) == "u8[2]");
  REQUIRE(mnist.train.size() == 3);
  data::LabelledImage item = mnist.train[1];
  REQUIRE(item.label == 1);
  REQUIRE(item.pixels.size() == 784);
  REQUIRE(item.pixels[5] == (784 + 5) % 256);
  REQUIRE_THROWS_AS(mnist.train[3], ValueError);
  REQUIRE_THROWS_AS(mnist.train[-1], ValueError);
}

TEST_CASE("the four files may be packed", "[mnist]") {
  TemporaryFolder folder;
  const auto write = [&](const std::string& name, const std::vector<uint32_t>& extents) {
    Deflater deflater(Inflater::Wrapping::Gzip);
    deflater.add(idx_bytes(extents));
    write_file_atomically(folder / name, deflater.finish());
  };
  write("train-images-idx3-ubyte.gz", {3, 28, 28});
  write("train-labels-idx1-ubyte.gz", {3});
  write("t10k-images-idx3-ubyte.gz", {2, 28, 28});
  write("t10k-labels-idx1-ubyte.gz", {2});
  const data::Mnist mnist = data::load_mnist(folder.path());
  REQUIRE(mnist.train[2].label == 2);
  REQUIRE(to_string(mnist.test.images.type()) == "u8[2,28,28]");
}
