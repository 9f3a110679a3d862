// Zip archives (PKWARE's APPNOTE 6.3, with its 64-bit extension) of stored or deflated entries.
//
// Nothing in a file is believed before it is checked: the directory against the file's size and the
// entries' own headers, entries against one another (two may not share bytes), sizes against what
// the packed bytes can hold, and the content against size and checksum while it is read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/byte_source.h"
#include "runtime/file.h"

namespace gradus {

struct ZipEntry {
  std::string name;
  uint64_t offset = 0;  // of the packed bytes, in the file
  uint64_t packed_bytes = 0;
  uint64_t bytes = 0;
  uint32_t crc = 0;
  bool is_deflated = false;
};

class ZipReader {
 public:
  /// Throws DataError if the file cannot be read, is no zip archive or a damaged one, has an entry
  /// twice, or one that is encrypted or packed by another method.
  explicit ZipReader(const std::string& path);

  /// In the order of the directory.
  const std::vector<ZipEntry>& entries() const { return entries_; }
  /// The content, which throws DataError as it is read if it is not what the entry says. Valid
  /// while the reader lives.
  std::unique_ptr<ByteSource> open(const ZipEntry& entry) const;

 private:
  InputFile file_;
  std::vector<ZipEntry> entries_;
};

/// Collects entries and writes the archive, atomically.
class ZipWriter {
 public:
  /// The pieces are the entry's content, one after another; they must live until write() unless
  /// `deflate`. Names must differ.
  void add(const std::string& name, const std::vector<std::string_view>& pieces, bool deflate);
  /// Throws DataError if that is not possible.
  void write(const std::string& path) const;

 private:
  std::string local_header(const ZipEntry& entry) const;

  std::vector<ZipEntry> entries_;  // offset: of the local header
  std::vector<std::vector<std::string_view>> contents_;
  std::vector<std::unique_ptr<std::string>> owned_;
  uint64_t end_ = 0;  // of the entries so far
};

}  // namespace gradus
