// The format of .npy files, wherever their bytes come from and go to. Internal to io.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "frontend/io/npy.h"
#include "frontend/tensor_impl.h"
#include "runtime/byte_source.h"

namespace gradus::io {

/// Reads one array, and the source to its end. `total` is how many bytes the source has, if that is
/// known: a header that promises more is refused before memory is allocated. DataErrors have `op`,
/// `name` (the file, in quotes), and `where`.
NpyArray decode_npy(ByteSource& source, std::optional<uint64_t> total, const char* op,
                    const std::string& name, SourcePos where);

/// What stands before the elements.
std::string npy_header(const Type& type);

inline Tensor tensor_of(NpyArray array, SourcePos where) {
  return detail::wrap_buffer(detail::interned(array.type), std::move(array.data), where);
}

}  // namespace gradus::io
