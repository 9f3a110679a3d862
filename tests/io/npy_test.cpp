// .npy files: what NumPy writes, what it may write, and what is none.
#include "frontend/io/npy.h"

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include <gradus/gradus.h>

#include "runtime/error.h"
#include "tests/runtime/temporary_folder.h"
#include "tests/support/messages.h"

namespace gradus::io {
namespace {

std::string bytes_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return std::move(text).str();
}

void put(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// A file of format version 1 with this dict and these bytes.
std::string npy(const std::string& dict, const std::string& data) {
  std::string bytes("\x93NUMPY\x01\x00", 8);
  const std::string header = dict + "\n";
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  return bytes + header + data;
}

template <class T>
std::string raw(std::initializer_list<T> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T)};
}

template <class T>
void check_array(const NpyArray& array, const Shape& shape, std::initializer_list<T> values) {
  CHECK(array.type == Type{dtype_of<T>(), shape});
  REQUIRE(array.type.bytes() == values.size() * sizeof(T));
  CHECK(std::memcmp(array.data->data(), values.begin(), array.type.bytes()) == 0);
}

TEST_CASE("what was written is read") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "x.npy";
  for (int i = 0; i < static_cast<int>(DType::Key); ++i) {
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 3}, Shape{0, 4}, Shape{1, 2, 1, 5}}) {
      const Type type{static_cast<DType>(i), shape};
      CAPTURE(to_string(type));
      std::vector<unsigned char> data(type.bytes() + 1);
      for (size_t k = 0; k < data.size(); ++k)
        data[k] = static_cast<unsigned char>(k * 37);
      if (type.dtype == DType::Bool) {
        for (auto& b : data)
          b &= 1;
      }
      write_npy(path, type, data.data());
      const NpyArray back = read_npy(path);
      CHECK(back.type == type);
      CHECK(std::memcmp(back.data->data(), data.data(), type.bytes()) == 0);
      CHECK((bytes_of(path).size() - type.bytes()) % 64 == 0);
    }
  }
  // Nothing is left beside the file.
  CHECK(folder.files() == 1);
}

TEST_CASE("the bytes are NumPy's") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "x.npy";
  const float values[] = {1, 2, 3};
  write_npy(path, {DType::F32, {3}}, values);
  // numpy.save of numpy.array([1, 2, 3], 'f4'), NumPy 2.
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }";
  header.resize(117, ' ');
  CHECK(bytes_of(path) == npy(header, raw<float>({1, 2, 3})));
  CHECK(bytes_of(path).size() == 128 + 12);
}

TEST_CASE("keys are words") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "k.npy";
  const KeyData keys[] = {{1, 2}, {3, 4}};
  write_npy(path, {DType::Key, {2}}, keys);
  check_array<uint32_t>(read_npy(path), {2, 2}, {1, 2, 3, 4});
  write_npy(path, {DType::Key, {}}, keys);
  check_array<uint32_t>(read_npy(path), {2}, {1, 2});
}

TEST_CASE("other orders, versions and spellings") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "x.npy";
  put(path, npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }",
                raw<float>({1, 4, 2, 5, 3, 6})));
  check_array<float>(read_npy(path), {2, 3}, {1, 2, 3, 4, 5, 6});
  put(path, npy("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 1, 3)}",
                raw<int16_t>({1, 4, 2, 5, 3, 6})));
  check_array<int16_t>(read_npy(path), {2, 1, 3}, {1, 2, 3, 4, 5, 6});
  put(path, npy("{\"shape\":(2,),\"fortran_order\":False,\"descr\":\">u4\"}",
                std::string("\0\0\0\1\0\0\1\0", 8)));
  check_array<uint32_t>(read_npy(path), {2}, {1, 256});
  put(path, npy("{'descr': '|b1', 'fortran_order': False, 'shape': (3L,), }", "\x02\x01\xff"));
  check_array<bool>(read_npy(path), {3}, {true, true, true});
  put(path, npy("{'descr': '=f8', 'fortran_order': False, 'shape': (), }", raw<double>({0.5})));
  check_array<double>(read_npy(path), {}, {0.5});
  for (const char version : {'\x02', '\x03'}) {
    const std::string dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n";
    std::string bytes("\x93NUMPY", 6);
    bytes += {version, '\0', static_cast<char>(dict.size()), '\0', '\0', '\0'};
    put(path, bytes + dict + raw<float>({7}));
    check_array<float>(read_npy(path), {1}, {7});
  }
}

