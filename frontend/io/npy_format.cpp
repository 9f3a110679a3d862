#include "frontend/io/npy_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <string_view>
#include <vector>

#include "runtime/error.h"

namespace gradus::io {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic("\x93NUMPY", 6);

/// The file, and the user's line that asks for it.
struct Place {
  const char* op;
  const std::string& name;
  SourcePos where;
};

[[noreturn]] void fail(const Place& place, std::string what, std::string remedy) {
  throw DataError(
      {place.op, fmt::format("{}: {}", place.name, what), place.where, std::move(remedy)});
}

/// What the header, a Python dict, says.
struct Header {
  std::string descr;
  bool fortran_order = false;
  std::vector<int64_t> shape;
};

/// The rest of `dict` behind `'key':`, without blanks.
std::optional<std::string_view> value_of(std::string_view dict, std::string_view key) {
  for (const char quote : {'\'', '"'}) {
    const std::string pattern = fmt::format("{}{}{}", quote, key, quote);
    size_t at = dict.find(pattern);
    if (at == std::string_view::npos) continue;
    at = dict.find_first_not_of(" ", at + pattern.size());
    if (at == std::string_view::npos || dict[at] != ':') return {};
    at = dict.find_first_not_of(" ", at + 1);
    if (at == std::string_view::npos) return {};
    return dict.substr(at);
  }
  return {};
}

std::optional<Header> parse_header(std::string_view dict) {
  Header header;
  const auto descr = value_of(dict, "descr");
  const auto order = value_of(dict, "fortran_order");
  const auto shape = value_of(dict, "shape");
  if (!descr || !order || !shape) return {};

  const char quote = (*descr)[0];
  const size_t end = descr->find(quote, 1);
  if ((quote != '\'' && quote != '"') || end == std::string_view::npos) return {};
  header.descr = descr->substr(1, end - 1);

  if (!order->starts_with("True") && !order->starts_with("False")) return {};
  header.fortran_order = order->starts_with("True");

  const size_t close = shape->find(')');
  if ((*shape)[0] != '(' || close == std::string_view::npos) return {};
  std::string_view extents = shape->substr(1, close - 1);
  while (true) {
    const size_t begin = extents.find_first_not_of(" ");
    if (begin == std::string_view::npos) return header;
    int64_t extent = 0;
    const auto [last, error] =
        std::from_chars(extents.data() + begin, extents.data() + extents.size(), extent);
    if (error != std::errc() || extent < 0) return {};
    header.shape.push_back(extent);
    extents.remove_prefix(static_cast<size_t>(last - extents.data()));
    const size_t comma = extents.find_first_not_of(" L");
    if (comma == std::string_view::npos) return header;
    if (extents[comma] != ',') return {};
    extents.remove_prefix(comma + 1);
  }
}

std::string descr_of(DType dtype) {
  switch (kind_of(dtype)) {
    case DTypeKind::Bool:
      return "|b1";
    case DTypeKind::Signed:
      return fmt::format("{}i{}", size_of(dtype) > 1 ? '<' : '|', size_of(dtype));
    case DTypeKind::Unsigned:
      return fmt::format("{}u{}", size_of(dtype) > 1 ? '<' : '|', size_of(dtype));
    case DTypeKind::Float:
      return fmt::format("<f{}", size_of(dtype));
    case DTypeKind::Key:
      return "<u4";
  }
  __builtin_unreachable();
}

std::optional<DType> dtype_of_descr(std::string_view descr) {
  constexpr std::string_view kByteOrders = "<>|=";
  if (descr.empty() || kByteOrders.find(descr[0]) == std::string_view::npos) return {};
  for (int i = 0; i <= static_cast<int>(DType::Key); ++i) {
    const auto dtype = static_cast<DType>(i);
    if (dtype != DType::Key && descr.substr(1) == descr_of(dtype).substr(1)) return dtype;
  }
  return {};
}

void swap_bytes(std::byte* data, size_t elements, size_t width) {
  for (size_t i = 0; i < elements; ++i)
    std::reverse(data + i * width, data + (i + 1) * width);
}

/// Column-major elements put in row-major order.
void turn(const std::byte* from, std::byte* to, const Type& type) {
  const size_t width = size_of(type.dtype);
  const int rank = type.rank();
  std::vector<int64_t> index(static_cast<size_t>(rank));
  std::vector<int64_t> step(static_cast<size_t>(rank), 1);  // of row-major places
  for (int d = rank - 2; d >= 0; --d)
    step[d] = step[d + 1] * type.shape[d + 1];
  int64_t place = 0;
  for (int64_t i = 0, n = type.elements(); i < n; ++i) {
    std::memcpy(to + static_cast<size_t>(place) * width, from + static_cast<size_t>(i) * width,
                width);
    for (int d = 0; d < rank; ++d) {
      place += step[d];
      if (++index[d] < type.shape[d]) break;
      place -= step[d] * index[d];
      index[d] = 0;
    }
  }
}

std::string read_header(ByteSource& source, const Place& place) {
  unsigned char start[12];
  const size_t fixed = source.read(start, 10);
  if (fixed < 10 || std::memcmp(start, kMagic.data(), kMagic.size()) != 0) {
    fail(place, "is no .npy file", "write it with numpy.save");
  }
  const int version = start[6];
  if (version < 1 || version > 3) {
    fail(place, fmt::format("unknown format version {}", version), "write it with numpy.save");
  }
  size_t length = start[8] | start[9] << 8;
  if (version > 1) {
    if (source.read(start + 10, 2) != 2) fail(place, "its header is cut off", "write it again");
    length |= static_cast<size_t>(start[10]) << 16 | static_cast<size_t>(start[11]) << 24;
  }
  if (length > (1u << 20)) fail(place, "its header is implausibly long", "write it again");
  std::string dict(length, '\0');
  if (source.read(dict.data(), length) != length) {
    fail(place, "its header is cut off", "write it again");
  }
  return dict;
}

}  // namespace

