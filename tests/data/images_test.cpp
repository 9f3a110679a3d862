// Pictures and folders of them.
#include "frontend/data/images.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include "runtime/file.h"
#include "tests/data/pictures.h"
#include "tests/runtime/temporary_folder.h"
#include "tests/support/messages.h"

using namespace gradus;
using namespace gradus::test;

namespace {

/// Two classes; files are made in no order.
struct Flowers : TemporaryFolder {
  Flowers() {
    put("tulip/2.png", png_of(picture(4, 6, 3, 5)));
    put("rose/b.PNG", png_of(picture(4, 6, 3, 2)));
    put("rose/a.ppm", pnm_of(picture(4, 6, 3, 1)));
    put("rose/c.png", png_of(picture(4, 6, 3, 3)));
    put("tulip/10.png", png_of(picture(4, 6, 3, 4)));
    put("rose/notes.txt", "no picture");
    put("rose/.hidden.png", "hidden");
    put(".cache/x.png", "hidden");
    put("top.png", "of no class");
  }
  void put(const std::string& name, const std::string& bytes) {
    make_folders((*this / name).substr(0, (*this / name).rfind('/')));
    write_file_atomically(*this / name, bytes, Durability::Checked);
  }
};

}  // namespace

TEST_CASE("pictures are decoded as they were encoded") {
  for (int64_t channels : {1, 2, 3, 4}) {
    const Tensor x = picture(5, 7, channels);
    const Tensor y = data::decode_image(png_of(x));
    CHECK(y.shape() == Shape{5, 7, channels});
    CHECK(y.to_vector<uint8_t>() == x.to_vector<uint8_t>());
  }
  for (int64_t channels : {1, 3}) {
    const Tensor x = picture(5, 7, channels);
    CHECK(data::decode_image(pnm_of(x)).to_vector<uint8_t>() == x.to_vector<uint8_t>());
  }
  const Tensor x = picture(16, 24, 3);
  const Tensor y = data::decode_image(jpeg_of(x));
  REQUIRE(y.shape() == x.shape());
  double error = 0;
  for (int64_t i = 0; i < x.size(); ++i) {
    error += std::abs(x.data<uint8_t>()[static_cast<size_t>(i)] -
                      y.data<uint8_t>()[static_cast<size_t>(i)]);
  }
  CHECK(error / static_cast<double>(x.size()) < 4);
}

TEST_CASE("channels are converted") {
  const Tensor grey = picture(2, 3, 1);
  const Tensor rgb = data::decode_image(png_of(grey), 3);
  REQUIRE(rgb.shape() == Shape{2, 3, 3});
  for (size_t i = 0; i < 18; ++i)
    CHECK(rgb.data<uint8_t>()[i] == grey.data<uint8_t>()[i / 3]);
  CHECK(data::decode_image(png_of(picture(2, 3, 3)), 1).shape() == Shape{2, 3, 1});
  // All formats are converted alike.
  for (int64_t own : {1, 3}) {
    for (int channels : {1, 2, 3, 4}) {
      const Tensor x = picture(4, 5, own);
      const Tensor a = data::decode_image(png_of(x), channels);
      const Tensor b = data::decode_image(pnm_of(x), channels);
      CHECK(a.shape() == b.shape());
      CHECK(a.to_vector<uint8_t>() == b.to_vector<uint8_t>());
    }
  }
  CHECK_THROWS_AS(data::decode_image(png_of(grey), 5), ValueError);
  CHECK_THROWS_AS(data::decode_image(png_of(grey), -1), ValueError);
}

TEST_CASE("portable pictures") {
  CHECK(data::decode_image("P5 # grey\n2 1 # wide\n#\n15\n\x0f\x01").to_vector<uint8_t>() ==
        std::vector<uint8_t>{255, 17});
  CHECK(what_of<DataError>([] { data::decode_image("P5\n2 1\n65535\nabcd"); }) ==
        "'image' has samples of more than one byte");
  for (const std::string text : {"P5", "P6\n2", "P5\n2 2\n255\nabc", "P5\n2 2\n255",
                                 "P5\n99999999999999999999 1\n255\n", "P5\n-2 1\n255\nab"}) {
    CHECK(what_of<DataError>([&] { data::decode_image(text); }) ==
          "'image' is damaged, or of a kind that is not known");
  }
}

TEST_CASE("files that are no pictures") {
  CHECK(what_of<DataError>([] { data::decode_image("hello", 0, "x.png"); }) ==
        "'x.png' is no picture; expected PNG, JPEG or PNM (P5, P6)");
  CHECK(what_of<DataError>([] { data::decode_image(""); }) ==
        "'image' is no picture; expected PNG, JPEG or PNM (P5, P6)");
  const std::string png = png_of(picture(5, 7, 3));
  CHECK(what_of<DataError>([&] { data::decode_image(png.substr(0, 50)); }) ==
        "'image' is damaged, or of a kind that is not known");
  CHECK(what_of<DataError>([] { data::decode_image("P5\n100000 100000\n255\nx"); }) ==
        "'image' has a size that cannot be; got 100000 by 100000");
  CHECK(what_of<DataError>([] { data::read_image("/no/such.png"); }) ==
        "cannot read '/no/such.png': No such file or directory");
}

