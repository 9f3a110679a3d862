// NumPy's legacy random state, for published runs whose shuffles came from it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <gradus/runtime/error.h>
#include <gradus/tensor.h>

namespace gradus::data {

/// The part of numpy.random.RandomState(seed) that puts things in order: the same words (Mersenne
/// Twister 19937), the same permutations. A value: a copy goes on by itself.
class RandomState {
 public:
  explicit RandomState(uint32_t seed = 0);
  /// Goes on where words() was taken; ValueError unless `words` is a u32[625] of that form.
  explicit RandomState(const Tensor& words, SourcePos where = SourcePos::here());

  /// The next 32 random bits.
  uint32_t next();
  /// Uniform in 0 … last, by rejection of words that the smallest mask of ones leaves above it.
  uint64_t next_up_to(uint64_t last);

  /// permutation(n) of NumPy: 0 … n-1 in random order. ValueError if n < 0.
  std::vector<int64_t> permutation(int64_t n, SourcePos where = SourcePos::here());
  /// shuffle(x) of NumPy: Fisher and Yates, from the end.
  void shuffle(std::span<int64_t> values);

  /// All of the state as u32[625]: get_state()[1] and [2] of NumPy. Tensors can be saved.
  Tensor words() const;

  friend bool operator==(const RandomState&, const RandomState&) = default;

 private:
  static constexpr size_t kWords = 624;
  void refill();

  std::array<uint32_t, kWords> words_;
  size_t used_ = kWords;  // of words_
};

/// The first permutation of RandomState(seed).
std::vector<int64_t> numpy_permutation(uint32_t seed, int64_t n,
                                       SourcePos where = SourcePos::here());

}  // namespace gradus::data
