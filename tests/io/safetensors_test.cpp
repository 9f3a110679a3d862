// Safetensors files: round trips, and files that are none.
#include "frontend/io/safetensors.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include <gradus/transform.h>

#include "tests/io/values.h"
#include "tests/runtime/temporary_folder.h"

using namespace gradus;
using namespace gradus::test;

namespace {

std::string with_length(uint64_t length, const std::string& rest) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + rest;
}

std::string file_of(const std::string& header, size_t data) {
  return with_length(header.size(), header + std::string(data, 'x'));
}

}  // namespace

TEST_CASE("all types and shapes come back, and the metadata") {
  const TemporaryFolder folder;
  std::map<std::string, Tensor> tensors = golden_arrays();
  const io::Metadata metadata{{"epoch", 12}, {"accuracy", 0.1}, {"name", "quotes \" and \\ é"}};
  io::save_safetensors(folder / "x", tensors, metadata);
  const io::SafeTensors back = io::load_safetensors(folder / "x");
  CHECK(same(back.tensors, tensors));
  CHECK(back.metadata == metadata);
  CHECK(back.metadata.integer("epoch") == 12);
  CHECK(back.metadata.number("accuracy") == 0.1);
  CHECK(folder.files() == 1);
  io::save_safetensors(folder / "x", {});
  CHECK(io::load_safetensors(folder / "x").tensors.empty());
  CHECK(bytes_of_file(folder / "x") == file_of("{}      ", 0));
}

TEST_CASE("keys are words, bools are 0 or 1") {
  const TemporaryFolder folder;
  io::save_safetensors(folder / "x", {{"key", counted(DType::Key, {2})}});
  const Tensor words = io::load_safetensors(folder / "x").tensors.at("key");
  CHECK(words.shape() == Shape{2, 2});
  CHECK(words.to_vector<uint32_t>() == std::vector<uint32_t>{0, 100, 1, 101});
  put_file(folder / "x", file_of(R"({"b":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}})", 0) +
                             std::string("\0\2\1", 3));
  CHECK(same(io::load_safetensors(folder / "x").tensors.at("b"), tensor({0, 1, 1}) != 0));
}

TEST_CASE("every half becomes the f32 of its value") {
  const TemporaryFolder folder;
  std::string data;
  for (int bits = 0; bits < 1 << 16; ++bits)
    data += {static_cast<char>(bits & 255), static_cast<char>(bits >> 8)};
  for (const std::string dtype : {"F16", "BF16"}) {
    CAPTURE(dtype);
    const int mantissa_bits = dtype == "F16" ? 10 : 7, exponent_bits = 15 - mantissa_bits;
    put_file(folder / "x", file_of(R"({"x":{"dtype":")" + dtype +
                                       R"(","shape":[65536],"data_offsets":[0,131072]}})",
                                   0) +
                               data);
    const Tensor x = io::load_safetensors(folder / "x", {.convert_half = true}).tensors.at("x");
    REQUIRE(x.dtype() == DType::F32);
    const std::vector<float> values = x.to_vector<float>();
    int wrong = 0;
    for (int bits = 0; bits < 1 << 16; ++bits) {
      const float value = values[static_cast<size_t>(bits)];
      const int mantissa = bits & ((1 << mantissa_bits) - 1);
      const int exponent = bits >> mantissa_bits & ((1 << exponent_bits) - 1);
      const int bias = (1 << (exponent_bits - 1)) - 1, last = (1 << exponent_bits) - 1;
      const int whole = exponent ? mantissa + (1 << mantissa_bits) : mantissa;
      const double size = exponent == last
                              ? std::numeric_limits<double>::infinity()
                              : std::ldexp(whole, std::max(exponent, 1) - bias - mantissa_bits);
      if (exponent == last && mantissa) {
        wrong += !std::isnan(value);
      } else {
        wrong += std::abs(value) != size || std::signbit(value) != (bits >> 15 == 1);
      }
    }
    CHECK(wrong == 0);
  }
  put_file(folder / "x", file_of(R"({"x":{"dtype":"F16","shape":[2],"data_offsets":[0,8]}})", 8));
  CHECK(what_of<DataError>([&] { io::load_safetensors(folder / "x", {.convert_half = true}); }) ==
        "'" + (folder / "x") + "': tensor 'x' has 8 bytes, expected 4 for f32[2] from F16");
}

