#include "frontend/train/image.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "runtime/file.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

namespace gradus::train {
namespace {

struct Pixels {
  int rows = 0, columns = 0, channels = 1;
  std::vector<uint8_t> values;

  /// Black below the last row.
  uint8_t at(int row, int column, int channel) const {
    if (row >= rows) return 0;
    const int c = std::min(channel, channels - 1);
    return values[static_cast<size_t>((row * columns + column) * channels + c)];
  }
  int grey(int row, int column) const {
    return (299 * at(row, column, 0) + 587 * at(row, column, 1) + 114 * at(row, column, 2)) / 1000;
  }
};

template <class T>
uint8_t byte_of(T x) {
  if constexpr (std::same_as<T, uint8_t>) {
    return x;
  } else {
    return static_cast<uint8_t>(std::lround(std::clamp<double>(x, 0, 1) * 255));  // NaN: black
  }
}

Pixels pixels_of(const char* op, const Tensor& image, SourcePos where) {
  const Shape& shape = image.shape(where);
  const bool is_plane = shape.rank() == 2;
  const bool is_stack = shape.rank() == 3 && (shape[2] == 1 || shape[2] == 3);
  if ((!is_plane && !is_stack) || shape.elements() == 0) {
    throw ShapeError({.op = op,
                      .what = fmt::format("no image; got {}, expected [rows,columns], "
                                          "[rows,columns,1] or [rows,columns,3]",
                                          to_string(image.type())),
                      .where = where,
                      .remedy = "reshape it"});
  }
  Pixels pixels{static_cast<int>(shape[0]),
                static_cast<int>(shape[1]),
                is_plane ? 1 : static_cast<int>(shape[2]),
                {}};
  const auto fill = [&]<class T>(std::span<const T> elements) {
    pixels.values.resize(elements.size());
    std::ranges::transform(elements, pixels.values.begin(), byte_of<T>);
  };
  switch (image.dtype()) {
    case DType::U8:
      fill(image.data<uint8_t>(where));
      break;
    case DType::F32:
      fill(image.data<float>(where));
      break;
    case DType::F64:
      fill(image.data<double>(where));
      break;
    default:
      throw DTypeError(
          {.op = op,
           .what = fmt::format("pixels are u8, f32 or f64; got {}", to_string(image.type())),
           .where = where,
           .remedy = "convert it with astype"});
  }
  return pixels;
}

std::string in_characters(const Pixels& pixels) {
  constexpr std::string_view kShades = " .:-=+*#%@";
  std::string text;
  for (int row = 0; row < pixels.rows; row += 2) {
    for (int column = 0; column < pixels.columns; ++column) {
      const int below = row + 1 < pixels.rows ? row + 1 : row;
      const int grey = (pixels.grey(row, column) + pixels.grey(below, column)) / 2;
      text += kShades[static_cast<size_t>(grey) * kShades.size() / 256];
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

std::string in_colours(const Pixels& pixels) {
  const auto colour = [&](int row, int column) {
    return fmt::format("2;{};{};{}", pixels.at(row, column, 0), pixels.at(row, column, 1),
                       pixels.at(row, column, 2));
  };
  std::string text;
  for (int row = 0; row < pixels.rows; row += 2) {
    for (int column = 0; column < pixels.columns; ++column) {
      text += fmt::format("\033[38;{};48;{}m\u2580", colour(row, column), colour(row + 1, column));
    }
    text += "\033[0m\n";
  }
  return text;
}

}  // namespace

std::string image_text(const Tensor& image, TextStyle style, SourcePos where) {
  const Pixels pixels = pixels_of("image_text", image, where);
  return style == TextStyle::Colours ? in_colours(pixels) : in_characters(pixels);
}

void show_image(const std::string& title, const Tensor& image, SourcePos where) {
  const auto style = isatty(STDOUT_FILENO) ? TextStyle::Colours : TextStyle::Characters;
  const std::string text = image_text(image, style, where);
  std::printf("%s\n%s", title.c_str(), text.c_str());
}

void save_png(const std::string& path, const Tensor& image, SourcePos where) {
  const Pixels pixels = pixels_of("save_png", image, where);
  std::string bytes;
  const auto append = [](void* to, void* data, int size) {
    static_cast<std::string*>(to)->append(static_cast<const char*>(data),
                                          static_cast<size_t>(size));
  };
  const int written =
      stbi_write_png_to_func(append, &bytes, pixels.columns, pixels.rows, pixels.channels,
                             pixels.values.data(), pixels.columns * pixels.channels);
  GRADUS_CHECK(written != 0);
  write_file_atomically(path, bytes);
}

}  // namespace gradus::train
