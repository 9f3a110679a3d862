#include "frontend/data/idx.h"

#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>
#include <vector>

#include "runtime/deflate.h"
#include "runtime/error.h"
#include "runtime/file.h"
#include "tests/data/idx_file.h"
#include "tests/runtime/temporary_folder.h"

using namespace gradus;
using namespace gradus::test;

TEST_CASE("bytes are read with the header's extents", "[idx]") {
  TemporaryFolder folder;
  auto extents = GENERATE(std::vector<uint32_t>{}, std::vector<uint32_t>{5},
                          std::vector<uint32_t>{3, 28, 28}, std::vector<uint32_t>{0, 4});
  write_file_atomically(folder / "x", idx_bytes(extents), Durability::Checked);
  Tensor x = data::read_idx(folder / "x");
  REQUIRE(x.dtype() == DType::U8);
  REQUIRE(x.rank() == static_cast<int>(extents.size()));
  for (int d = 0; d < x.rank(); ++d)
    REQUIRE(x.shape()[d] == extents[static_cast<size_t>(d)]);
  std::vector<uint8_t> values = x.to_vector<uint8_t>();
  for (size_t i = 0; i < values.size(); ++i)
    REQUIRE(values[i] == i % 256);
}

TEST_CASE("wider elements are big-endian in the file", "[idx]") {
  TemporaryFolder folder;
  auto read = [&](uint8_t code, const std::string& elements, uint32_t count) {
    write_file_atomically(folder / "x", idx_header(code, {count}) + elements, Durability::Checked);
    return data::read_idx(folder / "x");
  };
  auto f32 = std::bit_cast<uint32_t>(-1.5f);
  auto f64 = std::bit_cast<uint64_t>(1e-300);
  REQUIRE(read(0x09, "\xff\x02", 2).to_vector<int8_t>() == std::vector<int8_t>{-1, 2});
  REQUIRE(read(0x0b, big_endian(0x0102, 2) + big_endian(0xfffe, 2), 2).to_vector<int16_t>() ==
          std::vector<int16_t>{258, -2});
  REQUIRE(read(0x0c, big_endian(70000, 4), 1).to_vector<int32_t>() == std::vector<int32_t>{70000});
  REQUIRE(read(0x0d, big_endian(f32, 4), 1).to_vector<float>() == std::vector<float>{-1.5f});
  REQUIRE(read(0x0e, big_endian(f64, 8), 1).to_vector<double>() == std::vector<double>{1e-300});
}

TEST_CASE("every proper part of a file is refused", "[idx][errors]") {
  TemporaryFolder folder;
  std::string whole = idx_bytes({2, 3, 4});
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    CAPTURE(bytes);
    write_file_atomically(folder / "x", whole.substr(0, bytes), Durability::Checked);
    REQUIRE_THROWS_AS(data::read_idx(folder / "x"), DataError);
  }
  write_file_atomically(folder / "x", whole + "x", Durability::Checked);
  REQUIRE_THROWS_AS(data::read_idx(folder / "x"), DataError);
}

TEST_CASE("extents whose product overflows are refused, not allocated", "[idx][errors]") {
  TemporaryFolder folder;
  uint32_t large = 0xffffffff;
  write_file_atomically(folder / "x", idx_header(0x0e, {large, large, large, large}),
                        Durability::Checked);
  REQUIRE_THROWS_AS(data::read_idx(folder / "x"), DataError);
}

namespace {

std::string gzip(std::string_view bytes) {
  Deflater deflater(Inflater::Wrapping::Gzip);
  deflater.add(bytes);
  return deflater.finish();
}

}  // namespace

TEST_CASE("packed files are unpacked", "[idx]") {
  TemporaryFolder folder;
  for (const std::vector<uint32_t>& extents :
       {std::vector<uint32_t>{}, {5}, {100}, {3, 28, 28}, {0, 4}}) {
    write_file_atomically(folder / "x", idx_bytes(extents), Durability::Checked);
    write_file_atomically(folder / "x.gz", gzip(idx_bytes(extents)), Durability::Checked);
    const Tensor plain = data::read_idx(folder / "x"), packed = data::read_idx(folder / "x.gz");
    REQUIRE(packed.type() == plain.type());
    REQUIRE(packed.to_vector<uint8_t>() == plain.to_vector<uint8_t>());
  }
}

TEST_CASE("packed files that are none", "[idx][errors]") {
  TemporaryFolder folder;
  const auto refused = [&](const std::string& bytes) {
    write_file_atomically(folder / "x.gz", bytes, Durability::Checked);
    try {
      data::read_idx(folder / "x.gz");
    } catch (const DataError& e) {
      return e.message().what.substr(folder.path().size() + 8);
    }
    return std::string("no error");
  };
  const std::string whole = gzip(idx_bytes({3, 28, 28}));
  for (size_t bytes = 0; bytes < whole.size(); ++bytes)
    REQUIRE(refused(whole.substr(0, bytes)) != "no error");
  std::string damaged = whole;
  damaged[damaged.size() - 6] ^= 1;
  CHECK(refused(damaged) == "cannot be unpacked: the packed data is damaged");
  CHECK(refused(gzip(idx_bytes({3, 28, 28}) + "x")) ==
        "has bytes after its end; got 2369 bytes, expected 2368 for u8[3,28,28]");
  CHECK(refused(gzip(idx_bytes({100}).substr(0, 90))) ==
        "is truncated; got 90 bytes, expected 108 for u8[100]");
  const uint32_t large = 0xffffffff;
  const std::string bomb = gzip(idx_header(0x0e, {large, large, large}) + std::string(100, 0));
  CHECK(refused(bomb) == "is truncated; its " + std::to_string(bomb.size()) +
                             " packed bytes cannot hold 9223372036854775807");
}
