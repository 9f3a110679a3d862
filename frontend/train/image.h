// Looking at images: as text in a terminal, and as PNG files.
#pragma once

#include <string>

#include <gradus/tensor.h>

namespace gradus::train {

/// How an image is written as text.
enum class TextStyle : uint8_t {
  Characters,  // shades of grey as " .:-=+*#%@", one line of text for two rows of pixels
  Colours,     // 24-bit colours of a terminal, one character for two pixels
};

/// The image as lines of text. [rows,columns], [rows,columns,1] or [rows,columns,3]; u8, or floats
/// from 0 (black) to 1, clamped. Throws ShapeError or DTypeError for anything else.
std::string image_text(const Tensor& image, TextStyle style = TextStyle::Characters,
                       SourcePos where = SourcePos::here());

/// Prints the image under a title on stdout: in colours if that is a terminal.
void show_image(const std::string& title, const Tensor& image, SourcePos where = SourcePos::here());

/// Writes a PNG file, which appears whole or not at all. Images as for image_text(). Throws
/// DataError if it cannot be written.
void save_png(const std::string& path, const Tensor& image, SourcePos where = SourcePos::here());

}  // namespace gradus::train
