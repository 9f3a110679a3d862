// DEFLATE (RFC 1951), bare as in zip files or wrapped as in gzip files (RFC 1952).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/byte_source.h"

namespace gradus {

/// What `from`, which must outlive it, unpacks to. Throws DataError for data that is damaged (gzip
/// has a checksum) or cut off, and for gzip data with something else behind it.
class Inflater final : public ByteSource {
 public:
  enum class Wrapping : uint8_t { None, Gzip };

  Inflater(ByteSource& from, Wrapping wrapping);
  ~Inflater() override;
  size_t read(void* to, size_t bytes) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Bare DEFLATE never unpacks to more than this many times its size (and some bytes).
inline constexpr uint64_t kMostInflation = 1032;

/// Packs pieces, one after another, at zlib's usual level.
class Deflater {
 public:
  explicit Deflater(Inflater::Wrapping wrapping = Inflater::Wrapping::None);
  ~Deflater();
  void add(std::string_view piece);
  /// All of it; ends the object.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The CRC-32 of zip and gzip, of bytes behind those whose CRC is `before`.
uint32_t crc32_of(std::string_view bytes, uint32_t before = 0);

}  // namespace gradus
