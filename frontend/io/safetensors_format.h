// The header of safetensors files. Internal to io.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/io/metadata.h"
#include "frontend/io/safetensors.h"
#include "frontend/tensor_impl.h"
#include "runtime/file.h"
#include "runtime/type.h"

namespace gradus::io {

/// How the elements of an f32 tensor stand in the file.
enum class Stored : uint8_t { AsIs, F16, BF16 };

struct SafetensorsItem {
  std::string name;
  Type type;
  Stored stored = Stored::AsIs;
  uint64_t begin = 0;  // of its elements, from the beginning of the file
};

struct SafetensorsHeader {
  std::vector<SafetensorsItem> items;  // by place in the file
  Metadata metadata;
};

/// Checks everything that can be known without the elements.
SafetensorsHeader read_safetensors_header(const InputFile& file, ReadOptions options,
                                          SourcePos where);

Tensor read_safetensors_item(const InputFile& file, const SafetensorsItem& item, SourcePos where);

/// What `f` returns; an error of the file system or of an archive gets the name of the user's
/// operation and the user's line.
template <class F>
decltype(auto) with_position(const char* op, SourcePos where, F&& f) {
  try {
    return f();
  } catch (const DataError& e) {
    if (e.message().where) throw;
    throw DataError({op, e.message().what, where, e.message().remedy});
  }
}

}  // namespace gradus::io