NpyArray decode_npy(ByteSource& source, std::optional<uint64_t> total, const char* op,
                    const std::string& name, SourcePos where) {
  const Place place{op, name, where};
  const auto header = parse_header(read_header(source, place));
  if (!header) fail(place, "its header is no description of an array", "write it with numpy.save");
  const auto dtype = dtype_of_descr(header->descr);
  if (!dtype) {
    fail(place, fmt::format("element type '{}' has no counterpart", header->descr),
         "convert it with astype to bool, an integer, float32 or float64");
  }
  NpyArray array;
  try {
    array.type = {*dtype, Shape(header->shape)};
  } catch (const Error& e) {
    fail(place, e.message().what, e.message().remedy);
  }
  const size_t bytes = array.type.bytes();
  if (total && *total < bytes) {
    fail(place,
         fmt::format("is cut off; {} takes {} bytes, the whole file has {}", to_string(array.type),
                     bytes, *total),
         "write it again");
  }
  array.data = Buffer::allocate(bytes);
  const size_t got = source.read(array.data->data(), bytes);
  char more;
  if (got < bytes || source.read(&more, 1) == 1) {
    fail(place,
         fmt::format("{}; {} takes {} bytes", got < bytes ? "is cut off" : "is too long",
                     to_string(array.type), bytes),
         "write it again");
  }
  if (header->descr[0] == '>') {
    swap_bytes(array.data->as<std::byte>(), static_cast<size_t>(array.type.elements()),
               size_of(*dtype));
  }
  if (header->fortran_order && array.type.rank() > 1) {
    const BufferPtr turned = Buffer::allocate(bytes);
    turn(array.data->as<std::byte>(), turned->as<std::byte>(), array.type);
    array.data = turned;
  }
  if (*dtype == DType::Bool) {
    // Any byte but 0 is true for NumPy; a C++ bool is 0 or 1.
    auto* flags = array.data->as<unsigned char>();
    std::transform(flags, flags + bytes, flags, [](unsigned char x) { return x != 0; });
  }
  return array;
}

std::string npy_header(const Type& type) {
  std::string extents;
  for (const int64_t d : type.shape)
    extents += fmt::format("{}, ", d);
  if (type.dtype == DType::Key) extents += "2, ";
  if (!extents.empty())
    extents.erase(extents.size() - (type.rank() + (type.dtype == DType::Key) == 1 ? 1 : 2));
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
                                   descr_of(type.dtype), extents);
  constexpr size_t kFixed = 10, kAlign = 64;
  header.append(kAlign - (kFixed + header.size() + 1) % kAlign, ' ');
  header += '\n';
  std::string start(kMagic);
  start += {'\x01', '\x00', static_cast<char>(header.size() & 0xff),
            static_cast<char>(header.size() >> 8)};
  return start + header;
}

}  // namespace gradus::io
