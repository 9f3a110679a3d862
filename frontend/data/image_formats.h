// Decoders of pictures. Internal to data.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/tensor_impl.h"

namespace gradus::data {

/// No picture has more: an array of this many bytes is made before the samples are known.
inline constexpr int64_t kMostSamples = int64_t{1} << 28;

struct Samples {
  int64_t height = 0, width = 0, channels = 0;
  std::vector<uint8_t> values;  // [height,width,channels]
};

/// A file in memory, and the words for its errors.
struct ImageFile {
  std::string_view bytes;
  const std::string& name;
  SourcePos where;

  [[noreturn]] void fail(const std::string& what) const;
  [[noreturn]] void fail_damaged() const;
  /// With room for the samples. Fails for sizes that cannot be.
  Samples make(int64_t height, int64_t width, int64_t channels) const;
};

Samples decode_png(const ImageFile& file);
Samples decode_jpeg(const ImageFile& file);
/// Binary grey and colour pictures of the portable formats, P5 and P6.
Samples decode_pnm(const ImageFile& file);

}  // namespace gradus::data
