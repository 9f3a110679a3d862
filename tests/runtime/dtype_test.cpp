#include "runtime/dtype.h"

#include <catch2/catch_test_macros.hpp>

#include "runtime/type.h"

using namespace gradus;

TEST_CASE("every dtype is found by its name") {
#define GRADUS_DTYPE(name, text, ctype, kind)     \
  CHECK(name_of(DType::name) == text);            \
  CHECK(dtype_named(text) == DType::name);        \
  CHECK(kind_of(DType::name) == DTypeKind::kind); \
  CHECK(size_of(DType::name) == sizeof(ctype));   \
  CHECK(visit_dtype(DType::name, []<class T>() { return dtype_of<T>(); }) == DType::name);
#include "runtime/dtypes.def"
#undef GRADUS_DTYPE
  CHECK_FALSE(dtype_named("f31"));
  CHECK_FALSE(dtype_named(""));
}
