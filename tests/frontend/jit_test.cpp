// The cache of jit, donation, captures, threads.
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <optional>
#include <random>
#include <thread>

#include "runtime/log.h"
#include "tests/frontend/values.h"

using namespace gradus;

namespace {

enum class Mode { Train, Test };
struct Config {
  Tensor scale;
  int repeat = 1;
  Mode mode = Mode::Train;
  std::string name = "a";
  bool flag = false;
  Static<float> rate{0.5f};
};

/// The lines of jit that are logged while it lives, at `level` and above.
class Captured {
 public:
  explicit Captured(LogLevel level)
      : sink_([this](LogLevel l, std::string_view text) {
          if (!text.starts_with("[jit]")) return;
          lines.push_back(std::string(name_of(l)) + " " + std::string(text));
        }) {
    set_log_level(level);
  }
  ~Captured() { set_log_level(LogLevel::Warning); }

  std::vector<std::string> lines;

 private:
  ScopedLogSink sink_;
};

}  // namespace

TEST_CASE("values hit, types and statics miss") {
  const auto f = jit([](const Config& c, const Tensor& x) {
    Tensor y = x;
    for (int i = 0; i < c.repeat; ++i)
      y = y * c.scale * c.rate.value;
    return c.mode == Mode::Train ? y : y + 1;
  });
  Config c{Tensor(2.0f)};
  CHECK(close(f(c, ones({2})), {1, 1}));
  c.scale = 4.0f;
  CHECK(close(f(c, 3 * ones({2})), {6, 6}));
  CHECK(f.compilations() == 1);
  int expected = 1;
  const auto misses = [&](auto change) {
    Config d = c;
    change(d);
    f(d, ones({2}));
    f(d, 2 * ones({2}));
    return f.compilations() == ++expected;
  };
  CHECK(misses([](Config& d) { d.repeat = 2; }));
  CHECK(misses([](Config& d) { d.mode = Mode::Test; }));
  CHECK(misses([](Config& d) { d.name = "b"; }));
  CHECK(misses([](Config& d) { d.name = "a much longer name than a word"; }));
  CHECK(misses([](Config& d) { d.flag = true; }));
  CHECK(misses([](Config& d) { d.rate.value = 0.25f; }));
  CHECK(misses([](Config& d) { d.rate.value = 0.0f; }));
  CHECK(misses([](Config& d) { d.rate.value = -0.0f; }));
  CHECK(misses([](Config& d) { d.rate.value = NAN; }));
  CHECK(misses([](Config& d) { d.scale = ones({2}); }));
  Config nan = c;
  nan.rate.value = NAN;
  f(nan, ones({2}));
  CHECK(f.compilations() == expected);
  f(c, ones({3}));
  CHECK(f.compilations() == expected + 1);
  f(c, ones({2}, DType::F64));
  CHECK(f.compilations() == expected + 2);
}

TEST_CASE("structure is part of the key") {
  using Tree = std::map<std::string, std::vector<std::optional<Tensor>>>;
  const auto f = jit([](const Tree& t) {
    Tensor total = 0.0f;
    for (const auto& [name, xs] : t) {
      for (const auto& x : xs) {
        if (x) total = total + *x;
      }
    }
    return total;
  });
  const auto value = [&](const Tree& t) { return f(t).item<float>(); };
  CHECK(value({{"a", {Tensor(1.0f), std::nullopt}}}) == 1);
  CHECK(value({{"a", {Tensor(1.0f), Tensor(2.0f)}}}) == 3);
  CHECK(value({{"b", {Tensor(1.0f), Tensor(2.0f)}}}) == 3);
  CHECK(value({{"b", {Tensor(1.0f)}}, {"c", {Tensor(2.0f)}}}) == 3);
  CHECK(f(Tree{}).item<float>() == 0);
  CHECK(f.compilations() == 5);
  CHECK(value({{"a", {std::nullopt, Tensor(1.0f)}}}) == 1);
  CHECK(f.compilations() == 6);
}

TEST_CASE("arguments are converted to the parameters' types first") {
  const auto f = jit([](Tensor x, Tensor rate) { return x * rate; });
  CHECK(close(f(ones({2}), 0.5f), {0.5f, 0.5f}));
  CHECK(close(f(ones({2}), 0.25), {0.25f, 0.25f}));
  CHECK(close(f(ones({2}), Tensor(4.0f)), {4, 4}));
  CHECK(f.compilations() == 1);
}

TEST_CASE("results are trees, with their static members") {
  const auto f = jit([](const Tensor& x) {
    return std::tuple{Config{x * 2, 7, Mode::Test, "made"}, std::vector<Tensor>{x, x + 1}};
  });
  for (int i = 0; i < 2; ++i) {
    const auto [config, list] = f(Tensor(3.0f));
    CHECK(config.scale.item<float>() == 6);
    CHECK(config.repeat == 7);
    CHECK(config.name == "made");
    CHECK(list[0].item<float>() == 3);
    CHECK(list[1].item<float>() == 4);
  }
}

