// JAX's values, in both streams.
#include <catch2/catch_test_macros.hpp>

#include "runtime/log.h"
#include "tests/frontend/values.h"

using namespace gradus;
using random::Stream;

namespace {

struct Golden {
  const char* kind;
  Stream stream;
  uint64_t seed;
  std::vector<int64_t> shape;
  DType dtype;
  std::vector<uint64_t> words;
  std::vector<double> numbers;
};

const std::vector<Golden> kGolden = {
#include "random_golden.inc"
};

std::vector<uint64_t> words_of(const Tensor& x) {
  std::vector<uint64_t> words;
  if (x.dtype() == DType::Key) {
    for (const KeyData& key : x.to_vector<KeyData>()) {
      words.push_back(key.hi);
      words.push_back(key.lo);
    }
  } else if (x.dtype() == DType::U32) {
    for (uint32_t w : x.to_vector<uint32_t>())
      words.push_back(w);
  } else if (x.dtype() == DType::Bool) {
    for (uint8_t w : x.to_vector<bool>())
      words.push_back(w);
  } else {
    for (uint64_t w : x.to_vector<uint64_t>())
      words.push_back(w);
  }
  return words;
}

Tensor draw(const Golden& g) {
  const Tensor key = random::key(g.seed);
  const std::string kind = g.kind;
  const Shape shape{std::span<const int64_t>(g.shape)};
  if (kind == "key") return key;
  if (kind == "split") return random::split(key, g.shape[0], g.stream);
  if (kind == "fold_in") return random::fold_in(key, 123);
  if (kind == "bits") return random::bits(key, shape, g.dtype, g.stream);
  if (kind == "uniform") return random::uniform(key, shape, 0.0, 1.0, g.dtype, g.stream);
  if (kind == "normal") return random::normal(key, shape, g.dtype, g.stream);
  if (kind == "bernoulli") return random::bernoulli(key, 0.3f, shape, g.stream);
  if (kind == "permutation") {
    const Tensor order = random::permutation(key, g.shape[0], g.stream);
    if (g.shape[0] <= 10) return astype(order, DType::U32);
    uint32_t digest = 0;
    for (int32_t i : order.to_vector<int32_t>())
      digest = digest * 1000003 + static_cast<uint32_t>(i);
    return full({1}, digest, DType::U32);
  }
  if (kind == "permuted_axis") {
    return random::permutation(key, reshape(arange(12, DType::U32), shape), 1, g.stream);
  }
  if (kind == "truncated_normal") {
    return random::truncated_normal(key, -2, 2, shape, g.dtype, g.stream);
  }
  FAIL(kind);
  return {};
}

}  // namespace

TEST_CASE("draws are JAX's") {
  for (const Golden& g : kGolden) {
    CAPTURE(g.kind, g.stream == Stream::Original, g.seed, g.shape);
    const Tensor x = draw(g);
    if (g.numbers.empty()) {
      CHECK(words_of(x) == g.words);
      continue;
    }
    std::vector<double> got;
    if (g.dtype == DType::F64) {
      got = x.to_vector<double>();
    } else {
      for (float v : x.to_vector<float>())
        got.push_back(v);
    }
    REQUIRE(got.size() == g.numbers.size());
    const bool exact = std::string(g.kind) == "uniform";
    for (size_t i = 0; i < got.size(); ++i) {
      if (exact) CHECK(got[i] == g.numbers[i]);
      // JAX's erf_inv is off by some units in the last place.
      CHECK(std::abs(got[i] - g.numbers[i]) <= 2e-6 * (1e-2 + std::abs(g.numbers[i])));
    }
  }
}

TEST_CASE("the stream is chosen by an argument or for a scope") {
  const Tensor key = random::key(1);
  const auto newer = random::bits(key, {4}).to_vector<uint32_t>();
  const auto older = random::bits(key, {4}, DType::U32, Stream::Original).to_vector<uint32_t>();
  CHECK(newer != older);
  const random::ScopedStream scope(Stream::Original);
  CHECK(random::bits(key, {4}).to_vector<uint32_t>() == older);
}

TEST_CASE("draws inside jit are the draws outside") {
  const auto f = jit([](const Tensor& seed) {
    const auto [a, b] = random::split(random::key(seed));
    return std::pair{random::uniform(a, {5}), random::bits(b, {3})};
  });
  const auto [x, y] = f(Tensor(17));
  const auto [a, b] = random::split(random::key(17));
  CHECK(close(x, random::uniform(a, {5}), 0));
  CHECK(y.to_vector<uint32_t>() == random::bits(b, {3}).to_vector<uint32_t>());
  const auto keys = random::split(random::key(17), 2);
  CHECK(words_of(keys[0]) == words_of(a));
}

TEST_CASE("bounds of uniform numbers") {
  const Tensor x = random::uniform(random::key(5), {1000}, -3.0, 2.0);
  CHECK(gradus::min(x).item<float>() >= -3);
  CHECK(gradus::max(x).item<float>() < 2);
  CHECK(gradus::max(x).item<float>() > 1.9f);
}

TEST_CASE("a key that is used twice in a graph is a warning with both lines") {
  std::vector<std::string> lines;
  const ScopedLogSink sink([&](LogLevel, std::string_view text) { lines.emplace_back(text); });
  std::string first, second;
  const auto twice = jit([&](const Tensor& key) {
    const Tensor x = random::uniform(key, {2});
    first = here(-1);
    const Tensor y = random::normal(key, {2});
    second = here(-1);
    return x + y;
  });
  twice(random::key(0));
  REQUIRE(lines.size() == 1);
  CHECK(lines[0] == "[random::normal] a key is used twice, so equal numbers are drawn; first at " +
                        first + "; " + second + "; split the key and use each part once");
  lines.clear();
  jit([&](const Tensor& key) {
    const auto [a, b] = random::split(key);
    return random::uniform(a, {2}) + random::uniform(b, {2});
  })(random::key(0));
  // Folding numbers into one key is what fold_in is for.
  jit([&](const Tensor& key) {
    return random::uniform(random::fold_in(key, 1), {2}) +
           random::uniform(random::fold_in(key, 2), {2});
  })(random::key(0));
  CHECK(lines.empty());
}

TEST_CASE("permutations are made on the host") {
  const Tensor key = random::key(3);
  CHECK(message_of<TraceError>(
            [&] { jit([](const Tensor& k) { return random::permutation(k, 4); })(key); }) ==
        "[random::permutation] the key is traced, and the sort that makes a permutation runs on "
        "the host; got traced key[], expected a concrete one; " +
            here() + "; draw the order outside the function and pass it as an argument");
  CHECK_THROWS_AS(random::permutation(key, -1), ValueError);
  CHECK_THROWS_AS(random::permutation(key, int64_t{1} << 31), ValueError);
  CHECK_THROWS_AS(random::permutation(7, 4), DTypeError);
  CHECK_THROWS_AS(random::permutation(arange(3), 4), DTypeError);
  CHECK_THROWS_AS(random::permutation(key, arange(3), 1), ValueError);
  // The order is a constant of a function that shuffles its argument.
  const Tensor x = arange(6);
  const Tensor shuffled = jit([&](const Tensor& y) { return random::permutation(key, y); })(x);
  CHECK(ints(shuffled) == ints(random::permutation(key, 6)));
}
