#include "frontend/data/loader.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "runtime/error.h"

using namespace gradus;

namespace {

auto doubled(int item) {
  return 2 * item;
}
auto listed(std::span<const int> samples) {
  return std::vector<int>(samples.begin(), samples.end());
}

struct Numbers {
  int64_t count;
  int64_t size() const { return count; }
  int operator[](int64_t i) const { return static_cast<int>(i); }
};

}  // namespace

TEST_CASE("a walk visits every item once, in order, the rest in a smaller batch", "[loader]") {
  int64_t items = GENERATE(0, 1, 7, 8, 9, 16);
  int64_t batch_size = GENERATE(1, 3, 8, 100);
  data::Loader loader(Numbers{items}, batch_size, doubled, listed);
  REQUIRE(loader.items() == items);
  for (int walk = 0; walk < 2; ++walk) {
    std::vector<int> seen;
    int64_t batches = 0;
    for (std::vector<int> batch : loader) {
      ++batches;
      int64_t left = items - static_cast<int64_t>(seen.size());
      REQUIRE(static_cast<int64_t>(batch.size()) == std::min(batch_size, left));
      seen.insert(seen.end(), batch.begin(), batch.end());
    }
    REQUIRE(batches == loader.batches());
    REQUIRE(static_cast<int64_t>(seen.size()) == items);
    for (size_t i = 0; i < seen.size(); ++i)
      REQUIRE(seen[i] == 2 * static_cast<int>(i));
  }
}

TEST_CASE("an order can permute, leave out and repeat", "[loader]") {
  data::Loader loader(Numbers{10}, 2, doubled, listed);
  loader.set_order({9, 0, 0, 4, 5});
  std::vector<std::vector<int>> batches;
  for (auto batch : loader)
    batches.push_back(batch);
  REQUIRE(batches == std::vector<std::vector<int>>{{18, 0}, {0, 8}, {10}});
  loader.set_order({});
  REQUIRE(loader.batches() == 0);
}

TEST_CASE("batch sizes and orders that cannot be are a ValueError", "[loader][errors]") {
  auto message = [](auto action) -> std::string {
    try {
      action();
    } catch (const ValueError& e) {
      return e.what();
    }
    return "no error";
  };
  REQUIRE(message([] { data::Loader(Numbers{3}, 0, doubled, listed); }) ==
          "[loader] a batch has at least one item; got a batch size of 0");
  data::Loader loader(Numbers{3}, 1, doubled, listed);
  REQUIRE(message([&] {
            loader.set_order({0, 3});
          }) == "[loader] order names an item that is not there; got 3, expected 0 to 2");
}
