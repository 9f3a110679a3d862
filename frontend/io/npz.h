// NumPy's .npz files: several arrays by name, as numpy.load and numpy.savez(_compressed) read and
// write them.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <gradus/tensor.h>

namespace gradus::io {

enum class Packing : uint8_t { Stored, Deflated };

/// Unpacked arrays may take this many bytes unless told otherwise: a small file can be made to
/// unpack to a thousand times its size.
inline constexpr uint64_t kMostUnpacked = uint64_t{16} << 30;

/// All arrays, by name, stored or deflated. Throws DataError, naming the file and the array, if the
/// file is missing, no zip archive, damaged in any way (checksums are checked), encrypted, holds
/// anything but arrays, an element type that Gradus does not have, or more than `most` bytes.
std::map<std::string, Tensor> load_npz(const std::string& path, uint64_t most = kMostUnpacked,
                                       SourcePos where = SourcePos::here());

/// Writes the file: it appears whole or not at all, and is on disk when this returns. Keys become
/// u32 with a last dimension of 2. Throws DataError if it cannot be written.
void save_npz(const std::string& path, const std::map<std::string, Tensor>& tensors,
              Packing packing = Packing::Stored, SourcePos where = SourcePos::here());

}  // namespace gradus::io
