#include "frontend/data/random_state.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

#include <fmt/format.h>

namespace gradus::data {

// M. Matsumoto, T. Nishimura: Mersenne Twister, a 623-dimensionally equidistributed uniform
// pseudorandom number generator. ACM TOMACS 8 (1998); the seeding is that of 2002.
RandomState::RandomState(uint32_t seed) {
  for (size_t i = 0; i < kWords; ++i) {
    words_[i] = seed;
    seed = 1812433253u * (seed ^ seed >> 30) + static_cast<uint32_t>(i) + 1;
  }
}

RandomState::RandomState(const Tensor& words, SourcePos where) {
  auto reject = [&](const std::string& got) {
    throw ValueError({"RandomState",
                      fmt::format("no state; got {}, expected u32[625] whose last word is at most "
                                  "624",
                                  got),
                      where, "give what RandomState::words() returned"});
  };
  if (words.type(where) != Type{DType::U32, {kWords + 1}}) reject(to_string(words.type(where)));
  const std::span<const uint32_t> from = words.data<uint32_t>(where);
  if (from[kWords] > kWords) reject(fmt::format("a last word of {}", from[kWords]));
  std::copy_n(from.begin(), kWords, words_.begin());
  used_ = from[kWords];
}

Tensor RandomState::words() const {
  std::vector<uint32_t> all(words_.begin(), words_.end());
  all.push_back(static_cast<uint32_t>(used_));
  return tensor(all);
}

void RandomState::refill() {
  constexpr size_t kShift = 397;
  for (size_t i = 0; i < kWords; ++i) {
    const uint32_t joined = (words_[i] & 0x80000000u) | (words_[(i + 1) % kWords] & 0x7fffffffu);
    words_[i] = words_[(i + kShift) % kWords] ^ joined >> 1 ^ (joined & 1 ? 0x9908b0dfu : 0u);
  }
  used_ = 0;
}

uint32_t RandomState::next() {
  if (used_ == kWords) refill();
  uint32_t x = words_[used_++];
  x ^= x >> 11;
  x ^= x << 7 & 0x9d2c5680u;
  x ^= x << 15 & 0xefc60000u;
  return x ^ x >> 18;
}

uint64_t RandomState::next_up_to(uint64_t last) {
  if (last == 0) return 0;
  const uint64_t mask = ~uint64_t{0} >> std::countl_zero(last);
  while (true) {
    uint64_t x = next();
    if (last > UINT32_MAX) x = x << 32 | next();
    if ((x & mask) <= last) return x & mask;
  }
}

void RandomState::shuffle(std::span<int64_t> values) {
  for (size_t i = values.size(); i-- > 1;) {
    std::swap(values[i], values[next_up_to(i)]);
  }
}

std::vector<int64_t> RandomState::permutation(int64_t n, SourcePos where) {
  if (n < 0) {
    throw ValueError({"RandomState", fmt::format("a negative number of entries; got {}", n), where,
                      "give the number of entries to put in order"});
  }
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  shuffle(order);
  return order;
}

std::vector<int64_t> numpy_permutation(uint32_t seed, int64_t n, SourcePos where) {
  return RandomState(seed).permutation(n, where);
}

}  // namespace gradus::data
