// .npz files: round trips, and files that are none. How zip archives can be damaged is tested with
// the archives themselves.
#include "frontend/io/npz.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>

#include "runtime/zip.h"
#include "tests/io/values.h"
#include "tests/runtime/temporary_folder.h"

using namespace gradus;
using namespace gradus::test;

TEST_CASE("arrays of all types come back, stored and deflated") {
  const io::Packing packing = GENERATE(io::Packing::Stored, io::Packing::Deflated);
  const TemporaryFolder folder;
  auto arrays = golden_arrays();
  arrays["long"] = counted(DType::F64, {300, 1000});
  arrays["é"] = Tensor(1);
  io::save_npz(folder / "x.npz", arrays, packing);
  CHECK(same(io::load_npz(folder / "x.npz"), arrays));
  CHECK(folder.files() == 1);
  io::save_npz(folder / "x.npz", {}, packing);
  CHECK(io::load_npz(folder / "x.npz").empty());
  io::save_npz(folder / "x.npz", {{"key", counted(DType::Key, {2})}}, packing);
  CHECK(io::load_npz(folder / "x.npz").at("key").to_vector<uint32_t>() ==
        std::vector<uint32_t>{0, 100, 1, 101});
}

TEST_CASE("equal arrays make equal files") {
  const TemporaryFolder folder;
  io::save_npz(folder / "a", golden_arrays(), io::Packing::Deflated);
  io::save_npz(folder / "b", golden_arrays(), io::Packing::Deflated);
  CHECK(bytes_of_file(folder / "a") == bytes_of_file(folder / "b"));
}

TEST_CASE("archives that are no .npz files") {
  const TemporaryFolder folder;
  const std::string path = folder / "x.npz";
  const auto check = [&](const std::string& name, const std::string& content,
                         const std::string& what) {
    ZipWriter archive;
    archive.add(name, {content}, false);
    archive.write(path);
    CHECK(what_of<DataError>([&] { io::load_npz(path); }) == "'" + path + "'" + what);
  };
  check("a.txt", "hello", " has an entry 'a.txt' that is no array");
  check("a.npy", "hello", ", array 'a': is no .npy file");
  const auto npy = [](std::string dict, size_t bytes) {
    dict += '\n';
    return std::string("\x93NUMPY\x01\0", 8) + static_cast<char>(dict.size()) + '\0' + dict +
           std::string(bytes, 'x');
  };
  check("a.npy", npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", 8),
        ", array 'a': element type '|O' has no counterpart");
  check("a.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,)}", 8),
        ", array 'a': is cut off; f32[1000000000] takes 4000000000 bytes, the whole file has 83");
  check("a.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", 8),
        ", array 'a': is too long; f32[1] takes 4 bytes");
  check("a.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", 8),
        ", array 'a': is cut off; f32[3] takes 12 bytes");
  put_file(path, "no archive at all");
  CHECK(what_of<DataError>([&] { io::load_npz(path); }) ==
        "'" + path + "' is no zip archive, or its end is missing");
}

TEST_CASE("a file that unpacks to more than allowed is refused before it does") {
  const TemporaryFolder folder;
  const std::string path = folder / "x.npz";
  io::save_npz(path, {{"a", zeros({1000, 1000})}, {"b", zeros({1000, 1000})}},
               io::Packing::Deflated);
  CHECK(bytes_of_file(path).size() < 20000);
  CHECK(io::load_npz(path, 8000256).size() == 2);
  CHECK(what_of<DataError>([&] { io::load_npz(path, 8000255); }) ==
        "'" + path + "' unpacks to more than 8000255 bytes");
}

TEST_CASE("arrays that cannot be saved") {
  const TemporaryFolder folder;
  CHECK_THROWS_AS(io::save_npz(folder / "x", {{std::string(65535, 'x'), Tensor(1)}}), ValueError);
  CHECK_THROWS_AS(io::save_npz(folder / "x", {{"a", Tensor()}}), ValueError);
  CHECK_THROWS_AS(io::save_npz("/no/such/folder/x", {{"a", Tensor(1)}}), DataError);
  CHECK(folder.files() == 0);
}
