#include "frontend/io/npy.h"

#include <fmt/format.h>

#include <filesystem>
#include <string_view>
#include <system_error>

#include "frontend/io/npy_format.h"
#include "runtime/error.h"
#include "runtime/file.h"

namespace gradus::io {
namespace {

/// What `f` returns; an error of the file itself gets this library's name and the user's line.
template <class F>
decltype(auto) at(SourcePos where, F&& f) {
  try {
    return f();
  } catch (const DataError& e) {
    if (e.message().op != "file") throw;
    throw DataError({"npy", e.message().what, where, e.message().remedy});
  }
}

}  // namespace

NpyArray read_npy(const std::string& path, SourcePos where) {
  return at(where, [&] {
    const std::string name = fmt::format("'{}'", path);
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(path, ignored)) {  // a pipe
      const std::string bytes = read_file(path);
      MemorySource all(bytes);
      return decode_npy(all, bytes.size(), "npy", name, where);
    }
    const InputFile file(path);
    FilePart whole(file, 0, file.size());
    return decode_npy(whole, file.size(), "npy", name, where);
  });
}

void write_npy(const std::string& path, const Type& type, const void* data, SourcePos where) {
  const std::string header = npy_header(type);
  const std::string_view pieces[] = {header, {static_cast<const char*>(data), type.bytes()}};
  at(where, [&] { write_file_atomically(path, pieces); });
}

Tensor load_npy(const std::string& path, SourcePos where) {
  return tensor_of(read_npy(path, where), where);
}

void save_npy(const std::string& path, const Tensor& x, SourcePos where) {
  const BufferPtr& data = detail::buffer_of("save_npy", x, where);
  write_npy(path, x.type(where), data->data(), where);
}

}  // namespace gradus::io