TEST_CASE("resizing") {
  const Tensor x = picture(6, 9, 3);
  CHECK(data::resize_image(x, 6, 9).to_vector<uint8_t>() == x.to_vector<uint8_t>());
  const Tensor even = full({5, 8, 2}, 77, DType::U8);
  for (const auto& [height, width] : {std::pair{3, 3}, {20, 1}, {1, 30}, {50, 50}}) {
    const Tensor y = data::resize_image(even, height, width);
    CHECK(y.shape() == Shape{height, width, 2});
    for (uint8_t sample : y.to_vector<uint8_t>())
      CHECK(sample == 77);
  }
  // Four to two: the weights 1, 3, 3, 1 of the triangle, less the one outside.
  const Tensor row = tensor(std::vector<uint8_t>{0, 70, 140, 210}, {1, 4, 1});
  CHECK(data::resize_image(row, 1, 2).to_vector<uint8_t>() == std::vector<uint8_t>{50, 160});
  // Two to four: 0, 1/4, 3/4, 1 of the way.
  const Tensor pair = tensor(std::vector<uint8_t>{0, 100}, {2, 1, 1});
  CHECK(data::resize_image(pair, 4, 1).to_vector<uint8_t>() ==
        std::vector<uint8_t>{0, 25, 75, 100});
  CHECK_THROWS_AS(data::resize_image(x, 0, 3), ShapeError);
  CHECK_THROWS_AS(data::resize_image(x, int64_t{1} << 40, int64_t{1} << 40), ShapeError);
  CHECK_THROWS_AS(data::resize_image(zeros({3, 3}, DType::U8), 3, 3), ShapeError);
  CHECK_THROWS_AS(data::resize_image(zeros({3, 3, 1}), 3, 3), DTypeError);
}

TEST_CASE("a folder's pictures are sorted, with the class of their sub-folder") {
  const Flowers flowers;
  const data::ImageFolder folder(flowers.path());
  CHECK(folder.classes() == std::vector<std::string>{"rose", "tulip"});
  REQUIRE(folder.size() == 5);
  std::vector<std::string> names;
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < 5; ++i) {
    names.push_back(folder.path(i).substr(flowers.path().size()));
    labels.push_back(folder[i].label.item<int32_t>());
    const int seed = static_cast<int>(i) + 1;
    CHECK(folder[i].image.to_vector<uint8_t>() == picture(4, 6, 3, seed).to_vector<uint8_t>());
  }
  CHECK(names == std::vector<std::string>{"/rose/a.ppm", "/rose/b.PNG", "/rose/c.png",
                                          "/tulip/10.png", "/tulip/2.png"});
  CHECK(labels == std::vector<int32_t>{0, 0, 0, 1, 1});
  CHECK_THROWS_AS(folder[5], ValueError);
  CHECK_THROWS_AS(folder.label(-1), ValueError);
  CHECK_THROWS_AS(folder.path(5), ValueError);
}

TEST_CASE("batches of pictures, shuffled and prefetched") {
  const Flowers flowers;
  const data::ImageFolder folder(flowers.path(), {.channels = 1, .height = 8, .width = 8});
  const auto batches =
      data::batches(folder, {.size = 2, .order = data::Order::numpy(0)}).prefetch(2);
  std::vector<int32_t> labels;
  std::vector<int64_t> counts;
  for (auto& batch : batches) {
    counts.push_back(batch.image.shape()[0]);
    CHECK(batch.image.shape() == Shape{counts.back(), 8, 8, 1});
    for (int32_t label : batch.label.to_vector<int32_t>())
      labels.push_back(label);
  }
  CHECK(counts == std::vector<int64_t>{2, 2, 1});
  std::vector<int32_t> expected;
  const data::Order::Indices order = data::Order::numpy(0).of_epoch(0, 5);
  for (int64_t i : *order)
    expected.push_back(folder.label(i));
  CHECK(labels == expected);
}

TEST_CASE("pictures of several sizes are an error, or resized") {
  Flowers flowers;
  flowers.put("tulip/3.jpg", jpeg_of(picture(10, 9, 3)));
  const data::ImageFolder folder(flowers.path());
  CHECK(what_of<DataError>([&] { folder[5]; }) ==
        "'" + (flowers / "tulip/3.jpg") +
            "' has another size than the first; got 10 by 9, expected 4 by 6");
  // The error comes out of the loop, at its batch.
  const auto batches = data::batches(folder, {.size = 5}).prefetch(1);
  int seen = 0;
  CHECK(what_of<DataError>([&] {
          for (auto& batch : batches)
            seen += batch.label.size() == 5;
        }) != "no error");
  CHECK(seen == 1);
  const data::ImageFolder resized(flowers.path(), {.height = 5, .width = 5});
  CHECK(resized[5].image.shape() == Shape{5, 5, 3});
}

TEST_CASE("folders that are none") {
  const TemporaryFolder folder;
  CHECK(what_of<DataError>([&] { data::ImageFolder(folder / "none"); }) ==
        "cannot read '" + (folder / "none") + "': No such file or directory");
  CHECK(what_of<DataError>([&] { data::ImageFolder f(folder.path()); }) ==
        "'" + folder.path() + "' has no sub-folders, one for each class");
  make_folders(folder / "a");
  CHECK(what_of<DataError>([&] { data::ImageFolder f(folder.path()); }) ==
        "'" + (folder / "a") + "' has no pictures");
  write_file_atomically(folder / "a/x.png", "no picture");
  CHECK(what_of<DataError>([&] { data::ImageFolder f(folder.path()); }) ==
        "'" + (folder / "a/x.png") + "' is no picture; expected PNG, JPEG or PNM (P5, P6)");
  CHECK_THROWS_AS(data::ImageFolder(folder.path(), {.height = 3}), ValueError);
}
