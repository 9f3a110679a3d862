// Epochs, positions, maps and prefetching: over numbers, whose batches are lists of numbers.
#include "frontend/data/batches.h"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace gradus;
using data::Batches;
using data::Batching;
using data::Order;
using data::Position;

namespace {

using List = std::vector<int64_t>;

Batches<List> lists(int64_t items, Batching batching) {
  return Batches<List>(items, std::move(batching), [] {
    return [](std::span<const int64_t> items) { return List(items.begin(), items.end()); };
  });
}

std::vector<List> all_of(data::Walk<List> walk) {
  std::vector<List> batches;
  for (List& batch : walk)
    batches.push_back(std::move(batch));
  return batches;
}

}  // namespace

TEST_CASE("the rest is a smaller batch, or left out") {
  const int64_t ahead = GENERATE(0, 1, 3);
  const auto with = lists(8, {.size = 3}).prefetch(ahead);
  CHECK(with.batches() == 3);
  CHECK(all_of(with.epoch(0)) == std::vector<List>{{0, 1, 2}, {3, 4, 5}, {6, 7}});
  const auto without = lists(8, {.size = 3, .drop_rest = true}).prefetch(ahead);
  CHECK(without.batches() == 2);
  CHECK(all_of(without.epoch(0)) == std::vector<List>{{0, 1, 2}, {3, 4, 5}});
  CHECK(all_of(lists(0, {.size = 3}).prefetch(ahead).epoch(0)).empty());
  CHECK(all_of(lists(2, {.size = 3, .drop_rest = true}).prefetch(ahead).epoch(0)).empty());
}

TEST_CASE("an epoch visits every item once, epochs in different orders") {
  const auto batches = lists(100, {.size = 7, .order = Order::numpy(0)});
  List first, second;
  for (const List& batch : batches.epoch(0))
    first.insert(first.end(), batch.begin(), batch.end());
  for (const List& batch : batches.epoch(1))
    second.insert(second.end(), batch.begin(), batch.end());
  CHECK(first != second);
  CHECK(std::set(first.begin(), first.end()).size() == 100);
  CHECK(std::set(second.begin(), second.end()).size() == 100);
}

TEST_CASE("a walk that stopped goes on with the same batches") {
  const int64_t ahead = GENERATE(0, 2);
  const Order order = GENERATE(Order(), Order::numpy(4), Order::jax(random::key(1)));
  const auto batches = lists(50, {.size = 8, .order = order}).prefetch(ahead);
  std::vector<List> whole;
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    for (List& batch : batches.epoch(epoch))
      whole.push_back(batch);
  }
  for (size_t stop = 0; stop < whole.size(); ++stop) {
    std::vector<List> seen;
    std::string saved = batches.save({});
    for (Position at; at.epoch < 3 && seen.size() < stop; ++at.epoch) {
      auto walk = batches.epoch(at.epoch);
      for (const List& batch : walk) {
        seen.push_back(batch);
        saved = batches.save(walk.position());
        if (seen.size() == stop) break;
      }
    }
    const auto again = lists(50, {.size = 8, .order = order}).prefetch(ahead);
    Position at = again.restore(saved);
    for (; at.epoch < 3; at = {at.epoch + 1, 0}) {
      for (const List& batch : again.from(at))
        seen.push_back(batch);
    }
    REQUIRE(seen == whole);
  }
}

TEST_CASE("a position is restored for the same batches only") {
  const auto batches = lists(50, {.size = 8, .order = Order::numpy(4)});
  const std::string saved = batches.save({2, 5});
  CHECK(saved == "epoch 2 batch 5 of items 50 batch size 8 with rest order numpy(4)");
  CHECK(batches.restore(saved) == Position{2, 5});
  const auto message = [&](const Batches<List>& other, const std::string& text) -> std::string {
    try {
      other.restore(text);
    } catch (const ValueError& e) {
      return e.message().what;
    }
    return "no error";
  };
  CHECK(message(lists(50, {.size = 8, .order = Order::numpy(5)}), saved) ==
        "the position is one of other batches; got \"items 50 batch size 8 with rest order "
        "numpy(4)\", expected \"items 50 batch size 8 with rest order numpy(5)\"");
  CHECK(message(lists(51, {.size = 8, .order = Order::numpy(4)}), saved) != "no error");
  CHECK(message(lists(50, {.size = 9, .order = Order::numpy(4)}), saved) != "no error");
  for (const std::string text : {"", "epoch", "epoch 1 batch 2", "epoch -1 batch 2 of items 50",
                                 "epoch 99999999999999999999 batch 0 of items 50"}) {
    CHECK(message(batches, text) == "no position; got \"" + text + "\"");
  }
}

