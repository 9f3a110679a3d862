// Operations made of operations.
#include <catch2/catch_test_macros.hpp>

#include <gradus/composite.h>

#include "tests/frontend/values.h"

using namespace gradus;

namespace {

Tensor distance(const Tensor& a, const Tensor& b, SourcePos where = SourcePos::here()) {
  return composite("distance", where, [&] { return gradus::abs(a - b); });
}

}  // namespace

TEST_CASE("a composite is one operation of the line that calls it") {
  CHECK(close(distance(tensor({1.0, 5.0}), 3), {2, 2}));
  CHECK(message_of<ShapeError>([] {
          distance(ones({2}), ones({3}));
        }).starts_with("[distance] shapes do not broadcast"));
  CHECK(message_of<ShapeError>([] { distance(ones({2}), ones({3})); }).find(here()) !=
        std::string::npos);
  const auto f = jit([](const Tensor& x) { return distance(x, 1); });
  CHECK(close(f(tensor({1.0, 5.0})), {0, 4}));
  CHECK(f.graph_text(ones({2})).find(here(-2)) != std::string::npos);
  CHECK(close(grad([](const Tensor& x) { return sum(distance(x, 3)); })(tensor({1.0, 5.0})),
              {-1, 1}));
}
