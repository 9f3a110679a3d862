// Trees of tensors as data sets.
#include "frontend/data/rows.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <numeric>

#include "frontend/data/random_state.h"
#include "frontend/transform.h"
#include "runtime/error.h"
#include "tests/support/messages.h"

using namespace gradus;

namespace {

struct Set {
  Tensor x;  // f32[n,16]: row i is i, i + 1/16, …
  Tensor y;  // u8[n]
};

Set make_set(int64_t n) {
  std::vector<float> x(static_cast<size_t>(n) * 16);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<float>(i) / 16;
  std::vector<uint8_t> y(static_cast<size_t>(n));
  std::iota(y.begin(), y.end(), uint8_t{0});
  return {tensor(x, {n, 16}), tensor(y)};
}

std::vector<int> items_of(const Set& set) {
  std::vector<int> items;
  REQUIRE(set.x.shape() == Shape{set.y.size(), 16});
  const std::vector<float> x = set.x.to_vector<float>();
  for (uint8_t y : set.y.to_vector<uint8_t>()) {
    REQUIRE(x[items.size() * 16 + 3] == static_cast<float>(y) + 3.f / 16);
    items.push_back(y);
  }
  return items;
}

}  // namespace

TEST_CASE("items are taken from every leaf") {
  const Set set = make_set(10);
  CHECK(data::rows(set) == 10);
  CHECK(items_of(data::take(set, {3, 3, 9, 0})) == std::vector<int>{3, 3, 9, 0});
  CHECK(items_of(data::take(set, {4, 5, 6})) == std::vector<int>{4, 5, 6});
  CHECK(items_of(data::take(set, std::vector<int64_t>{})).empty());
  CHECK(items_of(data::part(set, 2, 5)) == std::vector<int>{2, 3, 4});
  CHECK(items_of(data::part(set, 10, 10)).empty());
  CHECK(gradus::test::what_of<ValueError>([&] {
          data::take(set, {0, 10});
        }) == "an item that is not there; got 10, expected 0 to 9");
  CHECK(gradus::test::what_of<ValueError>([&] { data::part(set, 4, 11); }) ==
        "no part of 10 items; got 4 to 11");
}

TEST_CASE("a part keeps its memory") {
  Set rest;
  {
    auto [first, second] = data::split_at(make_set(10), 4);
    CHECK(items_of(first) == std::vector<int>{0, 1, 2, 3});
    rest = second;
  }
  CHECK(items_of(rest) == std::vector<int>{4, 5, 6, 7, 8, 9});
  // Rows of 64 bytes begin at aligned places, so nothing was copied.
  const Set whole = make_set(3);
  CHECK(data::part(whole, 1, 3).x.data<float>().data() == whole.x.data<float>().data() + 16);
}

TEST_CASE("splits") {
  const Set set = make_set(10);
  const std::vector<Set> parts = data::split(set, {5, 0, 3});
  REQUIRE(parts.size() == 3);
  CHECK(items_of(parts[0]) == std::vector<int>{0, 1, 2, 3, 4});
  CHECK(items_of(parts[1]).empty());
  CHECK(items_of(parts[2]) == std::vector<int>{5, 6, 7});
  auto [train, validation] = data::split_fraction(set, 0.8);
  CHECK(data::rows(train) == 8);
  CHECK(items_of(validation) == std::vector<int>{8, 9});
  CHECK(data::rows(data::split_fraction(set, 1.0).first) == 10);
  CHECK(data::rows(data::split_fraction(set, 0.25).first) == 3);  // 2.5 is rounded up
  CHECK(gradus::test::what_of<ValueError>([&] {
          data::split(set, {5, 6});
        }) == "no part of 6 items behind the first 5; got 10 in all");
  CHECK_THROWS_AS(data::split(set, {INT64_MAX, INT64_MAX}), ValueError);
  CHECK_THROWS_AS(data::split(set, {-1}), ValueError);
  CHECK_THROWS_AS(data::split_at(set, 11), ValueError);
  CHECK_THROWS_AS(data::split_fraction(set, 1.1), ValueError);
  CHECK_THROWS_AS(data::split_fraction(set, std::nan("")), ValueError);
}

