#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>

#include "tests/loop/sample_kernels.h"

using namespace gradus;
using namespace gradus::loop;
using namespace gradus::loop::samples;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a product tile prints as nested loops") {
  CHECK(
      to_string(product_tile(16)) ==
      R"(kernel(b0: f32 written group 0, b1: f32 group 1, b2: f32 group 2; a0: k, a1: lda, a2: ldc)
  local acc: f32[m:8, n:3, v:16]
  local row: f32[n:3, v:16]
  for unroll m 8:
    for unroll n 3:
      for vector v 16:
        acc[m, n, v] = 0:f32
  for reduce k a0:
    for unroll n 3:
      for vector v 16:
        row[n, v] = b2[k*48 + n*16 + v]
    for unroll m 8:
      for unroll n 3:
        for vector v 16:
          acc[m, n, v] = fma(b1[m*a1 + k], row[n, v], acc[m, n, v])
  for unroll m 8:
    for unroll n 3:
      for vector v 16:
        b0[m*a2 + n*16 + v] = acc[m, n, v]
)");
}

TEST_CASE("limits, merges, lane reductions and what is used twice print") {
  const std::string text = to_string(normalise_rows(8));
  CHECK_THAT(text, ContainsSubstring(R"(
          high[u, v] = merge select()"));
  CHECK_THAT(text, ContainsSubstring(R"(
    row_total = lane_reduce add total[u, v]
    for reduce j a2:
      for unroll u 2:
        for vector v 8 where j*16 + u*8 + v < a1:
          %0 = sub(row_high, b1[j*16 + u*8 + v + r*a1])
          b0[j*16 + u*8 + v + r*a1] = div(div(1:f32, fma(%0, %0, 1:f32)), row_total)
)"));
}

TEST_CASE("predicates and offsets of a load print") {
  CHECK(
      to_string(gather_rows(16)) ==
      R"(kernel(b0: f64 written group 0, b1: f64 group 1, b2: i32 group 2; a0: count, a1: rows, a2: stride)
  for serial i a0:
    for unroll u 1:
      for vector v 16:
        %0 = convert<i64>(b2[i])
        b0[i*16 + u*16 + v] = b1[u*16 + v; + mul(%0, i64(a2)); if and(ge(%0, 0:i64), lt(%0, i64(a1))); else -1:f64]
)");
}

namespace {

/// b0[0] = value
Kernel stores(DType dtype, Bits bits) {
  Kernel k{.name = "store"};
  k.add_buffer({dtype, true, 0});
  k.body = {make_store(0, {}, k.constant(dtype, bits))};
  return k;
}

std::string constant_in(const Kernel& k) {
  const std::string text = to_string(k);
  return text.substr(text.find(" = ") + 3);
}

}  // namespace

TEST_CASE("constants print exactly") {
  CHECK(constant_in(stores(DType::F32, bits_of(0.1f))) == "0.1:f32\n");
  CHECK(constant_in(stores(DType::F32, bits_of(std::nextafter(0.1f, 1.0f)))) == "0.10000001:f32\n");
  CHECK(constant_in(stores(DType::F64, bits_of(0.1))) == "0.1:f64\n");
  CHECK(constant_in(stores(DType::F64, bits_of(-0.0))) == "-0:f64\n");
  CHECK(constant_in(stores(DType::F32, bits_of(-INFINITY))) == "-inf:f32\n");
  CHECK(constant_in(stores(DType::F32, 0x7fc00001)) == "0x7fc00001:f32\n");
  CHECK(constant_in(stores(DType::I8, 0x80)) == "-128:i8\n");
  CHECK(constant_in(stores(DType::U8, 0x80)) == "128:u8\n");
  CHECK(constant_in(stores(DType::I64, ~Bits{0})) == "-1:i64\n");
  CHECK(constant_in(stores(DType::Bool, 1)) == "true\n");
}

TEST_CASE("equal kernels have equal texts and keys, whatever their names and unused expressions") {
  Kernel a = normalise_rows(8), b = normalise_rows(8);
  b.name = "another";
  b.constant(DType::F64, 1);
  CHECK(to_string(a) == to_string(b));
  CHECK(key_of(a) == key_of(b));
}

TEST_CASE("a kernel's key knows neither names nor the order in which expressions were made") {
  const auto kernel = [](const char* name, bool swap) {
    Kernel k;
    k.add_buffer({DType::F32, true, 0});
    k.add_arg(name);
    const int spare = k.add_variable("spare", LoopKind::Unroll, 3);
    const int i = k.add_variable(name, LoopKind::Serial);
    const int first = f32(k, swap ? 2 : 1);
    const int second = f32(k, swap ? 1 : 2);
    const int sum = k.op(ScalarOp::Add, {swap ? second : first, swap ? first : second}, DType::F32);
    if (swap) k.variables[spare].count = 5;
    k.body = {make_for(i, count_arg(0), {make_store(0, {{var(i)}}, sum)})};
    return k;
  };
  CHECK(key_of(kernel("x", false)) == key_of(kernel("y", true)));
  CHECK(to_string(kernel("x", false)) != to_string(kernel("y", true)));
}

TEST_CASE("everything that a kernel does is in its text and in its key") {
  std::vector<std::string> texts, keys;
  auto add = [&](const Kernel& k) {
    texts.push_back(to_string(k));
    keys.push_back(key_of(k));
  };
  add(normalise_rows(8));
  add(normalise_rows(16));
  add(descend(8, 0.125f));
  add(descend(8, std::nextafter(0.125f, 1.0f)));
  add(arg_extremum(8, ReduceOp::ArgMax));
  add(arg_extremum(8, ReduceOp::ArgMin));
  auto changed = [&](auto&& change) {
    Kernel k = descend(8);
    change(k);
    add(k);
  };
  changed([](Kernel& k) { k.buffers[1].alias_group = 7; });
  changed([](Kernel& k) { k.buffers[1].written = true; });
  changed([](Kernel& k) { k.add_buffer({DType::I8}); });
  changed([](Kernel& k) { k.add_arg("more"); });
  changed([](Kernel& k) { k.variables[0].kind = LoopKind::Reduce; });
  changed([](Kernel& k) { k.body[0].count = {2, 1}; });
  changed([](Kernel& k) { k.body[0].body[0].body[0].limit.reset(); });
  changed([](Kernel& k) { k.body[0].body[0].body[0].bound.factor = 3; });
  changed([](Kernel& k) { k.body[0].body[0].body[0].limit->terms.pop_back(); });
  changed(
      [](Kernel& k) { k.body[0].body[0].body[0].body[0].index.terms[0].coefficient.factor = 17; });
  for (size_t i = 0; i < texts.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      CHECK(texts[i] != texts[j]);
      CHECK(keys[i] != keys[j]);
    }
  }
}

TEST_CASE("names that are equal or look like buffers, arguments or constants stay apart") {
  auto kernel = [](const char* outer, const char* inner, bool swap) {
    Kernel k;
    k.add_buffer({DType::F32, true, 0});
    const int i = k.add_variable(outer, LoopKind::Serial),
              j = k.add_variable(inner, LoopKind::Serial);
    const int n = k.add_arg("n");
    k.body = {make_for(
        i, count_arg(n),
        {make_for(j, count_arg(n),
                  {make_store(0, {{var(swap ? j : i, 8), var(swap ? i : j)}}, f32(k, 0))})})};
    return to_string(k);
  };
  CHECK(kernel("i", "i", false) != kernel("i", "i", true));
  CHECK(kernel("a0", "b0", false) != kernel("a0", "b0", true));
  CHECK(kernel("", "", false) != kernel("", "", true));
  CHECK(kernel("i+", "i-", false) != kernel("i+", "i-", true));
}

TEST_CASE("a deep expression prints in a line per part, in linear size") {
  Kernel k;
  k.add_buffer({DType::F32, true, 0});
  int x = k.load(0, {});
  for (int i = 0; i < 2000; ++i)
    x = k.op(ScalarOp::Add, {x, i % 2 ? x : f32(k, 1)}, DType::F32);
  k.body = {make_store(0, {}, x)};
  const std::string text = to_string(k);
  CHECK(text.size() < 100'000);
  CHECK(text == to_string(k));
}