TEST_CASE("the least recently used program goes") {
  const auto f = jit([](const Tensor& x) { return x + 1; }, JitOptions{.capacity = 2});
  f(ones({1}));
  f(ones({2}));
  CHECK(f.compilations() == 2);
  f(ones({1}));
  f(ones({2}));
  CHECK(f.compilations() == 2);
  f(ones({3}));
  CHECK(f.compilations() == 3);
  f(ones({3}));
  CHECK(f.compilations() == 3);
  for (int64_t n = 1; n < 20; ++n)
    CHECK(close(f(ones({n})), 2 * ones({n})));
}

TEST_CASE("a miss is explained") {
  const Captured log(LogLevel::Info);
  const JitOptions options{.name = "step", .arguments = {"params", "n"}};
  const auto f = jit([](const std::vector<Tensor>& x, int n) { return x[0] * n; }, options);
  const std::string line = here(-1);
  f(std::vector{ones({128, 784})}, 1);
  f(std::vector{ones({96, 784})}, 1);
  f(std::vector{ones({96, 784})}, 2);
  f(std::vector{ones({96, 784}), ones({1})}, 2);
  REQUIRE(log.lines.size() == 3);
  const std::string begin = "info [jit] compiling step again: ";
  CHECK(log.lines[0] == begin + "params[0]: f32[128,784] \u2192 f32[96,784]; " + line);
  CHECK(log.lines[1] == begin + "n: value 1 \u2192 value 2; " + line);
  CHECK(log.lines[2] == begin + "params: length 1 \u2192 length 2; " + line);
}

TEST_CASE("a static value that keeps changing is named") {
  const Captured log(LogLevel::Warning);
  const auto f = jit([](const Tensor& x, int step) { return x + step; }, "count");
  const std::string line = here(-1);
  for (int i = 0; i < 12; ++i)
    f(Tensor(1.0f), i);
  REQUIRE(log.lines.size() == 1);
  CHECK(log.lines[0] ==
        "warning [jit] count was compiled 8 times for new values of the static "
        "arg1; " +
            line + "; pass it as a Tensor if its value may vary");
}

TEST_CASE("a moved argument gives its memory, others keep every byte") {
  const auto f = jit([](const Tensor& x, const Tensor& y) { return x + y; });
  const std::string line = here(-1);
  Tensor x = ones({1000}), y = 2 * ones({1000});
  Tensor z = f(x, y);
  CHECK(floats(x)[5] == 1);
  CHECK(floats(y)[5] == 2);
  z = f(std::move(x), y);
  CHECK(floats(z)[999] == 3);
  const std::string at = here(1);
  const std::string text = message_of<DonatedError>([&] { x.to_vector<float>(); });
  CHECK(text ==
        "[to_vector] a donated tensor was read; got f32[1000] moved into a call of the "
        "function jitted at " +
            line + "; " + at + "; use the call's result, or pass a copy instead of std::move");
  CHECK_THROWS_AS(x + 1, DonatedError);
  CHECK_THROWS_AS(f(x, y), DonatedError);

  Tensor a = ones({10});
  const Tensor kept = a;
  f(std::move(a), a);
  CHECK(floats(kept)[0] == 1);  // another handle lives: refused
  CHECK(floats(a)[0] == 1);

  Tensor b = ones({10});
  CHECK(floats(f(std::move(b), std::move(b)))[3] == 2);
  CHECK_THROWS_AS(b.to_vector<float>(), DonatedError);
}

TEST_CASE("borrowed memory is never donated") {
  std::vector<float> mine(100, 3.0f);
  Tensor x = borrow(mine.data(), {100});
  const auto f = jit([](const Tensor& t) { return t + 1; });
  const Tensor y = f(std::move(x));
  CHECK(floats(y)[7] == 4);
  CHECK(mine[7] == 3);
}

TEST_CASE("distinct results have distinct memory") {
  const auto f = jit([](const Tensor& x) {
    return std::vector<Tensor>{zeros({4}), zeros({4}), x, x, constant(ones({4}))};
  });
  auto first = f(ones({4}));
  const auto g = jit([](Tensor t) { return t + 5; });
  for (Tensor& t : first)
    t = g(std::move(t));
  const auto second = f(ones({4}));
  CHECK(floats(second[0]) == std::vector<float>(4, 0));
  CHECK(floats(second[1]) == std::vector<float>(4, 0));
  CHECK(floats(second[3]) == std::vector<float>(4, 1));
  CHECK(floats(second[4]) == std::vector<float>(4, 1));
  CHECK(floats(first[0]) == std::vector<float>(4, 5));
  CHECK(floats(first[2]) == std::vector<float>(4, 6));
}

