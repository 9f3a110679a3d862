#include "runtime/buffer.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdint>
#include <cstring>
#include <thread>
#include <type_traits>
#include <vector>

#include "runtime/error.h"
#include "runtime/options.h"

using namespace gradus;

static_assert(std::is_nothrow_move_constructible_v<BufferPtr>);
static_assert(sizeof(BufferPtr) == sizeof(void*));

TEST_CASE("buffers are aligned, writable and as large as asked", "[buffer]") {
  size_t bytes = GENERATE(0, 1, 40, 63, 64, 65, 4096, 100'000, 1'000'000, 5'000'001);
  BufferPtr buffer = Buffer::allocate(bytes);
  REQUIRE(buffer->bytes() == bytes);
  REQUIRE(reinterpret_cast<uintptr_t>(buffer->data()) % Buffer::kAlignment == 0);
  REQUIRE_FALSE(buffer->is_borrowed());
  // The padding belongs to the buffer too.
  size_t padded = (bytes + Buffer::kAlignment - 1) / Buffer::kAlignment * Buffer::kAlignment;
  std::memset(buffer->data(), 0xab, padded);
  if (padded > 0) REQUIRE(buffer->as<uint8_t>()[padded - 1] == 0xab);
}

TEST_CASE("BufferPtr counts references like shared_ptr", "[buffer]") {
  BufferPtr a = Buffer::allocate(64);
  REQUIRE(is_unique(a));
  BufferPtr b = a;
  REQUIRE(a.use_count() == 2);
  REQUIRE_FALSE(is_unique(a));
  REQUIRE(a == b);
  BufferPtr c = std::move(b);
  REQUIRE_FALSE(b);
  REQUIRE(a.use_count() == 2);
  c.reset();
  REQUIRE(is_unique(a));
  BufferPtr& same = a;
  a = same;
  REQUIRE(is_unique(a));
  a = nullptr;
  REQUIRE(a.get() == nullptr);
  REQUIRE(a.use_count() == 0);
  REQUIRE_FALSE(is_unique(a));
}

TEST_CASE("no two live buffers overlap", "[buffer]") {
  std::vector<BufferPtr> live;
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < 500; ++i) {
      live.push_back(Buffer::allocate((i * 7919) % 3000));
      std::memset(live.back()->data(), static_cast<int>(live.size() % 251), live.back()->bytes());
    }
    for (size_t i = 0; i < live.size(); ++i) {
      const auto* p = live[i]->as<uint8_t>();
      auto mine = [&](uint8_t value) { return value == (i + 1) % 251; };
      REQUIRE(std::all_of(p, p + live[i]->bytes(), mine));
    }
    live.clear();
  }
}

TEST_CASE("borrowed memory is released once, by its last reference, and never donated",
          "[buffer]") {
  float data[4] = {};
  int released = 0;
  BufferPtr a = Buffer::borrow(data, sizeof data, [&] { ++released; });
  REQUIRE(a->data() == data);
  REQUIRE(a->is_borrowed());
  REQUIRE(is_unique(a));
  REQUIRE_FALSE(is_donatable(a));
  BufferPtr b = a;
  a.reset();
  REQUIRE(released == 0);
  b.reset();
  REQUIRE(released == 1);
  Buffer::borrow(data, sizeof data, nullptr).reset();
}

TEST_CASE("statistics follow allocation and release", "[buffer]") {
  BufferStatistics before = buffer_statistics();
  reset_peak_bytes();
  {
    BufferPtr a = Buffer::allocate(1000);
    BufferPtr b = Buffer::allocate(64);
    BufferStatistics during = buffer_statistics();
    REQUIRE(during.live_buffers == before.live_buffers + 2);
    REQUIRE(during.live_bytes == before.live_bytes + 1024 + 64);
    REQUIRE(during.allocations == before.allocations + 2);
  }
  BufferStatistics after = buffer_statistics();
  REQUIRE(after.live_buffers == before.live_buffers);
  REQUIRE(after.live_bytes == before.live_bytes);
  REQUIRE(after.peak_bytes == before.live_bytes + 1024 + 64);
}

