#include "frontend/io/npz.h"

#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "frontend/io/npy_format.h"
#include "frontend/io/safetensors_format.h"
#include "runtime/error.h"
#include "runtime/zip.h"

namespace gradus::io {
namespace {

constexpr const char* kOp = "npz";
constexpr std::string_view kSuffix = ".npy";
constexpr size_t kLongestName = 0xffff - kSuffix.size();

}  // namespace

std::map<std::string, Tensor> load_npz(const std::string& path, uint64_t most, SourcePos where) {
  return with_position(kOp, where, [&] {
    const ZipReader archive(path);
    std::map<std::string, Tensor> arrays;
    uint64_t total = 0;
    for (const ZipEntry& entry : archive.entries()) {
      const auto fail = [&](const std::string& what, const std::string& remedy) {
        throw DataError({kOp, fmt::format("'{}' {}", path, what), where, remedy});
      };
      if (!entry.name.ends_with(kSuffix)) {
        fail(fmt::format("has an entry '{}' that is no array", entry.name),
             "write it with numpy.savez");
      }
      if (entry.bytes > most - total) {
        fail(fmt::format("unpacks to more than {} bytes", most),
             "pass a larger limit if you trust the file");
      }
      total += entry.bytes;
      const std::string name = entry.name.substr(0, entry.name.size() - kSuffix.size());
      const auto content = archive.open(entry);
      arrays[name] = tensor_of(decode_npy(*content, entry.bytes, kOp,
                                          fmt::format("'{}', array '{}'", path, name), where),
                               where);
    }
    return arrays;
  });
}

void save_npz(const std::string& path, const std::map<std::string, Tensor>& tensors,
              Packing packing, SourcePos where) {
  ZipWriter archive;
  std::vector<std::string> headers;
  headers.reserve(tensors.size());
  for (const auto& [name, x] : tensors) {
    if (name.size() > kLongestName) {
      throw ValueError({kOp,
                        fmt::format("a name is too long; got {} bytes, expected at most {}",
                                    name.size(), kLongestName),
                        where, "give shorter names"});
    }
    const Type& type = x.type(where);
    const BufferPtr& data = detail::buffer_of("save_npz", x, where);
    headers.push_back(npy_header(type));
    archive.add(name + std::string(kSuffix), {headers.back(), {data->as<char>(), type.bytes()}},
                packing == Packing::Deflated);
  }
  with_position(kOp, where, [&] { archive.write(path); });
}

}  // namespace gradus::io
