// Whole files, read and replaced safely.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "runtime/byte_source.h"

namespace gradus {

/// Flushed survives a crash of the machine (a model file). Checked does not wait for the disk: for
/// files whose reader detects a torn one by checksum and can do without it.
enum class Durability : uint8_t { Flushed, Checked };

/// Replaces `path` by a file with `bytes`: a reader at any time, in any process, finds the old file
/// or the new one, never a part. Throws DataError if that is not possible; `path` is then
/// unchanged.
void write_file_atomically(const std::string& path, std::string_view bytes,
                           Durability durability = Durability::Flushed);

/// The same for a file whose content is in pieces.
void write_file_atomically(const std::string& path, std::span<const std::string_view> pieces,
                           Durability durability = Durability::Flushed);

/// A regular file opened for reading: what it holds stays readable while another takes its place
/// at `path`. Throws DataError if it is missing, no regular file, or cannot be read.
class InputFile {
 public:
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }
  /// In bytes, when it was opened.
  uint64_t size() const { return size_; }
  /// How many bytes there were at that place: fewer than asked for only at the end of the file.
  size_t read_at(uint64_t offset, void* to, size_t bytes) const;

 private:
  std::string path_;
  int fd_;
  uint64_t size_ = 0;
};

/// Bytes `offset`, …, `offset + bytes - 1` of a file that outlives it, or up to the file's end.
class FilePart final : public ByteSource {
 public:
  FilePart(const InputFile& file, uint64_t offset, uint64_t bytes)
      : file_(&file), offset_(offset), left_(bytes) {}
  size_t read(void* to, size_t bytes) override;

 private:
  const InputFile* file_;
  uint64_t offset_, left_;
};

/// The whole file. Throws DataError if it is missing or cannot be read.
std::string read_file(const std::string& path);

/// The folder and its parents, made where missing (a new one only for this user's eyes if
/// `is_private`). Throws DataError.
void make_folders(const std::string& path, bool is_private = false);

/// Where this user's caches are: $XDG_CACHE_HOME/gradus, else ~/.cache/gradus, else a folder of
/// this user in the system's temporary folder.
std::string user_cache_folder();

}  // namespace gradus