#if !defined(__SANITIZE_ADDRESS__)  // freed memory is not kept there, so that its use is found
TEST_CASE("freed memory serves the next allocation of its class", "[buffer]") {
  release_cached_buffers();
  REQUIRE(buffer_statistics().cached_bytes == 0);
  size_t bytes = GENERATE(40, 4096, 1'000'000, 8'000'000);
  void* data = Buffer::allocate(bytes)->data();
  REQUIRE(buffer_statistics().cached_bytes >= bytes);
  uint64_t system_before = buffer_statistics().system_allocations;
  REQUIRE(Buffer::allocate(bytes)->data() == data);
  REQUIRE(buffer_statistics().system_allocations == system_before);
}
#endif

TEST_CASE("very large buffers go back to the system", "[buffer]") {
  size_t cached = buffer_statistics().cached_bytes;
  Buffer::allocate(size_t{300} << 20).reset();
  REQUIRE(buffer_statistics().cached_bytes == cached);
}

TEST_CASE("memory that is not there is a MemoryError", "[buffer][errors]") {
  using Catch::Matchers::StartsWith;
  size_t live = buffer_statistics().live_bytes;
  REQUIRE_THROWS_AS(Buffer::allocate(SIZE_MAX), MemoryError);
  REQUIRE_THROWS_AS(Buffer::allocate(SIZE_MAX - 200), MemoryError);
  REQUIRE_THROWS_AS(Buffer::allocate(size_t{1} << 50), MemoryError);
  REQUIRE_THROWS_WITH(
      Buffer::allocate(size_t{1} << 50),
      StartsWith("[buffer] out of memory; got a request for 1125899906842624 bytes while"));
  REQUIRE(buffer_statistics().live_bytes == live);
}

TEST_CASE("the option memory_limit bounds live memory", "[buffer][errors]") {
  Options limited = options();
  size_t live = buffer_statistics().live_bytes;
  limited.memory_limit = static_cast<int64_t>(live) + 2048;
  ScopedOptions scope(limited);
  BufferPtr a = Buffer::allocate(1024);
  BufferPtr b = Buffer::allocate(1024);
  REQUIRE_THROWS_AS(Buffer::allocate(1), MemoryError);
  b.reset();
  BufferPtr c = Buffer::allocate(1000);
  try {
    BufferPtr d = Buffer::allocate(4096);
    FAIL("the limit was not kept");
  } catch (const MemoryError& e) {
    REQUIRE(std::string(e.what()) ==
            "[buffer] out of memory; got a request for 4096 bytes while " +
                std::to_string(live + 2048) + " bytes are in use, expected at most " +
                std::to_string(live + 2048) +
                " in all (memory_limit); use smaller batches, or drop tensors that are no longer "
                "needed");
  }
}

TEST_CASE("threads allocate, hand over and free at the same time", "[buffer][threads]") {
  size_t live = buffer_statistics().live_bytes;
  BufferPtr shared = Buffer::allocate(256);
  std::memset(shared->data(), 1, 256);
  auto work = [&](int id) {
    std::vector<BufferPtr> mine;
    for (int i = 0; i < 2000; ++i) {
      BufferPtr copy = shared;
      mine.push_back(Buffer::allocate(static_cast<size_t>(i % 700)));
      std::memset(mine.back()->data(), id, mine.back()->bytes());
      if (mine.size() > 20) mine.erase(mine.begin());
      for (const BufferPtr& b : mine) {
        if (b->bytes() > 0 && b->as<uint8_t>()[b->bytes() - 1] != id) return false;
      }
    }
    return true;
  };
  bool good[4] = {};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] { good[t] = work(t); });
  }
  for (bool g : good)
    REQUIRE(g);
  REQUIRE(is_unique(shared));
  shared.reset();
  REQUIRE(buffer_statistics().live_bytes == live);
}