TEST_CASE("metadata that are asked for as what they are not") {
  const io::Metadata metadata{{"epoch", 3}, {"name", "x"}, {"half", 0.5f}, {"good", true}};
  CHECK(metadata.text("good") == "true");
  CHECK(metadata.number("half") == 0.5);
  CHECK(metadata.number("epoch") == 3);
  CHECK(what_of<DataError>([&] { metadata.integer("name"); }) ==
        "'name' is no number; got \"x\", expected an integer");
  CHECK(what_of<DataError>([&] { metadata.integer("half"); }) ==
        "'half' is no number; got \"0.5\", expected an integer");
  CHECK(what_of<DataError>([&] { metadata.text("none"); }) ==
        "there is no 'none'; got epoch, good, half, name");
}

TEST_CASE("a header may have blanks, and its tensors may stand in any order") {
  const TemporaryFolder folder;
  put_file(folder / "x", file_of(R"({ "b" : {"shape":[1], "dtype":"U8", "data_offsets":[1, 2]},
      "a":{"data_offsets":[0,1],"shape":[1,1],"dtype":"U8"},
      "c":{"data_offsets":[1,1],"shape":[0],"dtype":"F64"}}   )",
                                 2));
  CHECK(io::load_safetensors(folder / "x").tensors.size() == 3);
}

