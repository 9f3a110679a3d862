// IDX, the format of MNIST and its relatives: a big-endian header (two zero bytes, element type,
// rank, extents) and the elements, row-major. Files packed with gzip are unpacked.
#pragma once

#include <string>

#include <gradus/ops.h>
#include <gradus/tensor.h>

namespace gradus::data {

/// The whole file as a tensor of the type that its header names (u8, i8, i16, i32, f32 or f64).
/// Throws DataError, naming the file and what was expected, if it is missing, cannot be read or
/// unpacked, is no IDX file, or is shorter or longer than its header says.
Tensor read_idx(const std::string& path, SourcePos where = SourcePos::here());

/// The same for a file that must hold this element type and these extents; -1 stands for any.
/// `remedy` is the advice in messages, e.g. how to fetch the file.
Tensor read_idx(const std::string& path, DType dtype, Dims extents, const std::string& remedy,
                SourcePos where = SourcePos::here());

}  // namespace gradus::data
