#include "compiler/ir/literal.h"

#include <array>
#include <string_view>

#include "compiler/loop/scalar.h"
#include "runtime/error.h"

namespace gradus::ir {
namespace {

std::shared_ptr<const std::byte[]> copy_of(const void* data, size_t bytes) {
  auto copy = std::make_shared<std::byte[]>(bytes);
  if (bytes) std::memcpy(copy.get(), data, bytes);
  return copy;
}

}  // namespace

Literal Literal::splat(Type type, const void* element) {
  Literal l;
  l.bytes_ = copy_of(element, size_of(type.dtype));
  l.type_ = std::move(type);
  return l;
}

Literal Literal::dense(Type type, const void* data) {
  Literal l;
  l.bytes_ = copy_of(data, type.bytes());
  l.splat_ = false;
  l.type_ = std::move(type);
  const size_t n = static_cast<size_t>(l.type_.elements()), width = size_of(l.type_.dtype);
  const auto* p = l.bytes_.get();
  bool same = n > 0;
  for (size_t i = 1; i < n && same; ++i)
    same = std::memcmp(p, p + i * width, width) == 0;
  return same ? splat(l.type_, p) : l;
}

Literal Literal::splat_of(Type type, double x) {
  GRADUS_CHECK(type.dtype != DType::Key, "a key has no numeric value");
  // As the op convert: out of range saturates, which a cast in C++ would leave undefined.
  const std::array in{loop::bits_of(x)};
  const auto bits = loop::evaluate(loop::ScalarOp::Convert, DType::F64, type.dtype, in);
  return splat(std::move(type), &bits);
}

size_t Literal::stored_bytes() const {
  return splat_ ? size_of(type_.dtype) : type_.bytes();
}

double Literal::as_double(int64_t i) const {
  return visit_dtype(type_.dtype, [&]<class T>() -> double {
    if constexpr (std::is_same_v<T, KeyData>) {
      GRADUS_CHECK(false, "a key has no numeric value");
      return 0;
    } else {
      return static_cast<double>(element<T>(i));
    }
  });
}

Literal Literal::splat_like(const Shape& shape) const {
  GRADUS_CHECK(splat_);
  Literal l = *this;
  l.type_.shape = shape;
  return l;
}

bool Literal::is_splat_of(double x) const {
  return bytes_ && splat_ && type_.dtype != DType::Key && as_double() == x;
}

bool operator==(const Literal& a, const Literal& b) {
  return a.splat_ == b.splat_ && a.type_ == b.type_ &&
         (a.bytes_ == b.bytes_ ||
          std::memcmp(a.bytes_.get(), b.bytes_.get(), a.stored_bytes()) == 0);
}

size_t Literal::hash() const {
  const std::string_view text(reinterpret_cast<const char*>(bytes_.get()), stored_bytes());
  return hash_of(type_) * 31 + std::hash<std::string_view>{}(text);
}

}  // namespace gradus::ir
