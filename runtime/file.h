// Whole files, read and replaced safely.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gradus {

/// Flushed survives a crash of the machine (a model file). Checked does not wait for the disk: for
/// files whose reader detects a torn one by checksum and can do without it.
enum class Durability : uint8_t { Flushed, Checked };

/// Replaces `path` by a file with `bytes`: a reader at any time, in any process, finds the old file
/// or the new one, never a part. Throws DataError if that is not possible; `path` is then
/// unchanged.
void write_file_atomically(const std::string& path, std::string_view bytes,
                           Durability durability = Durability::Flushed);

/// The whole file. Throws DataError if it is missing or cannot be read.
std::string read_file(const std::string& path);

/// The folder and its parents, made where missing (a new one only for this user's eyes if
/// `is_private`). Throws DataError.
void make_folders(const std::string& path, bool is_private = false);

/// Where this user's caches are: $XDG_CACHE_HOME/gradus, else ~/.cache/gradus, else a folder of
/// this user in the system's temporary folder.
std::string user_cache_folder();

}  // namespace gradus