TEST_CASE("tensors") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "x.npy";
  const Tensor x = tensor(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  save_npy(path, x + 1.0f);
  const Tensor y = load_npy(path);
  CHECK(y.shape() == Shape{2, 3});
  CHECK(y.to_vector<float>() == std::vector<float>{2, 3, 4, 5, 6, 7});
  CHECK(sum(y).item<float>() == 27);
  CHECK(test::message_of<DataError>([] { load_npy("none.npy"); }) ==
        "[npy] cannot read 'none.npy': No such file or directory; " + test::here() +
            "; check the path and its permissions");
  CHECK_THROWS_AS(save_npy(path, Tensor()), ValueError);
}

TEST_CASE("files that are none") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "x.npy";
  const auto check = [&](const std::string& bytes, const std::string& what) {
    put(path, bytes);
    CHECK(test::message_of<DataError>([&] { read_npy(path); }) == "[npy] '" + path + "': " + what);
  };
  CHECK(test::message_of<DataError>([&] { read_npy("/no/such.npy"); }) ==
        "[npy] cannot read '/no/such.npy': No such file or directory; check the path and its "
        "permissions");
  CHECK(test::message_of<DataError>([&] { read_npy(folder.path()); }) ==
        "[npy] cannot read '" + folder.path() +
            "': Is a directory; check the path and its permissions");
  check("", "is no .npy file; write it with numpy.save");
  check("PK\3\4 an .npz file, which is a zip", "is no .npy file; write it with numpy.save");
  check(std::string("\x93NUMPY\x09\0\x02\0{}", 12),
        "unknown format version 9; write it with numpy.save");
  check(std::string("\x93NUMPY\x01\0\xff\0{}", 12), "its header is cut off; write it again");
  check(std::string("\x93NUMPY\x02\0\xff\xff\xff\xff{}", 14),
        "its header is implausibly long; write it again");
  const std::string no_array = "its header is no description of an array; write it with numpy.save";
  check(npy("{}", ""), no_array);
  check(npy("{'descr': '<f4', 'fortran_order': False}", ""), no_array);
  check(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}", ""), no_array);
  check(npy("{'descr': '<f4', 'fortran_order': Maybe, 'shape': ()}", ""), no_array);
  check(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", ""), no_array);
  check(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1 2)}", ""), no_array);
  check(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", ""),
        no_array);
  check(
      npy("{'descr': '<f2', 'fortran_order': False, 'shape': (1,)}", "xx"),
      "element type '<f2' has no counterpart; convert it with astype to bool, an integer, float32 "
      "or float64");
  check(
      npy("{'descr': '', 'fortran_order': False, 'shape': (1,)}", "xx"),
      "element type '' has no counterpart; convert it with astype to bool, an integer, float32 or "
      "float64");
  check(
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,1000000000)}", ""),
      "too many elements; got [1000000000,1000000000], expected at most 2^56; use smaller extents");
  check(
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,)}", "abcd"),
      "is cut off; f32[1000000000] takes 4000000000 bytes, the whole file has 79; write it again");
  check(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", "abcdefgh"),
        "is cut off; f32[3] takes 12 bytes; write it again");
  check(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", "abcdefgh"),
        "is too long; f32[1] takes 4 bytes; write it again");
}

TEST_CASE("every damaged byte of a header is refused or harmless") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "x.npy";
  const std::string sound =
      npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", std::string(24, 'x'));
  for (size_t i = 0; i < sound.size() - 24; ++i) {
    for (const char byte : {'\0', '0', '9', '\'', '(', ')', ',', ' ', '\xff'}) {
      std::string bytes = sound;
      bytes[i] = byte;
      put(path, bytes);
      try {
        const NpyArray array = read_npy(path);
        CHECK(array.type.bytes() == 24);
      } catch (const DataError&) {
      }
    }
    put(path, sound.substr(0, i));
    CHECK_THROWS_AS(read_npy(path), DataError);
  }
}

TEST_CASE("a file that cannot be written leaves nothing") {
  const float x = 1;
  CHECK(test::message_of<DataError>([&] {
          write_npy("/no/such/folder/x.npy", {DType::F32, {}}, &x);
        }) ==
        "[npy] cannot write '/no/such/folder/x.npy': No such file or directory; check the path and "
        "its permissions");
  const test::TemporaryFolder folder;
  const std::string path = folder / "x";
  std::filesystem::create_directory(path);
  CHECK_THROWS_AS(write_npy(path, {DType::F32, {}}, &x), DataError);
  CHECK(folder.files() == 0);
}

}  // namespace
}  // namespace gradus::io
