// Safetensors files: named tensors and text metadata, as Python's package of that name reads and
// writes them. A file is eight bytes with the length of a JSON header, the header, and the
// elements, little-endian, row-major, without gaps.
#pragma once

#include <map>
#include <string>

#include <gradus/io/metadata.h>
#include <gradus/tensor.h>

namespace gradus::io {

struct SafeTensors {
  std::map<std::string, Tensor> tensors;
  Metadata metadata;
};

struct ReadOptions {
  /// Tensors of F16 and BF16, which Gradus does not have, become f32, exactly.
  bool convert_half = false;
};

/// Reads the whole file. Throws DataError, naming the file and the tensor, if it is missing, cut
/// off, or breaks the format: offsets that overlap, leave gaps or lie outside, sizes that do not
/// fit the shape, a name twice, an element type that Gradus does not have (F8_…; F16 and BF16
/// unless the options say what to do).
SafeTensors load_safetensors(const std::string& path, ReadOptions options = {},
                             SourcePos where = SourcePos::here());

/// Writes the file: it appears whole or not at all, and is on disk when this returns. Keys become
/// U32 with a last dimension of 2. Throws DataError if it cannot be written, and ValueError for a
/// name or text that is not UTF-8 and for the name "__metadata__".
void save_safetensors(const std::string& path, const std::map<std::string, Tensor>& tensors,
                      const Metadata& metadata = {}, SourcePos where = SourcePos::here());

}  // namespace gradus::io
