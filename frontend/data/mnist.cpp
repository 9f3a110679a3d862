#include "frontend/data/mnist.h"

#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "frontend/data/idx.h"
#include "runtime/error.h"
#include "runtime/file.h"

namespace gradus::data {
namespace {

constexpr int64_t kSide = 28;

LabelledImages load_part(const std::string& folder, const std::string& part, SourcePos where) {
  std::string command = "tools/get-mnist";
  if (folder != default_mnist_folder()) command += " " + folder;
  const std::string remedy = "fetch the data with " + command;
  const auto path_of = [&](const char* what) {
    const std::string path = fmt::format("{}/{}-{}", folder, part, what);
    std::error_code ignored;
    const bool is_packed =
        !std::filesystem::exists(path, ignored) && std::filesystem::exists(path + ".gz", ignored);
    return is_packed ? path + ".gz" : path;
  };
  const std::string images_path = path_of("images-idx3-ubyte");
  const std::string labels_path = path_of("labels-idx1-ubyte");
  Tensor images = read_idx(images_path, DType::U8, {-1, kSide, kSide}, remedy, where);
  // As many labels as images.
  int64_t count = images.shape()[0];
  Tensor labels = read_idx(labels_path, DType::U8, {count}, remedy, where);
  return {std::move(images), std::move(labels)};
}

}  // namespace

LabelledImage LabelledImages::operator[](int64_t i) const {
  std::span<const uint8_t> all_pixels = images.data<uint8_t>();
  std::span<const uint8_t> all_labels = labels.data<uint8_t>();
  if (i < 0 || i >= size()) {
    throw ValueError(
        {.op = "data",
         .what = fmt::format("index out of range; got {}, expected 0 to {}", i, size() - 1)});
  }
  size_t pixels = all_pixels.size() / all_labels.size();
  auto at = static_cast<size_t>(i);
  return {all_pixels.subspan(at * pixels, pixels), all_labels[at]};
}

std::string default_mnist_folder() {
  return user_cache_folder() + "/mnist";
}

Mnist load_mnist(const std::string& folder, SourcePos where) {
  return {load_part(folder, "train", where), load_part(folder, "t10k", where)};
}

}  // namespace gradus::data
