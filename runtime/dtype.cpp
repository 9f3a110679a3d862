#include "runtime/dtype.h"

namespace gradus {
namespace {

struct Row {
  std::string_view text;
  size_t size;
  DTypeKind kind;
};

constexpr Row kRows[] = {
#define GRADUS_DTYPE(name, text, ctype, kind) {text, sizeof(ctype), DTypeKind::kind},
#include "runtime/dtypes.def"
#undef GRADUS_DTYPE
};

const Row& row(DType dtype) {
  return kRows[static_cast<size_t>(dtype)];
}

}  // namespace

size_t size_of(DType dtype) {
  return row(dtype).size;
}
DTypeKind kind_of(DType dtype) {
  return row(dtype).kind;
}
std::string_view name_of(DType dtype) {
  return row(dtype).text;
}

std::optional<DType> dtype_named(std::string_view name) {
  for (size_t i = 0; i < std::size(kRows); ++i) {
    if (kRows[i].text == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

}  // namespace gradus
