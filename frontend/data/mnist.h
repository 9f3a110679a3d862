// MNIST: 60,000 images of handwritten digits to learn from and 10,000 to be tested on.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include <gradus/tensor.h>

namespace gradus::data {

/// One image of a set; `pixels` lives as long as the set.
struct LabelledImage {
  std::span<const uint8_t> pixels;  // row-major, 0 (paper) to 255 (ink)
  uint8_t label = 0;
};

/// Images with their labels, in the order of the files.
struct LabelledImages {
  Tensor images;  // u8[N,rows,columns]
  Tensor labels;  // u8[N]

  int64_t size() const { return labels.size(); }
  LabelledImage operator[](int64_t i) const;
};

struct Mnist {
  LabelledImages train;  // 60,000 of 28×28
  LabelledImages test;   // 10,000 of 28×28
};

/// Where tools/get-mnist puts the files unless told otherwise: gradus/mnist in $XDG_CACHE_HOME,
/// else in ~/.cache.
std::string default_mnist_folder();

/// Reads the four files as tools/get-mnist leaves them in `folder`, or packed as the archives of
/// the web have them (NAME.gz). Fashion-MNIST has the same
/// form. Throws DataError naming the file that is missing, truncated, no IDX file or of other
/// extents.
Mnist load_mnist(const std::string& folder = default_mnist_folder(),
                 SourcePos where = SourcePos::here());

}  // namespace gradus::data
