// Data that is not there or not what it should be: the whole message of each.
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "frontend/data/idx.h"
#include "frontend/data/mnist.h"
#include "runtime/error.h"
#include "runtime/file.h"
#include "tests/data/idx_file.h"
#include "tests/runtime/temporary_folder.h"
#include "tests/support/messages.h"

using namespace gradus;
using namespace gradus::test;

namespace {

constexpr SourcePos kHere{"train.cpp", 12};

std::string message_of_load(const TemporaryFolder& folder) {
  return message_of<DataError>([&] { data::load_mnist(folder.path(), kHere); });
}

// A folder with the four files, small but sound.
struct SmallMnist : TemporaryFolder {
  SmallMnist() {
    write("train-images-idx3-ubyte", idx_bytes({3, 28, 28}));
    write("train-labels-idx1-ubyte", idx_bytes({3}));
    write("t10k-images-idx3-ubyte", idx_bytes({2, 28, 28}));
    write("t10k-labels-idx1-ubyte", idx_bytes({2}));
  }
  void write(const std::string& name, const std::string& bytes) {
    write_file_atomically(*this / name, bytes, Durability::Checked);
  }
  std::string advice() const {
    return "; train.cpp:12; fetch the data with tools/get-mnist " + path();
  }
};

}  // namespace

TEST_CASE("sound files raise nothing", "[errors][data]") {
  REQUIRE(message_of_load(SmallMnist()) == "no error");
}

TEST_CASE("a missing MNIST file names itself and how to fetch it", "[errors][data]") {
  TemporaryFolder folder;
  REQUIRE(message_of_load(folder) == "[idx] cannot read '" + folder.path() +
                                         "/train-images-idx3-ubyte': No such file or directory; "
                                         "train.cpp:12; fetch the data with tools/get-mnist " +
                                         folder.path());
}

TEST_CASE("a truncated file tells both sizes", "[errors][data]") {
  SmallMnist folder;
  folder.write("t10k-images-idx3-ubyte", idx_bytes({2, 28, 28}).substr(0, 1000));
  REQUIRE(message_of_load(folder) == "[idx] '" + folder.path() +
                                         "/t10k-images-idx3-ubyte' is truncated; got 1000 bytes, "
                                         "expected 1584 for u8[2,28,28]" +
                                         folder.advice());
}

TEST_CASE("a file cut inside its header is truncated", "[errors][data]") {
  SmallMnist folder;
  folder.write("train-images-idx3-ubyte", idx_bytes({3, 28, 28}).substr(0, 9));
  REQUIRE(message_of_load(folder) == "[idx] '" + folder.path() +
                                         "/train-images-idx3-ubyte' is truncated; got 9 bytes, "
                                         "expected a header of 16" +
                                         folder.advice());
}

TEST_CASE("bytes after the end are no part of an IDX file", "[errors][data]") {
  SmallMnist folder;
  folder.write("train-labels-idx1-ubyte", idx_bytes({3}) + "!");
  REQUIRE(message_of_load(folder) == "[idx] '" + folder.path() +
                                         "/train-labels-idx1-ubyte' has bytes after its end; got "
                                         "12 bytes, expected 11 for u8[3]" +
                                         folder.advice());
}

TEST_CASE("a file that is no IDX file shows how it begins", "[errors][data]") {
  SmallMnist folder;
  folder.write("train-images-idx3-ubyte", "<html><body>404");
  REQUIRE(message_of_load(folder) ==
          "[idx] '" + folder.path() +
              "/train-images-idx3-ubyte' is no IDX file; it begins with [3c 68 74 6d], expected "
              "00 00, an element type (08 to 0e) and a rank" +
              folder.advice());
}

TEST_CASE("a packed file that cannot be unpacked says so", "[errors][data]") {
  SmallMnist folder;
  folder.write("train-images-idx3-ubyte", "\x1f\x8b\x08\x08 compressed");
  REQUIRE(message_of_load(folder) ==
          "[idx] '" + folder.path() +
              "/train-images-idx3-ubyte' cannot be unpacked: the packed data is cut off" +
              folder.advice());
}

TEST_CASE("images of other extents, and labels of another number", "[errors][data]") {
  SmallMnist folder;
  folder.write("train-labels-idx1-ubyte", idx_bytes({4}));
  REQUIRE(message_of_load(folder) ==
          "[idx] '" + folder.path() +
              "/train-labels-idx1-ubyte' holds other data; got u8[4], expected u8[3]" +
              folder.advice());
  folder.write("train-images-idx3-ubyte", idx_bytes({3, 28}));
  REQUIRE(message_of_load(folder) ==
          "[idx] '" + folder.path() +
              "/train-images-idx3-ubyte' holds other data; got u8[3,28], expected u8[any,28,28]" +
              folder.advice());
}

TEST_CASE("a file read by itself", "[errors][data]") {
  TemporaryFolder folder;
  REQUIRE(message_of<DataError>([&] { data::read_idx(folder / "x", kHere); }) ==
          "[idx] cannot read '" + folder.path() +
              "/x': No such file or directory; train.cpp:12; check the path, or fetch the file "
              "again");
}