TEST_CASE("batches are trees") {
  const auto batches = data::batches(make_set(10), {.size = 4, .order = data::Order::numpy(0)});
  std::vector<int> seen;
  for (auto& batch : batches.epoch(1)) {
    for (int i : items_of(batch))
      seen.push_back(i);
  }
  data::RandomState state(0);
  state.permutation(10);
  const std::vector<int64_t> expected = state.permutation(10);
  CHECK(seen == std::vector<int>(expected.begin(), expected.end()));
}

TEST_CASE("compiled functions of batches run on the thread that makes them") {
  const auto scaled = jit([](const Tensor& x) { return x / 255.0f + 0.5f; });
  const auto plain =
      data::batches(make_set(50), {.size = 8, .order = data::Order::numpy(2)}).map([&](Set batch) {
        return Set{scaled(batch.x), batch.y};
      });
  auto ahead = plain.prefetch(2).epoch(0);
  auto at = ahead.begin();
  for (auto& batch : plain.epoch(0)) {
    CHECK(batch.x.to_vector<float>() == (*at).x.to_vector<float>());
    CHECK(batch.y.to_vector<uint8_t>() == at->y.to_vector<uint8_t>());
    // The consumer computes too, meanwhile.
    CHECK(scaled(batch.x).shape() == batch.x.shape());
    ++at;
  }
  CHECK(at == ahead.end());
}

TEST_CASE("data sets that are none") {
  const Set set = make_set(4);
  CHECK(gradus::test::what_of<ShapeError>([&] {
          data::rows(Set{set.x, data::part(set, 0, 3).y});
        }) == "no set of items; got u8[3] at y, expected 4 items as at x");
  CHECK(gradus::test::what_of<ShapeError>([&] { data::rows(Tensor(1.0)); }) ==
        "no set of items; got f32[] at the tensor, expected a first axis");
  CHECK_THROWS_AS(data::rows(std::vector<Tensor>{}), ValueError);
  CHECK_THROWS_AS(data::rows(Set{}), ValueError);
  CHECK_THROWS_AS(data::batches(set, {.size = 0}), ValueError);
}

TEST_CASE("samples that are trees are stacked") {
  const std::vector<Set> samples = {{tensor({1.0, 2.0}), Tensor(uint8_t{3})},
                                    {tensor({4.0, 5.0}), Tensor(uint8_t{6})}};
  const Set batch = data::stack(std::span(samples));
  CHECK(batch.x.to_vector<float>() == std::vector<float>{1, 2, 4, 5});
  CHECK(batch.x.shape() == Shape{2, 2});
  CHECK(batch.y.to_vector<uint8_t>() == std::vector<uint8_t>{3, 6});
  const std::vector<Tensor> wrong = {tensor({1.0}), tensor({1.0, 2.0})};
  CHECK(gradus::test::what_of<ShapeError>([&] { data::stack(std::span(wrong)); }) ==
        "samples of different types at the tensor; got f32[2] in sample 1, expected f32[1]");
  const std::vector<Tensor> types = {tensor({1.0}), tensor({1})};
  CHECK_THROWS_AS(data::stack(std::span(types)), DTypeError);
  CHECK_THROWS_AS(data::stack(std::span(types).first(0)), ValueError);
  const std::vector<std::vector<Tensor>> lengths = {{Tensor(1)}, {}};
  CHECK_THROWS_AS(data::stack(std::span(lengths)), ValueError);
}

TEST_CASE("parts and maps of data sets of items") {
  const std::vector<int> values = {10, 11, 12, 13};
  const data::Subset subset(values, {3, 1});
  CHECK(subset.size() == 2);
  CHECK(subset[0] == 13);
  CHECK_THROWS_AS(data::Subset(values, {4}), ValueError);
  const data::Mapped halves(subset, [](int x) { return x / 2.0; });
  CHECK(halves.size() == 2);
  CHECK(halves[1] == 5.5);
}
