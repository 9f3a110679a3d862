// NumPy's permutations, and orders as functions of the epoch.
#include "frontend/data/order.h"

#include <catch2/catch_test_macros.hpp>
#include <numeric>
#include <set>

#include "frontend/data/random_state.h"
#include "frontend/ops.h"

using namespace gradus;
using data::Order;

namespace {

struct Golden {
  uint32_t seed;
  int64_t items;
  std::vector<int64_t> first;
  uint32_t hash;
};

const std::vector<Golden> kGolden = {
#include "order_golden.inc"
};

uint32_t hash_of(const std::vector<int64_t>& order) {
  uint32_t hash = 0;
  for (int64_t i : order)
    hash = hash * 1000003 + static_cast<uint32_t>(i);
  return hash;
}

}  // namespace

TEST_CASE("permutations are those of NumPy's RandomState, one after another") {
  data::RandomState state;
  for (size_t i = 0; i < kGolden.size(); ++i) {
    const Golden& g = kGolden[i];
    if (i == 0 || kGolden[i - 1].seed != g.seed) state = data::RandomState(g.seed);
    const std::vector<int64_t> order = state.permutation(g.items);
    CAPTURE(g.seed, g.items);
    REQUIRE(std::vector(order.begin(), order.begin() + static_cast<int64_t>(g.first.size())) ==
            g.first);
    CHECK(hash_of(order) == g.hash);
  }
  CHECK(state.permutation(0).empty());
  CHECK(data::numpy_permutation(0, 10) == data::RandomState(0).permutation(10));
  CHECK_THROWS_AS(state.permutation(-1), ValueError);
}

TEST_CASE("a random state goes on from its words") {
  data::RandomState state(7);
  for (int i = 0; i < 1000; ++i)
    state.next();
  data::RandomState copy(state.words());
  CHECK(copy == state);
  CHECK(copy.permutation(1000) == state.permutation(1000));
  CHECK_THROWS_AS(data::RandomState(zeros({625}, DType::I32)), ValueError);
  CHECK_THROWS_AS(data::RandomState(zeros({624}, DType::U32)), ValueError);
  CHECK_THROWS_AS(data::RandomState(full({625}, 625, DType::U32)), ValueError);
}

TEST_CASE("numbers up to a bound, also beyond 32 bits") {
  data::RandomState state(0);
  // numpy.random.RandomState(0): bounds of one word and of two.
  std::set<uint64_t> seen;
  for (int i = 0; i < 200; ++i)
    seen.insert(state.next_up_to(4));
  CHECK(seen == std::set<uint64_t>{0, 1, 2, 3, 4});
  bool is_wide = false;
  for (int i = 0; i < 100; ++i) {
    const uint64_t x = state.next_up_to(uint64_t{5} << 32);
    CHECK(x <= uint64_t{5} << 32);
    is_wide |= x > UINT32_MAX;
  }
  CHECK(is_wide);
}

TEST_CASE("an epoch's order depends on its number alone") {
  const Order numpy = Order::numpy(3);
  data::RandomState state(3);
  std::vector<std::vector<int64_t>> expected;
  for (int epoch = 0; epoch < 4; ++epoch)
    expected.push_back(state.permutation(20));
  for (int epoch : {0, 1, 3, 1, 2, 0, 0})
    CHECK(*numpy.of_epoch(epoch, 20) == expected[static_cast<size_t>(epoch)]);
  // Of another data set in between.
  CHECK(*numpy.of_epoch(1, 7) != expected[1]);
  CHECK(*numpy.of_epoch(1, 20) == expected[1]);

  const Order jax = Order::jax(random::key(5));
  const Tensor order = random::permutation(random::fold_in(random::key(5), 2), 20);
  const std::vector<int32_t> values = order.to_vector<int32_t>();
  CHECK(*jax.of_epoch(2, 20) == std::vector<int64_t>(values.begin(), values.end()));

  CHECK(Order().of_epoch(5, 20) == nullptr);
  CHECK(*Order::fixed({2, 2, 0}).of_epoch(9, 3) == std::vector<int64_t>{2, 2, 0});
  CHECK(Order::fixed({2, 2, 0}).length(5) == 3);
  const Order reversed = Order::custom("reversed", [](int64_t, int64_t n) {
    std::vector<int64_t> indices(static_cast<size_t>(n));
    std::iota(indices.rbegin(), indices.rend(), 0);
    return indices;
  });
  CHECK(*reversed.of_epoch(0, 3) == std::vector<int64_t>{2, 1, 0});
}

TEST_CASE("orders have names that tell them apart") {
  CHECK(Order().name() == "file");
  CHECK(Order::numpy(12).name() == "numpy(12)");
  CHECK(Order::jax(random::key(5)).name() == "jax(0000000000000005)");
  CHECK(Order::jax(random::key(5), random::Stream::Original).name() ==
        "jax(0000000000000005, original)");
  CHECK(Order::fixed({0, 1}).name() != Order::fixed({1, 0}).name());
}

TEST_CASE("orders that cannot be") {
  CHECK_THROWS_AS(Order().of_epoch(-1, 3), ValueError);
  CHECK_THROWS_AS(Order::fixed({3}).of_epoch(0, 3), ValueError);
  CHECK_THROWS_AS(Order::fixed({-1}).of_epoch(0, 3), ValueError);
  const auto two = [](int64_t, int64_t) { return std::vector<int64_t>{0, 1}; };
  CHECK_THROWS_AS(Order::custom("two", two).of_epoch(0, 3), ValueError);
  CHECK_THROWS_AS(Order::custom("two", two).of_epoch(0, 1), ValueError);
}