TEST_CASE("ownership: random programs of copies, moves and aliases leave live handles alone") {
  std::mt19937 random(7);
  const auto step = jit([](Tensor a, Tensor b) {
    return std::vector<Tensor>{a + b, b, a, zeros({16}), a - b};
  });
  struct Handle {
    Tensor tensor;
    std::vector<float> elements;
  };
  std::vector<Handle> live;
  for (int i = 0; i < 4; ++i) {
    const std::vector<float> values(16, static_cast<float>(i));
    live.push_back({tensor(values), values});
  }
  for (int round = 0; round < 300; ++round) {
    const size_t i = random() % live.size(), j = random() % live.size();
    const std::vector<float> a = live[i].elements, b = live[j].elements;
    const bool moves_first = random() % 2, moves_second = random() % 2;
    Tensor& x = live[i].tensor;
    Tensor& y = live[j].tensor;
    std::vector<Tensor> results = moves_first && moves_second ? step(std::move(x), std::move(y))
                                  : moves_first               ? step(std::move(x), y)
                                  : moves_second              ? step(x, std::move(y))
                                                              : step(x, y);
    std::vector<std::vector<float>> expected(5);
    for (size_t k = 0; k < 16; ++k) {
      expected[0].push_back(a[k] + b[k]);
      expected[1].push_back(b[k]);
      expected[2].push_back(a[k]);
      expected[3].push_back(0);
      expected[4].push_back(a[k] - b[k]);
    }
    for (size_t k = 0; k < 5; ++k)
      REQUIRE(floats(results[k]) == expected[k]);
    std::vector<Handle> next;
    for (size_t k = 0; k < live.size(); ++k) {
      const bool was_moved = (moves_first && k == i) || (moves_second && k == j);
      if (was_moved) continue;
      REQUIRE(floats(live[k].tensor) == live[k].elements);
      next.push_back(live[k]);
    }
    for (size_t k = 0; k < 5; ++k) {
      // Bounded values, so that sums stay exact.
      if (next.size() < 8 && std::abs(expected[k][0]) < 1e6)
        next.push_back({results[k], expected[k]});
      if (random() % 3 == 0 && next.size() < 8) next.push_back(next.back());  // an alias
    }
    live = std::move(next);
  }
}

TEST_CASE("a throw leaves arguments intact and no trace open") {
  bool fails = true;
  const auto f = jit([&](Tensor x) {
    if (fails) throw std::runtime_error("mine");
    return x + 1;
  });
  Tensor x = ones({3});
  CHECK_THROWS_AS(f(std::move(x)), std::runtime_error);
  CHECK(floats(x)[0] == 1);
  CHECK_FALSE((x + 1).is_traced());
  fails = false;
  CHECK(floats(f(std::move(x)))[0] == 2);
}

TEST_CASE("a tensor that the function itself makes is part of it") {
  const auto f = jit([](const Tensor& x) { return take(x, tensor({2, 0})) * tensor({1.0, 10.0}); });
  CHECK(close(f(tensor({1.0, 2.0, 3.0})), {3, 10}));
  CHECK(close(f(tensor({4.0, 5.0, 6.0})), {6, 40}));
}

TEST_CASE("compile makes the program ahead of the first call") {
  const auto f = jit([](const Tensor& x) { return x + 1; });
  f.compile(ones({3}));
  CHECK(f.compilations() == 1);
  CHECK(close(f(ones({3})), {2, 2, 2}));
  CHECK(f.compilations() == 1);
  CHECK(f.graph_text(ones({3})).find("add(") != std::string::npos);
}

TEST_CASE("threads share one function") {
  std::atomic<int> traces{0};
  const auto f = jit(
      [&](const Tensor& x) {
        ++traces;
        return x * 2 + 1;
      },
      JitOptions{.capacity = 2});
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int i = 0; i < 200; ++i) {
        const auto n = static_cast<int64_t>(random() % 4) + 1;
        const Tensor y = f(ones({n}));
        if (floats(y) != std::vector<float>(static_cast<size_t>(n), 3)) ++wrong;
      }
    });
  }
  for (auto& t : threads)
    t.join();
  CHECK(wrong == 0);
  CHECK(f.compilations() == traces);
}

TEST_CASE("one thread compiles while the others wait") {
  std::atomic<int> traces{0};
  const auto f = jit([&](const Tensor& x) {
    ++traces;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return x * 2;
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] { f(ones({5})); });
  for (auto& t : threads)
    t.join();
  CHECK(traces == 1);
}
