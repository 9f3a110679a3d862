// Makes picture files for tests.
#pragma once

#include <cstdint>
#include <string>

#include <gradus/tensor.h>

namespace gradus::test {

/// u8[height,width,channels] with values that differ from place to place.
Tensor picture(int64_t height, int64_t width, int64_t channels, int seed = 0);
std::string png_of(const Tensor& picture);
std::string jpeg_of(const Tensor& picture);
/// PGM or PPM.
std::string pnm_of(const Tensor& picture);

}  // namespace gradus::test