TEST_CASE("maps are of batches, one after another") {
  const int64_t ahead = GENERATE(0, 2);
  const auto sums = lists(8, {.size = 3})
                        .prefetch(ahead)
                        .map([](const List& b) { return std::accumulate(b.begin(), b.end(), 0L); })
                        .map([](long sum) { return std::to_string(sum); });
  std::vector<std::string> seen;
  for (const std::string& sum : sums)
    seen.push_back(sum);
  CHECK(seen == std::vector<std::string>{"3", "12", "13"});
}

TEST_CASE("a batch is made once, when it is reached") {
  int made = 0;
  const auto batches = lists(10, {.size = 1}).map([&](const List& b) {
    ++made;
    return b[0];
  });
  auto walk = batches.epoch(0);
  auto at = walk.begin();
  CHECK(made == 0);
  CHECK(*at == 0);
  CHECK(*at == 0);
  CHECK(made == 1);
  CHECK(walk.position() == Position{0, 1});
  ++at;
  ++at;
  CHECK(*at == 2);
  CHECK(made == 2);
}

TEST_CASE("walks outlive the batches that made them, and run side by side") {
  auto walk = lists(4, {.size = 2}).prefetch(2).epoch(0);
  CHECK(all_of(walk) == std::vector<List>{{0, 1}, {2, 3}});
  const auto batches = lists(4, {.size = 2});
  auto a = batches.begin(), b = batches.begin();
  CHECK(*a == List{0, 1});
  CHECK(*b == List{0, 1});
  ++a;
  CHECK(*b == List{0, 1});
  CHECK(*a == List{2, 3});
}

TEST_CASE("few batches are made ahead") {
  std::atomic<int> made = 0;
  const auto batches = lists(100, {.size = 1})
                           .map([&](const List& b) {
                             ++made;
                             return b[0];
                           })
                           .prefetch(3);
  auto walk = batches.epoch(0);
  int used = 0;
  for (int64_t batch : walk) {
    CHECK(batch == used);
    ++used;
    if (used > 20) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    // Those used, three that wait, and one that is being made or waits for a place.
    CHECK(made <= used + 4);
  }
  CHECK(made >= used);
}

TEST_CASE("an exception comes in the place of its batch") {
  const int64_t ahead = GENERATE(0, 1, 10);
  const auto batches = lists(10, {.size = 1})
                           .map([](const List& b) {
                             if (b[0] == 4) throw std::runtime_error("item 4");
                             return b[0];
                           })
                           .prefetch(ahead);
  int64_t seen = 0;
  std::string message = "none";
  try {
    for (int64_t batch : batches) {
      CHECK(batch == seen);
      ++seen;
    }
  } catch (const std::runtime_error& e) {
    message = e.what();
  }
  CHECK(seen == 4);
  CHECK(message == "item 4");
}

TEST_CASE("a loop that is left early stops the thread, at any moment") {
  for (int stop = 0; stop < 8; ++stop) {
    std::atomic<int> running = 0;
    const auto batches = lists(1000, {.size = 1})
                             .map([&](const List& b) {
                               ++running;
                               if (b[0] % 3 == 0) std::this_thread::yield();
                               --running;
                               return b[0];
                             })
                             .prefetch(1 + stop % 3);
    {
      auto walk = batches.epoch(0);
      auto at = walk.begin();
      for (int i = 0; i < stop; ++i)
        ++at;
    }
    CHECK(running == 0);
  }
}

TEST_CASE("numbers that cannot be") {
  CHECK_THROWS_AS(lists(3, {.size = 0}), ValueError);
  CHECK_THROWS_AS(lists(3, {}).prefetch(-1), ValueError);
  CHECK_THROWS_AS(lists(3, {}).epoch(-1), ValueError);
  CHECK_THROWS_AS(lists(3, {}).epoch(0, -1), ValueError);
  CHECK(all_of(lists(3, {}).epoch(0, 7)).empty());
}
