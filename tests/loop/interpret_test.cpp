#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <numeric>

#include "runtime/error.h"
#include "tests/loop/sample_kernels.h"

using namespace gradus;
using namespace gradus::loop;
using namespace gradus::loop::samples;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Reproducible values with few bits, some negative.
std::vector<float> values(size_t n, uint32_t seed) {
  std::vector<float> x(n);
  for (float& e : x) {
    seed = seed * 1664525u + 1013904223u;
    e = static_cast<float>(static_cast<int>(seed >> 20) - 2048) / 64;
  }
  return x;
}

void run(const Kernel& k, std::vector<void*> buffers, std::vector<int64_t> args) {
  interpret(k, buffers, args);
}

/// The canonical tree over the 16 lanes, lane l holding the elements l, l + 16, ….
float sum_by_lanes(const std::vector<float>& x) {
  std::array<float, 16> lane{};
  for (size_t i = 0; i < x.size(); ++i)
    lane[i % 16] += x[i];
  for (int h = 8; h > 0; h /= 2) {
    for (int j = 0; j < h; ++j)
      lane[j] += lane[j + h];
  }
  return lane[0];
}

}  // namespace

TEST_CASE("a product tile is one chain of fused multiply-adds per element") {
  const int64_t lanes = GENERATE(4, 8, 16);
  const int64_t depth = GENERATE(0, 1, 5);
  const int64_t lda = depth + 3, ldc = 50;
  std::vector<float> a = values(8 * lda, 1), b = values(depth * 48 + 1, 2), c(8 * ldc, 7.0f);
  run(product_tile(lanes), {c.data(), a.data(), b.data()}, {depth, lda, ldc});
  for (int m = 0; m < 8; ++m) {
    for (int n = 0; n < ldc; ++n) {
      float sum = n < 48 ? 0.0f : 7.0f;  // beyond the tile nothing is written
      for (int k = 0; k < depth && n < 48; ++k) {
        sum = std::fma(a[m * lda + k], b[k * 48 + n], sum);
      }
      REQUIRE(c[m * ldc + n] == sum);
    }
  }
}

TEST_CASE(
    "rows of any length are normalised, in place too, with the same bits at all lane counts") {
  const int64_t columns = GENERATE(1, 15, 16, 17, 40);
  const int64_t rows = 3;
  const std::vector<float> x = values(rows * columns, 3);
  std::vector<float> expected;
  for (int r = 0; r < rows; ++r) {
    const std::vector<float> row(x.begin() + r * columns, x.begin() + (r + 1) * columns);
    const float high = *std::max_element(row.begin(), row.end());
    std::vector<float> e;
    for (float v : row)
      e.push_back(1 / std::fma(high - v, high - v, 1.0f));
    const float total = sum_by_lanes(e);
    for (float v : e)
      expected.push_back(v / total);
  }
  for (int64_t lanes : {4, 8, 16}) {
    const Kernel k = normalise_rows(lanes);
    std::vector<float> y(x.size());
    std::vector<float> in = x;
    run(k, {y.data(), in.data()}, {rows, columns, (columns + 15) / 16});
    CHECK(y == expected);
  }
}

TEST_CASE("the tail of an elementwise kernel is left alone, in place and not") {
  const int64_t lanes = GENERATE(4, 8, 16);
  const int64_t n = GENERATE(0, 1, 16, 37);
  const std::vector<float> p = values(48, 4), g = values(48, 5);
  std::vector<float> expected = p;
  for (int i = 0; i < n; ++i)
    expected[i] = std::fma(-0.125f, g[i], p[i]);
  std::vector<float> in_place = p, gradient = g, apart = p, source = p;
  const int64_t blocks = (n + 15) / 16;
  run(descend(lanes), {in_place.data(), in_place.data(), gradient.data()}, {n, blocks});
  CHECK(in_place == expected);
  run(descend(lanes), {apart.data(), source.data(), gradient.data()}, {n, blocks});
  CHECK(apart == expected);
}

TEST_CASE("a gather reads no row that is not there") {
  const int64_t lanes = GENERATE(4, 8, 16);
  const int64_t rows = 3, stride = 20;
  std::vector<double> table(2 * stride + 16);
  std::iota(table.begin(), table.end(), 100.0);
  std::vector<int32_t> ids{2, -1, 0, 3, std::numeric_limits<int32_t>::min()};
  std::vector<double> out(ids.size() * 16);
  run(gather_rows(lanes), {out.data(), table.data(), ids.data()},
      {static_cast<int64_t>(ids.size()), rows, stride});
  for (size_t i = 0; i < ids.size(); ++i) {
    for (int l = 0; l < 16; ++l) {
      const bool there = ids[i] >= 0 && ids[i] < rows;
      REQUIRE(out[i * 16 + l] == (there ? table[ids[i] * stride + l] : -1));
    }
  }
}

