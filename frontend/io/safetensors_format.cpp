#include "frontend/io/safetensors_format.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/error.h"

namespace gradus::io {
namespace {

using nlohmann::json;

constexpr uint64_t kMostHeader = 100'000'000;  // as in the format's own reader

struct Place {
  const std::string& path;
  SourcePos where;

  [[noreturn]] void fail(const std::string& what,
                         const std::string& remedy = "fetch or write the file again") const {
    throw DataError({"safetensors", fmt::format("'{}': {}", path, what), where, remedy});
  }
};

std::optional<DType> dtype_of_text(const std::string& text) {
  if (text == "BOOL") return DType::Bool;
  std::string lower;
  for (const char c : text) {
    if (c >= 'a' && c <= 'z') return {};
    lower.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  const std::optional<DType> dtype = dtype_named(lower);
  return dtype == DType::Key || dtype == DType::Bool ? std::nullopt : dtype;
}

struct RawItem {
  std::string name;
  std::optional<std::string> dtype;
  std::optional<std::vector<uint64_t>> shape, offsets;
};

// Follows the parser without building a document: a name that comes twice is seen, and anything
// that has no place in a header ends the parse at once, however deep or long it is.
class HeaderReader final : public nlohmann::json_sax<json> {
 public:
  std::vector<RawItem> items;
  std::map<std::string, std::string> metadata;
  std::string error;  // after a parse that returned false

  bool start_object(size_t) override {
    switch (state_) {
      case State::Begin:
        return to(State::Names);
      case State::Value:
        if (name_ == "__metadata__") return to(State::Metadata);
        items.push_back({name_});
        return to(State::Fields);
      default:
        return misplaced("an object");
    }
  }
  bool key(std::string& text) override {
    if (state_ == State::Names) {
      name_ = text;
      if (!names_.insert(text).second)
        return reject(fmt::format("the name '{}' comes twice", text));
      return to(State::Value);
    }
    if (state_ == State::Metadata) {
      field_ = text;
      if (metadata.count(text)) {
        return reject(fmt::format("the metadata have '{}' twice", text));
      }
      return to(State::Text);
    }
    field_ = text;
    RawItem& item = items.back();
    if (field_ == "dtype") return !item.dtype ? to(State::DTypeText) : twice();
    if (field_ == "shape") return !item.shape ? to(State::BeginList) : twice();
    if (field_ == "data_offsets") return !item.offsets ? to(State::BeginList) : twice();
    return reject(fmt::format("tensor '{}' has an unknown property '{}'", name_, field_));
  }
  bool string(std::string& text) override {
    if (state_ == State::Text) {
      metadata[field_] = text;
      return to(State::Metadata);
    }
    if (state_ == State::DTypeText) {
      items.back().dtype = text;
      return to(State::Fields);
    }
    return misplaced("text");
  }
  bool start_array(size_t) override {
    if (state_ != State::BeginList) return misplaced("a list");
    list() = std::vector<uint64_t>();
    return to(State::List);
  }
  bool number_unsigned(uint64_t x) override {
    if (state_ != State::List) return misplaced("a number");
    if (list()->size() > static_cast<size_t>(Shape::kMaxRank)) {
      return reject(fmt::format("the {} of '{}' is too long; expected at most {} numbers", field_,
                                name_, Shape::kMaxRank));
    }
    list()->push_back(x);
    return true;
  }
  bool end_array() override { return to(State::Fields); }
  bool end_object() override {
    switch (state_) {
      case State::Names:
        return to(State::End);
      case State::Metadata:
        return to(State::Names);
      default: {  // Fields
        const RawItem& item = items.back();
        const char* missing = !item.dtype     ? "dtype"
                              : !item.shape   ? "shape"
                              : !item.offsets ? "data_offsets"
                                              : nullptr;
        if (missing) return reject(fmt::format("tensor '{}' has no {}", name_, missing));
        return to(State::Names);
      }
    }
  }
  bool number_integer(int64_t x) override {
    if (state_ != State::List) return misplaced("a number");
    return reject(fmt::format("the {} of '{}' has a negative number; got {}", field_, name_, x));
  }
  bool number_float(double, const std::string& text) override {
    if (state_ != State::List) return misplaced("a number");
    return reject(fmt::format("the {} of '{}' has a number that is no 64-bit integer; got {}",
                              field_, name_, text.substr(0, 40)));
  }
  bool null() override { return misplaced("null"); }
  bool boolean(bool) override { return misplaced("a bool"); }
  bool binary(json::binary_t&) override { return misplaced("binary data"); }
  bool parse_error(size_t at, const std::string&, const nlohmann::detail::exception&) override {
    return reject(fmt::format("its header is no JSON; see byte {} of it", at));
  }

 private:
  enum class State {
    Begin,
    Names,      // in the outer object: a name or the end
    Value,      // behind a name
    Metadata,   // in the metadata: a name or the end
    Text,       // behind such a name
    Fields,     // in a tensor's object: a property or the end
    DTypeText,  // behind "dtype"
    BeginList,  // behind "shape" or "data_offsets"
    List,
    End
  };

  bool to(State state) {
    state_ = state;
    return true;
  }
  bool reject(std::string what) {
    error = std::move(what);
    return false;
  }
  bool twice() { return reject(fmt::format("tensor '{}' has {} twice", name_, field_)); }
  bool misplaced(const char* what) {
    const std::string behind = state_ == State::Begin   ? "at the beginning"
                               : state_ == State::Value ? fmt::format("behind '{}'", name_)
                               : state_ == State::Text
                                   ? fmt::format("behind '{}' of the metadata", field_)
                                   : fmt::format("behind {} of '{}'", field_, name_);
    return reject(fmt::format("its header has {} {}, where that has no place", what, behind));
  }
  std::optional<std::vector<uint64_t>>& list() {
    return field_ == "shape" ? items.back().shape : items.back().offsets;
  }

  State state_ = State::Begin;
  std::string name_, field_;
  std::set<std::string> names_;
};

Stored stored_as(const RawItem& raw) {
  return *raw.dtype == "F16" ? Stored::F16 : *raw.dtype == "BF16" ? Stored::BF16 : Stored::AsIs;
}

Type type_of(const RawItem& raw, ReadOptions options, const Place& place) {
  std::optional<DType> dtype = dtype_of_text(*raw.dtype);
  if (stored_as(raw) != Stored::AsIs) {
    if (!options.convert_half) {
      place.fail(fmt::format("tensor '{}' has an element type without counterpart; got {}",
                             raw.name, *raw.dtype),
                 "read it as f32 by the option convert_half");
    }
    dtype = DType::F32;
  }
  if (!dtype) {
    place.fail(fmt::format("tensor '{}' has an element type without counterpart; got {}", raw.name,
                           raw.dtype->substr(0, 40)),
               "convert it to BOOL, an integer, F32 or F64 first");
  }
  std::vector<int64_t> extents;
  for (const uint64_t x : *raw.shape)
    extents.push_back(static_cast<int64_t>(std::min<uint64_t>(x, INT64_MAX)));
  try {
    return {*dtype, Shape(extents)};
  } catch (const Error& e) {
    place.fail(
        fmt::format("tensor '{}' has a shape that cannot be: {}", raw.name, e.message().what));
  }
}

size_t bytes_in_file(const Type& type, Stored stored) {
  return stored == Stored::AsIs ? type.bytes() : type.bytes() / 2;
}

/// The bits of the f32 with the value of a half: 1 bit sign, 5 exponent, 10 mantissa.
uint32_t bits_of_f16(uint32_t half) {
  const uint32_t sign = (half & 0x8000) << 16, exponent = half >> 10 & 31, mantissa = half & 0x3ff;
  if (exponent == 31) return sign | 0x7f800000 | mantissa << 13;  // infinities and NaN
  if (exponent > 0) return sign | (exponent + 127 - 15) << 23 | mantissa << 13;
  return sign | std::bit_cast<uint32_t>(static_cast<float>(mantissa) * 0x1p-24f);
}

void widen(const char* from, const SafetensorsItem& item, char* to) {
  for (int64_t i = 0; i < item.type.elements(); ++i) {
    uint16_t half;
    std::memcpy(&half, from + 2 * i, sizeof half);
    const uint32_t bits =
        item.stored == Stored::F16 ? bits_of_f16(half) : static_cast<uint32_t>(half) << 16;
    std::memcpy(to + 4 * i, &bits, sizeof bits);
  }
}

}  // namespace

SafetensorsHeader read_safetensors_header(const InputFile& file, ReadOptions options,
                                          SourcePos where) {
  const Place place{file.path(), where};
  unsigned char start[8];
  if (file.read_at(0, start, sizeof start) < sizeof start) {
    place.fail(fmt::format("is cut off; got {} bytes, expected 8 and a header", file.size()));
  }
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8 | start[i];
  if (length > kMostHeader) {
    place.fail(fmt::format("is no safetensors file, or its header is too long; got {} bytes, "
                           "expected at most {}",
                           length, kMostHeader),
               "check that the file is one");
  }
  const uint64_t data = sizeof start + length;
  if (data > file.size()) {
    place.fail(
        fmt::format("is cut off; got {} bytes, expected a header of {}", file.size(), length));
  }
  std::string text(static_cast<size_t>(length), '\0');
  text.resize(file.read_at(sizeof start, text.data(), text.size()));
  if (!text.starts_with('{')) {
    place.fail("is no safetensors file; its header does not begin with '{'",
               "check that the file is one");
  }

  HeaderReader reader;
  if (!json::sax_parse(text, &reader)) place.fail(reader.error);

  struct Range {
    uint64_t begin, end;
    size_t item;
  };
  SafetensorsHeader header;
  std::vector<Range> ranges;
  std::vector<SafetensorsItem> items;
  const uint64_t bytes = file.size() - data;
  for (const RawItem& raw : reader.items) {
    if (raw.offsets->size() != 2 || (*raw.offsets)[0] > (*raw.offsets)[1]) {
      place.fail(fmt::format("tensor '{}' has data_offsets that are no range", raw.name));
    }
    const Range range{(*raw.offsets)[0], (*raw.offsets)[1], items.size()};
    const Type type = type_of(raw, options, place);
    const Stored stored = stored_as(raw);
    const size_t expected = bytes_in_file(type, stored);
    if (range.end - range.begin != expected) {
      place.fail(fmt::format("tensor '{}' has {} bytes, expected {} for {}{}", raw.name,
                             range.end - range.begin, expected, to_string(type),
                             stored == Stored::AsIs ? "" : " from " + *raw.dtype));
    }
    if (range.end > bytes) {
      place.fail(
          fmt::format("tensor '{}' ends behind the end of the file; got bytes {} to {} of "
                      "{}, so that the file is cut off or its header is wrong",
                      raw.name, range.begin, range.end, bytes));
    }
    ranges.push_back(range);
    items.push_back({raw.name, type, stored, data + range.begin});
  }
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  uint64_t end = 0;
  for (const Range& range : ranges) {
    const std::string& name = items[range.item].name;
    if (range.begin < end) {
      place.fail(fmt::format("tensor '{}' shares bytes with another", name));
    }
    if (range.begin > end) {
      place.fail(
          fmt::format("there are {} bytes of no tensor before '{}'", range.begin - end, name));
    }
    end = range.end;
    header.items.push_back(std::move(items[range.item]));
  }
  if (end != bytes)
    place.fail(fmt::format("there are {} bytes behind the last tensor", bytes - end));
  header.metadata = Metadata(std::move(reader.metadata));
  return header;
}

Tensor read_safetensors_item(const InputFile& file, const SafetensorsItem& item, SourcePos where) {
  const size_t bytes = bytes_in_file(item.type, item.stored);
  BufferPtr buffer = Buffer::allocate(item.type.bytes());
  // Halves stand in the upper part of the buffer, where widening them from the front on overtakes
  // none of them.
  char* begin = buffer->as<char>() + (item.type.bytes() - bytes);
  if (file.read_at(item.begin, begin, bytes) < bytes) {
    Place{file.path(), where}.fail(
        fmt::format("was cut off while tensor '{}' was read", item.name));
  }
  if (item.stored != Stored::AsIs) widen(begin, item, buffer->as<char>());
  if (item.type.dtype == DType::Bool) {
    auto* flags = buffer->as<unsigned char>();
    std::transform(flags, flags + bytes, flags, [](unsigned char x) { return x != 0; });
  }
  return detail::wrap_buffer(detail::interned(item.type), std::move(buffer), where);
}

}  // namespace gradus::io
