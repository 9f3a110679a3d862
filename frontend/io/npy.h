// NumPy's .npy files: one array each, as numpy.load and numpy.save read and write them.
#pragma once

#include <string>

#include <gradus/runtime/buffer.h>
#include <gradus/runtime/type.h>
#include <gradus/tensor.h>

namespace gradus::io {

/// An array in host memory, row-major.
struct NpyArray {
  Type type;
  BufferPtr data;
};

/// Tensors, for users; SourcePos is the line of the call. Errors as below; saving a traced, donated
/// or empty tensor throws what reading it does.
Tensor load_npy(const std::string& path, SourcePos where = SourcePos::here());
void save_npy(const std::string& path, const Tensor& x, SourcePos where = SourcePos::here());

/// Reads bool, signed and unsigned integers and floats of 32 and 64 bits, in either byte order, in
/// C or Fortran order (turned into row-major), format versions 1 to 3. Throws DataError naming the
/// file when it cannot be read, is no .npy file, is shorter or longer than its header says, or
/// holds another element type.
NpyArray read_npy(const std::string& path, SourcePos where = {});

/// Writes format version 1. The file appears whole or not at all: it is written beside `path` and
/// renamed. Keys are written as u32 words with a last dimension of 2. Throws DataError when it
/// cannot be written.
void write_npy(const std::string& path, const Type& type, const void* data, SourcePos where = {});

}  // namespace gradus::io
