#include "tests/data/pictures.h"

#include <vector>

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image_write.h>

namespace gradus::test {
namespace {

void append(void* to, void* bytes, int count) {
  static_cast<std::string*>(to)->append(static_cast<const char*>(bytes),
                                        static_cast<size_t>(count));
}

struct Sizes {
  int height, width, channels;
  explicit Sizes(const Tensor& picture)
      : height(static_cast<int>(picture.shape()[0])),
        width(static_cast<int>(picture.shape()[1])),
        channels(static_cast<int>(picture.shape()[2])) {}
};

}  // namespace

Tensor picture(int64_t height, int64_t width, int64_t channels, int seed) {
  std::vector<uint8_t> samples;
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      for (int64_t c = 0; c < channels; ++c)
        samples.push_back(static_cast<uint8_t>(7 * y + 3 * x + 50 * c + 11 * seed));
    }
  }
  return tensor(samples, {height, width, channels});
}

std::string png_of(const Tensor& picture) {
  const Sizes sizes(picture);
  std::string bytes;
  stbi_write_png_to_func(append, &bytes, sizes.width, sizes.height, sizes.channels,
                         picture.data<uint8_t>().data(), sizes.width * sizes.channels);
  return bytes;
}

std::string jpeg_of(const Tensor& picture) {
  const Sizes sizes(picture);
  std::string bytes;
  stbi_write_jpg_to_func(append, &bytes, sizes.width, sizes.height, sizes.channels,
                         picture.data<uint8_t>().data(), 95);
  return bytes;
}

std::string pnm_of(const Tensor& picture) {
  const Sizes sizes(picture);
  std::string bytes = std::string("P") + (sizes.channels == 1 ? "5" : "6") + "\n" +
                      std::to_string(sizes.width) + " " + std::to_string(sizes.height) + "\n255\n";
  const auto samples = picture.data<uint8_t>();
  return bytes.append(samples.begin(), samples.end());
}

}  // namespace gradus::test
