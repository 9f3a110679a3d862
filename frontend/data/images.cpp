#include "frontend/data/images.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "frontend/data/image_formats.h"
#include "frontend/data/loader.h"
#include "frontend/data/rows.h"
#include "frontend/tensor_impl.h"
#include "runtime/buffer.h"
#include "runtime/file.h"

namespace gradus::data {
namespace {

constexpr const char* kOp = "image";

[[noreturn]] void fail(const std::string& name, const std::string& what, SourcePos where,
                       const std::string& remedy = "replace the file, or take it away") {
  throw DataError({kOp, fmt::format("'{}' {}", name, what), where, remedy});
}

bool is_picture(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  std::string suffix = path.extension().string();
  for (char& c : suffix)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  constexpr std::string_view kSuffixes[] = {".png", ".jpg", ".jpeg", ".ppm", ".pgm", ".pnm"};
  return !name.starts_with('.') &&
         std::find(std::begin(kSuffixes), std::end(kSuffixes), suffix) != std::end(kSuffixes);
}

// Names in a folder, sorted: of its sub-folders, or of the pictures in it.
std::vector<std::string> names_in(const std::string& path, bool folders, SourcePos where) {
  std::vector<std::string> names;
  try {
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      const std::string name = entry.path().filename().string();
      const bool counts = folders ? entry.is_directory() && !name.starts_with('.')
                                  : is_picture(entry.path()) && entry.is_regular_file();
      if (counts) names.push_back(name);
    }
  } catch (const std::filesystem::filesystem_error& e) {
    throw DataError({kOp, fmt::format("cannot read '{}': {}", path, e.code().message()), where,
                     "check the path and its permissions"});
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The weights of the input's samples in each sample of the output, along one axis.
struct Weights {
  struct Span {
    int64_t first;
    std::vector<float> weights;  // sum 1
  };
  std::vector<Span> spans;

  Weights(int64_t from, int64_t to) {
    const double scale = static_cast<double>(from) / static_cast<double>(to);
    const double reach = std::max(scale, 1.0);
    for (int64_t i = 0; i < to; ++i) {
      const double centre = (static_cast<double>(i) + 0.5) * scale - 0.5;
      const auto first = std::max<int64_t>(0, static_cast<int64_t>(std::floor(centre - reach)) + 1);
      const auto last =
          std::min<int64_t>(from - 1, static_cast<int64_t>(std::ceil(centre + reach)) - 1);
      Span span{first, {}};
      double sum = 0;
      for (int64_t k = first; k <= last; ++k) {
        const double weight = 1 - std::abs(static_cast<double>(k) - centre) / reach;
        span.weights.push_back(static_cast<float>(std::max(weight, 0.0)));
        sum += span.weights.back();
      }
      for (float& weight : span.weights)
        weight = static_cast<float>(weight / sum);
      spans.push_back(std::move(span));
    }
  }
};

}  // namespace

Tensor read_image(const std::string& path, int channels, SourcePos where) {
  std::string bytes;
  try {
    bytes = read_file(path);
  } catch (const DataError& e) {
    throw DataError({kOp, e.message().what, where, e.message().remedy});
  }
  return decode_image(bytes, channels, path, where);
}

Tensor resize_image(const Tensor& image, int64_t height, int64_t width, SourcePos where) {
  const Shape& shape = image.shape(where);
  if (shape.rank() != 3 || shape[0] < 1 || shape[1] < 1 || height < 1 || width < 1 ||
      height > kMostSamples / width / std::max<int64_t>(1, shape[2])) {
    throw ShapeError({kOp,
                      fmt::format("no picture that can be resized; got {} for {} by {}",
                                  to_string(image.type(where)), height, width),
                      where, "give u8[height,width,channels] and sizes of at least 1"});
  }
  const std::span<const uint8_t> from = image.data<uint8_t>(where);
  const int64_t channels = shape[2], row = shape[1] * channels;
  // Columns first, then rows of what came out.
  const Weights across(shape[1], width), down(shape[0], height);
  std::vector<float> narrowed(static_cast<size_t>(shape[0] * width * channels));
  float* to = narrowed.data();
  for (int64_t y = 0; y < shape[0]; ++y) {
    for (const Weights::Span& span : across.spans) {
      const uint8_t* first = from.data() + y * row + span.first * channels;
      for (int64_t c = 0; c < channels; ++c) {
        float sum = 0;
        for (size_t k = 0; k < span.weights.size(); ++k)
          sum += span.weights[k] * first[static_cast<int64_t>(k) * channels + c];
        *to++ = sum;
      }
    }
  }
  const int64_t stride = width * channels;
  std::vector<uint8_t> result(static_cast<size_t>(height * stride));
  uint8_t* out = result.data();
  for (const Weights::Span& span : down.spans) {
    const float* first = narrowed.data() + span.first * stride;
    for (int64_t x = 0; x < stride; ++x) {
      float sum = 0;
      for (size_t k = 0; k < span.weights.size(); ++k)
        sum += span.weights[k] * first[static_cast<int64_t>(k) * stride + x];
      *out++ = static_cast<uint8_t>(std::clamp(sum + 0.5f, 0.f, 255.f));
    }
  }
  return tensor(result, {height, width, channels}, where);
}

ImageFolder::ImageFolder(const std::string& path, const ImageOptions& options, SourcePos where)
    : options_(options), where_(where) {
  if (options.height < 0 || options.width < 0 || (options.height == 0) != (options.width == 0)) {
    throw ValueError(
        {kOp, fmt::format("no size of pictures; got {} by {}", options.height, options.width),
         where, "give height and width, or neither"});
  }
  classes_ = names_in(path, true, where);
  if (classes_.empty()) {
    fail(path, "has no sub-folders, one for each class", where, "put the pictures into some");
  }
  for (size_t i = 0; i < classes_.size(); ++i) {
    const std::string folder = path + "/" + classes_[i];
    const std::vector<std::string> names = names_in(folder, false, where);
    if (names.empty()) fail(folder, "has no pictures", where, "put some into it, or take it away");
    for (const std::string& name : names)
      files_.push_back({folder + "/" + name, static_cast<int32_t>(i)});
  }
  // What the first picture tells about all of them.
  const Tensor first = read_image(files_[0].path, options.channels, where);
  options_.channels = static_cast<int>(first.shape()[2]);
  const bool resizes = options.height > 0;
  shape_ = resizes ? Shape{options.height, options.width, first.shape()[2]} : first.shape();
}

const ImageFolder::File& ImageFolder::file(int64_t i) const {
  if (i < 0 || i >= size()) {
    throw ValueError(
        {kOp, fmt::format("a picture that is not there; got {}, expected 0 to {}", i, size() - 1),
         where_, "give the number of a picture"});
  }
  return files_[static_cast<size_t>(i)];
}

LabelledPicture ImageFolder::operator[](int64_t i) const {
  const File& file = this->file(i);
  Tensor image = read_image(file.path, options_.channels, where_);
  if (image.shape() != shape_) {
    if (options_.height == 0) {
      fail(file.path,
           fmt::format("has another size than the first; got {} by {}, expected {} by {}",
                       image.shape()[0], image.shape()[1], shape_[0], shape_[1]),
           where_, "set height and width in the options, and all are resized");
    }
    image = resize_image(image, shape_[0], shape_[1], where_);
  }
  return {std::move(image), Tensor(file.label, where_)};
}

Batches<LabelledPicture> batches(const ImageFolder& folder, Batching batching) {
  return Loader(folder, std::move(batching), std::identity(), stack);
}

}  // namespace gradus::data
