// Files from and for Python's packages: those in golden/ were written by them.
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <string>

#include "frontend/io/npz.h"
#include "frontend/io/safetensors.h"
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
