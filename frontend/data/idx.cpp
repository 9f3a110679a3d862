#include "frontend/data/idx.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/deflate.h"
#include "runtime/file.h"

namespace gradus::data {
namespace {

constexpr const char* kOp = "idx";

struct File {
  const std::string& path;
  const std::string& remedy;
  SourcePos where;

  [[noreturn]] void fail(std::string what, std::string other_remedy = {}) const {
    throw DataError({.op = kOp,
                     .what = fmt::format("'{}' {}", path, what),
                     .where = where,
                     .remedy = other_remedy.empty() ? remedy : other_remedy});
  }
};

std::optional<DType> dtype_of_code(uint8_t code) {
  switch (code) {
    case 0x08:
      return DType::U8;
    case 0x09:
      return DType::I8;
    case 0x0b:
      return DType::I16;
    case 0x0c:
      return DType::I32;
    case 0x0d:
      return DType::F32;
    case 0x0e:
      return DType::F64;
    default:
      return std::nullopt;
  }
}

uint32_t big_endian_word(std::string_view bytes) {
  uint32_t word = 0;
  for (int i = 0; i < 4; ++i) {
    word = word << 8 | static_cast<uint8_t>(bytes[static_cast<size_t>(i)]);
  }
  return word;
}

struct Header {
  DType dtype;
  std::vector<int64_t> extents;
  size_t bytes;

  std::string type_text() const {
    return fmt::format("{}[{}]", name_of(dtype), fmt::join(extents, ","));
  }
};

Header parse_header(std::string_view content, const File& file) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(content[i]); };
  std::optional<DType> dtype;
  if (content.size() >= 4 && byte(0) == 0 && byte(1) == 0) dtype = dtype_of_code(byte(2));
  if (!dtype || byte(3) > Shape::kMaxRank) {
    std::vector<uint8_t> start;
    for (size_t i = 0; i < std::min<size_t>(4, content.size()); ++i)
      start.push_back(byte(i));
    file.fail(
        fmt::format("is no IDX file; it begins with [{:02x}], expected 00 00, an element type "
                    "(08 to 0e) and a rank",
                    fmt::join(start, " ")));
  }
  size_t rank = byte(3);
  Header header{*dtype, {}, 4 + 4 * rank};
  if (content.size() < header.bytes) {
    file.fail(fmt::format("is truncated; got {} bytes, expected a header of {}", content.size(),
                          header.bytes));
  }
  for (size_t d = 0; d < rank; ++d) {
    header.extents.push_back(big_endian_word(content.substr(4 + 4 * d)));
  }
  return header;
}

// The bytes that the header promises, INT64_MAX at most: extents are 32-bit words, so their product
// can overflow.
uint64_t expected_bytes(const Header& header) {
  unsigned __int128 expected = size_of(header.dtype);
  constexpr unsigned __int128 kMost = INT64_MAX;
  for (int64_t extent : header.extents) {
    expected = std::min(expected * static_cast<unsigned __int128>(extent), kMost);
  }
  return static_cast<uint64_t>(std::min(expected + header.bytes, kMost));
}

void check_size(std::string_view content, const Header& header, const File& file) {
  const uint64_t expected = expected_bytes(header);
  if (content.size() == expected) return;
  file.fail(fmt::format("{}; got {} bytes, expected {} for {}",
                        content.size() < expected ? "is truncated" : "has bytes after its end",
                        content.size(), expected, header.type_text()));
}

void check_type(const Header& got, DType dtype, const Dims& extents, const File& file) {
  bool fits = got.dtype == dtype && static_cast<int>(got.extents.size()) == extents.size();
  std::vector<std::string> expected;
  for (int d = 0; d < extents.size(); ++d) {
    bool is_any = extents[d] < 0;
    expected.push_back(is_any ? "any" : std::to_string(extents[d]));
    fits = fits && (is_any || got.extents[static_cast<size_t>(d)] == extents[d]);
  }
  if (fits) return;
  file.fail(fmt::format("holds other data; got {}, expected {}[{}]", got.type_text(),
                        name_of(dtype), fmt::join(expected, ",")));
}

// What a gzip file holds: as much as the header in it promises, and a byte more if there is one.
std::string unpacked(std::string_view packed, const File& file) {
  constexpr size_t kLongestHeader = 4 + 4 * Shape::kMaxRank;
  MemorySource source(packed);
  Inflater inflater(source, Inflater::Wrapping::Gzip);
  std::string content(kLongestHeader, '\0');
  const size_t begin = inflater.read(content.data(), content.size());
  content.resize(begin);
  const uint64_t expected = expected_bytes(parse_header(content, file));
  if (begin < kLongestHeader || expected < begin) return content;
  if (expected / kMostInflation > packed.size()) {
    file.fail(
        fmt::format("is truncated; its {} packed bytes cannot hold {}", packed.size(), expected));
  }
  content.resize(static_cast<size_t>(expected) + 1);
  content.resize(begin + inflater.read(content.data() + begin, content.size() - begin));
  return content;
}

std::string content_of(const File& file) {
  try {
    std::string content = read_file(file.path);
    if (!content.starts_with("\x1f\x8b")) return content;
    try {
      return unpacked(content, file);
    } catch (const DataError& e) {
      if (e.message().op != "deflate") throw;
      file.fail(fmt::format("cannot be unpacked: {}", e.message().what));
    }
  } catch (const DataError& e) {
    if (e.message().op == kOp) throw;
    throw DataError(
        {.op = kOp, .what = e.message().what, .where = file.where, .remedy = file.remedy});
  }
}

template <class T>
Tensor elements(std::string_view bytes, const Shape& shape, SourcePos where) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  if constexpr (sizeof(T) > 1 && std::endian::native == std::endian::little) {
    for (T& value : values) {
      auto* first = reinterpret_cast<unsigned char*>(&value);
      std::reverse(first, first + sizeof(T));
    }
  }
  return tensor(values, shape, where);
}

Tensor tensor_of(std::string_view content, const Header& header, SourcePos where) {
  std::string_view bytes = content.substr(header.bytes);
  const Shape shape(header.extents);
  switch (header.dtype) {
    case DType::U8:
      return tensor(reinterpret_cast<const uint8_t*>(bytes.data()), shape, where);
    case DType::I8:
      return tensor(reinterpret_cast<const int8_t*>(bytes.data()), shape, where);
    case DType::I16:
      return elements<int16_t>(bytes, shape, where);
    case DType::I32:
      return elements<int32_t>(bytes, shape, where);
    case DType::F32:
      return elements<float>(bytes, shape, where);
    default:
      return elements<double>(bytes, shape, where);
  }
}

}  // namespace

Tensor read_idx(const std::string& path, SourcePos where) {
  const std::string remedy = "check the path, or fetch the file again";
  const File file{path, remedy, where};
  std::string content = content_of(file);
  Header header = parse_header(content, file);
  check_size(content, header, file);
  return tensor_of(content, header, where);
}

Tensor read_idx(const std::string& path, DType dtype, Dims extents, const std::string& remedy,
                SourcePos where) {
  const File file{path, remedy, where};
  std::string content = content_of(file);
  Header header = parse_header(content, file);
  check_type(header, dtype, extents, file);
  check_size(content, header, file);
  return tensor_of(content, header, where);
}

}  // namespace gradus::data
