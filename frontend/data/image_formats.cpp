#include "frontend/data/image_formats.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <system_error>

#include <fmt/format.h>
#include <png.h>
#include <turbojpeg.h>

#include "frontend/data/images.h"
#include "runtime/error.h"

namespace gradus::data {
namespace {

constexpr const char* kOp = "image";

const uint8_t* data_of(std::string_view bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

// Grey from colours by the weights of ITU-R BT.601, colours from grey by repetition, an alpha of
// 255 where there is none.
Samples with_channels(Samples from, int64_t channels) {
  const auto own = static_cast<size_t>(from.channels);
  if (channels == 0 || channels == from.channels) return from;
  const bool has_colours = own >= 3, had_alpha = own % 2 == 0, has_alpha = channels % 2 == 0;
  Samples to{from.height, from.width, channels, {}};
  to.values.reserve(static_cast<size_t>(from.height * from.width * channels));
  for (size_t i = 0; i < from.values.size(); i += own) {
    const int red = from.values[i], green = has_colours ? from.values[i + 1] : red,
              blue = has_colours ? from.values[i + 2] : red;
    if (channels <= 2) {
      to.values.push_back(static_cast<uint8_t>((red * 77 + green * 150 + blue * 29) >> 8));
    } else {
      for (const int x : {red, green, blue})
        to.values.push_back(static_cast<uint8_t>(x));
    }
    if (has_alpha) to.values.push_back(had_alpha ? from.values[i + own - 1] : 255);
  }
  return to;
}

Samples decode(const ImageFile& file) {
  if (file.bytes.starts_with("\x89PNG")) return decode_png(file);
  if (file.bytes.starts_with("\xff\xd8")) return decode_jpeg(file);
  if (file.bytes.starts_with("P5") || file.bytes.starts_with("P6")) return decode_pnm(file);
  file.fail("is no picture; expected PNG, JPEG or PNM (P5, P6)");
}

// "P5" or "P6", width, height, the largest sample, one blank, and the samples. Comments reach from
// '#' to the end of the line.
class PnmReader {
 public:
  explicit PnmReader(const ImageFile& file) : file_(file), left_(file.bytes.substr(2)) {}

  Samples read() {
    const int64_t width = number(), height = number(), most = number();
    if (most < 1 || most > 255) file_.fail("has samples of more than one byte");
    if (left_.empty() || !is_blank(left_[0])) file_.fail_damaged();
    left_.remove_prefix(1);
    Samples samples = file_.make(height, width, file_.bytes[1] == '5' ? 1 : 3);
    if (left_.size() < samples.values.size()) file_.fail_damaged();
    for (size_t i = 0; i < samples.values.size(); ++i) {
      const int64_t x = static_cast<uint8_t>(left_[i]);
      samples.values[i] = static_cast<uint8_t>(std::min<int64_t>(255, (x * 255 + most / 2) / most));
    }
    return samples;
  }

 private:
  static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
  int64_t number() {
    while (!left_.empty() && (is_blank(left_[0]) || left_[0] == '#')) {
      const size_t end = left_[0] == '#' ? left_.find('\n') : 0;
      left_.remove_prefix(end == std::string_view::npos ? left_.size() : end + 1);
    }
    int64_t value = -1;
    const auto [end, error] = std::from_chars(left_.data(), left_.data() + left_.size(), value);
    if (error != std::errc() || value < 0) file_.fail_damaged();
    left_.remove_prefix(static_cast<size_t>(end - left_.data()));
    return value;
  }

  const ImageFile& file_;
  std::string_view left_;
};

}  // namespace

void ImageFile::fail(const std::string& what) const {
  throw DataError(
      {kOp, fmt::format("'{}' {}", name, what), where, "replace the file, or take it away"});
}

void ImageFile::fail_damaged() const {
  fail("is damaged, or of a kind that is not known");
}

Samples ImageFile::make(int64_t height, int64_t width, int64_t channels) const {
  if (width < 1 || height < 1 || width > kMostSamples / 4 / height) {
    fail(fmt::format("has a size that cannot be; got {} by {}", height, width));
  }
  return {height, width, channels,
          std::vector<uint8_t>(static_cast<size_t>(height * width * channels))};
}

Samples decode_png(const ImageFile& file) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, decltype(&png_image_free)> guard(&image, png_image_free);
  if (!png_image_begin_read_from_memory(&image, file.bytes.data(), file.bytes.size())) {
    file.fail_damaged();
  }
  image.format &= PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_ALPHA;  // 8 bits, no palette
  Samples samples = file.make(image.height, image.width, PNG_IMAGE_SAMPLE_CHANNELS(image.format));
  if (!png_image_finish_read(&image, nullptr, samples.values.data(), 0, nullptr)) {
    file.fail_damaged();
  }
  return samples;
}

Samples decode_jpeg(const ImageFile& file) {
  const std::unique_ptr<void, decltype(&tjDestroy)> decoder(tjInitDecompress(), tjDestroy);
  if (!decoder) throw MemoryError({kOp, "no memory for a JPEG decoder", file.where, ""});
  int width = 0, height = 0, subsampling = 0, colours = 0;
  const auto bytes = static_cast<unsigned long>(file.bytes.size());
  if (tjDecompressHeader3(decoder.get(), data_of(file.bytes), bytes, &width, &height, &subsampling,
                          &colours) != 0) {
    file.fail_damaged();
  }
  const bool is_grey = colours == TJCS_GRAY;
  Samples samples = file.make(height, width, is_grey ? 1 : 3);
  // A few bytes can ask for thousands of passes over the picture.
  constexpr int kFlags = TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS | TJFLAG_STOPONWARNING;
  if (tjDecompress2(decoder.get(), data_of(file.bytes), bytes, samples.values.data(), width, 0,
                    height, is_grey ? TJPF_GRAY : TJPF_RGB, kFlags) != 0) {
    file.fail_damaged();
  }
  return samples;
}

Samples decode_pnm(const ImageFile& file) {
  return PnmReader(file).read();
}

Tensor decode_image(std::string_view bytes, int channels, const std::string& name,
                    SourcePos where) {
  if (channels < 0 || channels > 4) {
    throw ValueError({kOp, fmt::format("no number of channels; got {}, expected 0 to 4", channels),
                      where, "ask for 1, 3 or 4, or 0 for those of the file"});
  }
  const Samples samples = with_channels(decode({bytes, name, where}), channels);
  return tensor(samples.values, {samples.height, samples.width, samples.channels}, where);
}

}  // namespace gradus::data