TEST_CASE("the first of equal extrema and the first NaN win") {
  const int64_t lanes = GENERATE(4, 8, 16);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<float> x(4 * 37, 1.0f);
  x[5] = x[21] = x[36] = 2;       // row 0: equal maxima in one lane and in others
  x[37 + 20] = x[37 + 3] = -inf;  // row 1: the minimum
  x[74 + 30] = nan, x[74 + 33] = nan, x[74 + 2] = inf;
  std::vector<int32_t> max(4), min(4);
  run(arg_extremum(lanes, ReduceOp::ArgMax), {max.data(), x.data()}, {4, 37, 3});
  run(arg_extremum(lanes, ReduceOp::ArgMin), {min.data(), x.data()}, {4, 37, 3});
  CHECK(max == std::vector<int32_t>{5, 0, 30, 0});
  CHECK(min == std::vector<int32_t>{0, 3, 30, 0});
}

namespace {

/// x[v] assigned where v < 3, then all of x stored.
Kernel stores_masked(bool merge, bool selected) {
  Kernel k{.name = "masked"};
  const int out = k.add_buffer({DType::I32, true, 0});
  const int v = k.add_variable("v", LoopKind::Vector, 8);
  const int x = k.add_local("x", DType::I32, {v});
  const int lane =
      k.add_expr({.kind = Expr::Kind::Index, .dtype = DType::I32, .index = {{var(v)}}});
  const int seven = k.constant(DType::I32, 7);
  int value = k.local_value(x);
  if (selected) {
    const int there = k.op(ScalarOp::Lt, {lane, k.constant(DType::I32, 3)}, DType::Bool);
    value = k.op(ScalarOp::Select, {there, value, seven}, DType::I32);
  }
  k.body = {make_for(v, count(8), {make_assign(x, seven)}),
            make_for_where(v, count(8), {{var(v)}}, count(3), {make_assign(x, lane, merge)}),
            make_for(v, count(8), {make_store(out, {{var(v)}}, value)})};
  return k;
}

}  // namespace

TEST_CASE("a masked assignment merges, or else leaves undefined what must not be stored") {
  const std::vector<int32_t> expected{0, 1, 2, 7, 7, 7, 7, 7};
  std::vector<int32_t> out(8);
  run(stores_masked(true, false), {out.data()}, {});
  CHECK(out == expected);
  CHECK_THROWS_WITH(run(stores_masked(false, false), {out.data()}, {}),
                    ContainsSubstring("'masked': a stored value depends on an undefined value of "
                                      "local 'x'"));
  out.assign(8, 0);
  run(stores_masked(false, true), {out.data()}, {});
  CHECK(out == expected);
}

TEST_CASE("lanes that depend on each other are caught") {
  auto shift = [](int64_t load_at, int64_t store_at) {
    Kernel k{.name = "shift"};
    const int b = k.add_buffer({DType::F32, true, 0});
    const int v = k.add_variable("v", LoopKind::Vector, 4);
    const int x = k.load(b, {{var(v), {-1, {load_at, -1}}}});
    k.body = {make_for(v, count(4), {make_store(b, {{var(v), {-1, {store_at, -1}}}}, x)})};
    return k;
  };
  std::vector<float> b(16);
  run(shift(0, 0), {b.data()}, {});
  run(shift(4, 0), {b.data()}, {});
  CHECK_THROWS_WITH(run(shift(0, 1), {b.data()}, {}), ContainsSubstring("another lane"));
  CHECK_THROWS_WITH(run(shift(1, 0), {b.data()}, {}), ContainsSubstring("another lane"));
}

TEST_CASE("an element read under another name after it was stored is caught") {
  Kernel k = descend(4);
  const int again = k.load(1, {});
  k.body.push_back(make_store(0, {}, again));
  std::vector<float> p(16), g(16), apart(16);
  run(k, {apart.data(), p.data(), g.data()}, {16, 1});
  CHECK_THROWS_WITH(run(k, {p.data(), p.data(), g.data()}, {16, 1}),
                    ContainsSubstring("read as b1 after it was stored as b0"));
}
