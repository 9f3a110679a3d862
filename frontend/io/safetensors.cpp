#include "frontend/io/safetensors.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "frontend/io/safetensors_format.h"
#include "runtime/error.h"
#include "runtime/file.h"

namespace gradus::io {
namespace {

constexpr size_t kAlign = 8;  // of the first element; 8, and the order below, as Python's package

/// Wide elements stand first, so that all are at multiples of their width.
int place_of(DType dtype) {
  switch (dtype) {
    case DType::U64:
      return 0;
    case DType::I64:
      return 1;
    case DType::F64:
      return 2;
    case DType::F32:
      return 3;
    case DType::U32:
    case DType::Key:
      return 4;
    case DType::I32:
      return 5;
    case DType::U16:
      return 6;
    case DType::I16:
      return 7;
    case DType::I8:
      return 8;
    case DType::U8:
      return 9;
    case DType::Bool:
      return 10;
  }
  __builtin_unreachable();
}

std::string dtype_text(DType dtype) {
  if (dtype == DType::Key) return "U32";
  std::string text;
  for (const char c : name_of(dtype))
    text.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
  return text;
}

}  // namespace

SafeTensors load_safetensors(const std::string& path, ReadOptions options, SourcePos where) {
  return with_position("safetensors", where, [&] {
    const InputFile file(path);
    SafetensorsHeader header = read_safetensors_header(file, options, where);
    SafeTensors result{{}, std::move(header.metadata)};
    for (const SafetensorsItem& item : header.items)
      result.tensors[item.name] = read_safetensors_item(file, item, where);
    return result;
  });
}

void save_safetensors(const std::string& path, const std::map<std::string, Tensor>& tensors,
                      const Metadata& metadata, SourcePos where) {
  std::vector<std::pair<std::string, Tensor>> items(tensors.begin(), tensors.end());
  std::stable_sort(items.begin(), items.end(), [&](const auto& a, const auto& b) {
    return place_of(a.second.dtype(where)) < place_of(b.second.dtype(where));
  });

  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata.entries();
  std::vector<std::string_view> pieces = {{}};
  uint64_t end = 0;
  for (const auto& [name, x] : items) {
    if (name == "__metadata__") {
      throw ValueError({"safetensors", "a tensor cannot have the name '__metadata__'", where,
                        "give it another name"});
    }
    const Type& type = x.type(where);
    const BufferPtr& data = detail::buffer_of("save_safetensors", x, where);
    std::vector<int64_t> extents(type.shape.begin(), type.shape.end());
    if (type.dtype == DType::Key) extents.push_back(2);
    const uint64_t begin = end;
    end += type.bytes();
    header[name] = {
        {"dtype", dtype_text(type.dtype)}, {"shape", extents}, {"data_offsets", {begin, end}}};
    pieces.emplace_back(data->as<char>(), type.bytes());
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {
    throw ValueError({"safetensors", "a name or a text of the metadata is not UTF-8", where,
                      "write names and metadata in UTF-8"});
  }
  text.append((kAlign - (8 + text.size()) % kAlign) % kAlign, ' ');
  std::string start;
  for (int i = 0; i < 8; ++i)
    start.push_back(static_cast<char>(static_cast<uint64_t>(text.size()) >> 8 * i));
  start += text;
  pieces[0] = start;
  with_position("safetensors", where, [&] { write_file_atomically(path, pieces); });
}

}  // namespace gradus::io
