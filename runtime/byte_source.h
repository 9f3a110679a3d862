// Bytes that are read one after another: a part of a file, memory, what comes out of a
// decompressor.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace gradus {

class ByteSource {
 public:
  /// How many bytes were read: fewer than asked for only at the end. Throws DataError if they
  /// cannot be read, or are found to be damaged.
  virtual size_t read(void* to, size_t bytes) = 0;
  virtual ~ByteSource() = default;
};

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::string_view bytes) : left_(bytes) {}
  size_t read(void* to, size_t bytes) override {
    const size_t n = std::min(bytes, left_.size());
    if (n > 0) std::memcpy(to, left_.data(), n);
    left_.remove_prefix(n);
    return n;
  }

 private:
  std::string_view left_;
};

}  // namespace gradus
