// Files from and for Python's packages: those in golden/ were written by them.
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdlib>
#include <string>

#include "frontend/io/npz.h"
#include "frontend/io/safetensors.h"
#include "frontend/io/save.h"
#include "tests/io/values.h"
#include "tests/runtime/temporary_folder.h"

using namespace gradus;
using namespace gradus::test;

namespace {

const std::string kGolden = GRADUS_SOURCE_DIR "/tests/io/golden/";

/// A Python that has the packages: $TEST_PYTHON or python3.
std::string python_with(const std::string& packages) {
  const char* named = std::getenv("TEST_PYTHON");
  const std::string python = named ? named : "python3";
  const std::string probe = python + " -c 'import " + packages + "' >/dev/null 2>&1";
  return std::system(probe.c_str()) == 0 ? python : "";
}

}  // namespace

TEST_CASE("what Python's packages wrote is read") {
  const io::SafeTensors file = io::load_safetensors(kGolden + "all.safetensors");
  CHECK(same(file.tensors, golden_arrays()));
  CHECK(file.metadata == io::Metadata{{"epoch", 3}});
  CHECK(same(io::load_npz(kGolden + "stored.npz"), golden_arrays()));
  auto arrays = golden_arrays();
  arrays["long"] = counted(DType::F32, {50, 50});
  CHECK(same(io::load_npz(kGolden + "deflated.npz"), arrays));
}

TEST_CASE("halves that PyTorch wrote are read as f32, with the same values") {
  const std::string path = kGolden + "half.safetensors";
  const auto tensors = io::load_safetensors(path, {.convert_half = true}).tensors;
  REQUIRE(tensors.size() == 4);
  for (const std::string name : {"f16", "bf16"}) {
    const auto got = tensors.at(name).to_vector<float>();
    const auto expected = tensors.at(name + " as f32").to_vector<float>();
    REQUIRE(got.size() == expected.size());
    REQUIRE(got.size() > 1000);
    for (size_t i = 0; i < got.size(); ++i) {
      CAPTURE(name, i, got[i], expected[i]);
      const bool is_nan = std::isnan(expected[i]);
      CHECK((is_nan ? std::isnan(got[i])
                    : std::bit_cast<uint32_t>(got[i]) == std::bit_cast<uint32_t>(expected[i])));
    }
  }
  const io::Archive file(path, {.convert_half = true});
  CHECK(same({{"f16", file.tensor("f16")}}, {{"f16", tensors.at("f16")}}));
  CHECK(file.type_of("bf16") == Type{DType::F32, tensors.at("bf16").shape()});
  for (const bool opens : {true, false}) {
    const std::string message = message_of<DataError>([&] {
      if (opens) {
        io::Archive{path};
      } else {
        io::load_safetensors(path);
      }
    });
    CHECK(message.find("': tensor 'bf16' has an element type without counterpart; got BF16; ") !=
          std::string::npos);
    CHECK(message.ends_with("; read it as f32 by the option convert_half"));
  }
}

TEST_CASE("a safetensors file has the bytes that Python's package gives it") {
  const TemporaryFolder folder;
  io::save_safetensors(folder / "x", golden_arrays(), {{"epoch", 3}});
  CHECK(bytes_of_file(folder / "x") == bytes_of_file(kGolden + "all.safetensors"));
}

TEST_CASE("Python's packages read what was written") {
  const std::string python = python_with("numpy, safetensors.numpy");
  if (python.empty()) SKIP("no Python with numpy and safetensors; name one: TEST_PYTHON");
  const TemporaryFolder folder;
  auto arrays = golden_arrays();
  arrays["long"] = counted(DType::F32, {50, 50});
  io::save_safetensors(folder / "x.safetensors", arrays, {{"epoch", 3}, {"name", "\"é\"\n"}});
  io::save_npz(folder / "stored.npz", arrays);
  io::save_npz(folder / "deflated.npz", arrays, io::Packing::Deflated);
  put_file(folder / "check.py", R"(
import sys
import zipfile
import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file

golden, folder = sys.argv[1:]
expected = dict(np.load(golden + "deflated.npz"))
for name in ("x.safetensors", "stored.npz", "deflated.npz"):
    path = folder + "/" + name
    got = load_file(path) if name.endswith("s") else dict(np.load(path))
    assert got.keys() == expected.keys(), name
    for key, x in expected.items():
        assert got[key].dtype == x.dtype and got[key].shape == x.shape, (name, key)
        np.testing.assert_array_equal(got[key], x)
for name in ("stored.npz", "deflated.npz"):
    assert zipfile.ZipFile(folder + "/" + name).testzip() is None
with safe_open(folder + "/x.safetensors", "np") as f:
    assert f.metadata() == {"epoch": "3", "name": "\"é\"\n"}
)");
  const std::string command =
      python + " " + (folder / "check.py") + " " + kGolden + " " + folder.path();
  CHECK(std::system(command.c_str()) == 0);
}
