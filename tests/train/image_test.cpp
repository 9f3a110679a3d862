#include <zlib.h>
#include <catch2/catch_test_macros.hpp>
#include <numeric>

#include <gradus/gradus.h>
#include <gradus/train/image.h>

#include "runtime/file.h"
#include "tests/runtime/temporary_folder.h"
#include "tests/support/messages.h"

using namespace gradus;
using gradus::test::message_of;
using gradus::test::TemporaryFolder;

namespace {

uint32_t big_endian(const std::string& bytes, size_t at) {
  uint32_t x = 0;
  for (size_t i = 0; i < 4; ++i)
    x = x << 8 | static_cast<uint8_t>(bytes[at + i]);
  return x;
}

struct Png {
  uint32_t columns = 0, rows = 0;
  int channels = 0;
  std::vector<uint8_t> values;
};

/// A reader that knows no more of PNG than what is needed to check a writer: 8 bits, no interlace.
Png read_png(const std::string& path) {
  const std::string bytes = read_file(path);
  REQUIRE(bytes.substr(0, 8) == "\x89PNG\r\n\x1a\n");
  Png png;
  std::string packed;
  for (size_t at = 8; at < bytes.size();) {
    const uint32_t length = big_endian(bytes, at);
    const std::string kind = bytes.substr(at + 4, 4);
    const auto* body = reinterpret_cast<const Bytef*>(bytes.data() + at + 4);
    REQUIRE(crc32(0, body, length + 4) == big_endian(bytes, at + 8 + length));
    if (kind == "IHDR") {
      png.columns = big_endian(bytes, at + 8);
      png.rows = big_endian(bytes, at + 12);
      REQUIRE(bytes[at + 16] == 8);
      png.channels = bytes[at + 17] == 0 ? 1 : 3;
    }
    if (kind == "IDAT") packed += bytes.substr(at + 8, length);
    at += 12 + length;
  }
  const size_t stride = png.columns * static_cast<uint32_t>(png.channels);
  std::vector<uint8_t> lines(png.rows * (stride + 1));
  uLongf size = lines.size();
  REQUIRE(uncompress(lines.data(), &size, reinterpret_cast<const Bytef*>(packed.data()),
                     packed.size()) == Z_OK);
  REQUIRE(size == lines.size());
  const auto channels = static_cast<size_t>(png.channels);
  const auto value = [&](size_t row, size_t i) -> int { return png.values[row * stride + i]; };
  for (size_t row = 0; row < png.rows; ++row) {
    const int filter = lines[row * (stride + 1)];
    for (size_t i = 0; i < stride; ++i) {
      const int left = i >= channels ? value(row, i - channels) : 0;
      const int up = row > 0 ? value(row - 1, i) : 0;
      const int corner = i >= channels && row > 0 ? value(row - 1, i - channels) : 0;
      const int p = left + up - corner;
      const int to_left = std::abs(p - left), to_up = std::abs(p - up),
                to_corner = std::abs(p - corner);
      const int paeth = to_left <= to_up && to_left <= to_corner ? left
                        : to_up <= to_corner                     ? up
                                                                 : corner;
      const int predictions[] = {0, left, up, (left + up) / 2, paeth};
      REQUIRE(filter < 5);
      png.values.push_back(
          static_cast<uint8_t>(lines[row * (stride + 1) + 1 + i] + predictions[filter]));
    }
  }
  return png;
}

}  // namespace

TEST_CASE("an image as characters: dark is empty, bright is full") {
  const Tensor image = tensor(std::vector<uint8_t>{0, 255, 128, 0, 255, 128, 0, 0, 255}, {3, 3});
  CHECK(train::image_text(image) == " @+\n  @\n");
  const Tensor reals = tensor({0.0f, 2.0f, -1.0f, 1.0f}, {2, 2});
  CHECK(train::image_text(reals) == " @\n");
}

TEST_CASE("an image in colours: two pixels for a character") {
  const Tensor image = tensor(std::vector<uint8_t>{1, 2, 3, 4, 5, 6}, {2, 1, 3});
  CHECK(train::image_text(image, train::TextStyle::Colours) ==
        "\033[38;2;1;2;3;48;2;4;5;6m\u2580\033[0m\n");
}

TEST_CASE("PNG files hold the pixels") {
  TemporaryFolder folder;
  std::vector<uint8_t> grey(7 * 5), colours(4 * 6 * 3);
  std::iota(grey.begin(), grey.end(), 200);
  for (size_t i = 0; i < colours.size(); ++i)
    colours[i] = static_cast<uint8_t>(i * i);
  train::save_png(folder / "grey.png", tensor(grey, {7, 5}));
  const Png a = read_png(folder / "grey.png");
  CHECK((a.rows == 7 && a.columns == 5 && a.channels == 1));
  CHECK(a.values == grey);
  train::save_png(folder / "colours.png", tensor(colours, {4, 6, 3}));
  const Png b = read_png(folder / "colours.png");
  CHECK((b.rows == 4 && b.columns == 6 && b.channels == 3));
  CHECK(b.values == colours);
  train::save_png(folder / "reals.png", tensor({0.0f, 0.5f, 1.0f}, {1, 3, 1}));
  CHECK(read_png(folder / "reals.png").values == std::vector<uint8_t>{0, 128, 255});
}

TEST_CASE("what is no image is told") {
  CHECK(message_of([] {
          train::image_text(zeros({3}));
        }).starts_with("[image_text] no image; got f32[3], expected [rows,columns], "));
  CHECK(message_of([] { train::image_text(zeros({3, 3, 2})); }).starts_with("[image_text] no im"));
  CHECK(message_of([] { train::image_text(zeros({3, 0})); }).starts_with("[image_text] no image"));
  CHECK(message_of([] {
          train::save_png("x.png", zeros({3, 3}, DType::I32));
        }).starts_with("[save_png] pixels are u8, f32 or f64; got i32[3,3]"));
  CHECK_THROWS_AS(train::save_png("/nonexistent/x.png", zeros({3, 3})), DataError);
}