TEST_CASE("files that are no safetensors files") {
  const TemporaryFolder folder;
  const std::string path = folder / "x";
  const auto check = [&](const std::string& bytes, const std::string& what) {
    put_file(path, bytes);
    CHECK(what_of<DataError>([&] { io::load_safetensors(path); }) == "'" + path + "': " + what);
  };
  const auto check_item = [&](const std::string& item, const std::string& what) {
    check(file_of("{\"a\":{" + item + "}}", 8), what);
  };
  check("", "is cut off; got 0 bytes, expected 8 and a header");
  check("1234567", "is cut off; got 7 bytes, expected 8 and a header");
  check(with_length(100, "{}"), "is cut off; got 10 bytes, expected a header of 100");
  check(with_length(~uint64_t{0}, "{}"),
        "is no safetensors file, or its header is too long; got 18446744073709551615 bytes, "
        "expected at most 100000000");
  check(file_of("", 0), "is no safetensors file; its header does not begin with '{'");
  check(file_of("[]", 0), "is no safetensors file; its header does not begin with '{'");
  check(file_of(" {}", 0), "is no safetensors file; its header does not begin with '{'");
  check(file_of("{", 0), "its header is no JSON; see byte 2 of it");
  check(file_of("{}{", 0), "its header is no JSON; see byte 3 of it");
  check(file_of("{\"a\xff\":1}", 0), "its header is no JSON; see byte 4 of it");
  check(file_of("{\"a\":1}", 0), "its header has a number behind 'a', where that has no place");
  check(file_of("{\"a\":[" + std::string(100000, '['), 0),
        "its header has a list behind 'a', where that has no place");
  check(file_of("{}", 3), "there are 3 bytes behind the last tensor");

  const std::string shape = R"("dtype":"F32","shape":[2])";
  check_item(shape, "tensor 'a' has no data_offsets");
  check_item(R"("shape":[2],"data_offsets":[0,8])", "tensor 'a' has no dtype");
  check_item(R"("dtype":"F32","data_offsets":[0,8])", "tensor 'a' has no shape");
  check_item(shape + R"(,"shape":[2])", "tensor 'a' has shape twice");
  check_item(shape + R"(,"color":[2])", "tensor 'a' has an unknown property 'color'");
  check_item(shape + R"(,"data_offsets":"no")",
             "its header has text behind data_offsets of 'a', where that has no place");
  check_item(shape + R"(,"data_offsets":[[0,8]])",
             "its header has a list behind data_offsets of 'a', where that has no place");
  check_item(shape + R"(,"data_offsets":{"x":1})",
             "its header has an object behind data_offsets of 'a', where that has no place");
  check_item(shape + R"(,"data_offsets":null)",
             "its header has null behind data_offsets of 'a', where that has no place");
  check_item(shape + R"(,"data_offsets":[true])",
             "its header has a bool behind data_offsets of 'a', where that has no place");
  check_item(shape + R"(,"data_offsets":[-1,7])",
             "the data_offsets of 'a' has a negative number; got -1");
  check_item(shape + R"(,"data_offsets":[0.5,7])",
             "the data_offsets of 'a' has a number that is no 64-bit integer; got 0.5");
  check_item(shape + R"(,"data_offsets":[0,18446744073709551616])",
             "the data_offsets of 'a' has a number that is no 64-bit integer; got "
             "18446744073709551616");
  check_item(shape + R"(,"data_offsets":[0])", "tensor 'a' has data_offsets that are no range");
  check_item(shape + R"(,"data_offsets":[0,8,8])", "tensor 'a' has data_offsets that are no range");
  check_item(shape + R"(,"data_offsets":[8,0])", "tensor 'a' has data_offsets that are no range");
  check_item(shape + R"(,"data_offsets":[0,4])", "tensor 'a' has 4 bytes, expected 8 for f32[2]");
  check_item(shape + R"(,"data_offsets":[8,16])",
             "tensor 'a' ends behind the end of the file; got bytes 8 to 16 of 8, so that the file "
             "is cut off or its header is wrong");
  check_item(shape + R"(,"data_offsets":[18446744073709551600,18446744073709551608])",
             "tensor 'a' ends behind the end of the file; got bytes 18446744073709551600 to "
             "18446744073709551608 of 8, so that the file is cut off or its header is wrong");
  check_item(R"("dtype":"F32","shape":[9223372036854775807,4],"data_offsets":[0,8])",
             "tensor 'a' has a shape that cannot be: too many elements; got "
             "[9223372036854775807,4], expected at most 2^56");
  check_item(R"("dtype":"F32","shape":[18446744073709551615,4],"data_offsets":[0,8])",
             "tensor 'a' has a shape that cannot be: too many elements; got "
             "[9223372036854775807,4], expected at most 2^56");
  check_item(R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,2],"data_offsets":[0,8])",
             "the shape of 'a' is too long; expected at most 12 numbers");
  for (const std::string dtype : {"F16", "BF16", "F8_E4M3", "f32", "KEY", "", "B\\u0000"}) {
    put_file(
        path,
        file_of("{\"a\":{\"dtype\":\"" + dtype + "\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8));
    CHECK(
        what_of<DataError>([&] {
          io::load_safetensors(path);
        }).starts_with("'" + path + "': tensor 'a' has an element type without counterpart; got "));
  }

  const auto two = [](const std::string& a, const std::string& b, const char* second = "b") {
    const std::string item = R"({"dtype":"U8","shape":[4],"data_offsets":[)";
    return "{\"a\":" + item + a + "]},\"" + second + "\":" + item + b + "]}}";
  };
  check(file_of(two("0,4", "2,6"), 6), "tensor 'b' shares bytes with another");
  check(file_of(two("0,4", "0,4"), 4), "tensor 'b' shares bytes with another");
  check(file_of(two("0,4", "5,9"), 9), "there are 1 bytes of no tensor before 'b'");
  check(file_of(two("1,5", "5,9"), 9), "there are 1 bytes of no tensor before 'a'");
  check(file_of(two("0,4", "4,8"), 9), "there are 1 bytes behind the last tensor");
  check(file_of(two("0,4", "4,8", "a"), 8), "the name 'a' comes twice");
  check(file_of(R"({"__metadata__":{"x":"1","x":"2"}})", 0), "the metadata have 'x' twice");
  check(file_of(R"({"__metadata__":{"x":1}})", 0),
        "its header has a number behind 'x' of the metadata, where that has no place");
  check(file_of(R"({"__metadata__":{},"__metadata__":{}})", 0),
        "the name '__metadata__' comes twice");
}

TEST_CASE("every proper part of a file is refused") {
  const TemporaryFolder folder;
  io::save_safetensors(folder / "x", golden_arrays());
  const std::string whole = bytes_of_file(folder / "x");
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    put_file(folder / "x", whole.substr(0, bytes));
    REQUIRE_THROWS_AS(io::load_safetensors(folder / "x"), DataError);
  }
}

TEST_CASE("tensors that cannot be saved") {
  const TemporaryFolder folder;
  const Tensor x = tensor({1.0});
  CHECK_THROWS_AS(io::save_safetensors(folder / "x", {{"__metadata__", x}}), ValueError);
  CHECK_THROWS_AS(io::save_safetensors(folder / "x", {{"a\xff", x}}), ValueError);
  CHECK_THROWS_AS(io::save_safetensors(folder / "x", {{"a", x}}, {{"b", "\xff"}}), ValueError);
  CHECK_THROWS_AS(io::save_safetensors(folder / "x", {{"a", Tensor()}}), ValueError);
  CHECK_THROWS_AS(jit([&](const Tensor& y) {
                    io::save_safetensors(folder / "x", {{"a", y}});
                    return y;
                  })(x),
                  TraceError);
  CHECK_THROWS_AS(io::save_safetensors("/no/such/folder/x", {{"a", x}}), DataError);
  CHECK(folder.files() == 0);
  CHECK(what_of<DataError>([&] { io::load_safetensors(folder / "none"); }) ==
        "cannot read '" + (folder / "none") + "': No such file or directory");
}
