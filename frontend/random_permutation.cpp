#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include <fmt/format.h>

#include "frontend/random.h"

namespace gradus::random {
namespace {

// The block function of frontend/random.cpp on the host, so that an order can be drawn inside a
// trace, on any thread, and without compiling. J. Salmon et al., "Parallel random numbers: as easy
// as 1, 2, 3", SC 2011.
KeyData threefry(KeyData key, uint32_t x, uint32_t y) {
  constexpr int kRotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  const uint32_t schedule[3] = {key.hi, key.lo, key.hi ^ key.lo ^ 0x1bd11bdau};
  x += schedule[0];
  y += schedule[1];
  for (uint32_t group = 0; group < 5; ++group) {
    for (const int rotation : kRotations[group % 2]) {
      x += y;
      y = std::rotl(y, rotation) ^ x;
    }
    x += schedule[(group + 1) % 3];
    y += schedule[(group + 2) % 3] + group + 1;
  }
  return {x, y};
}

std::vector<uint32_t> random_words(KeyData key, size_t n, Stream stream) {
  std::vector<uint32_t> words(n);
  if (stream == Stream::Partitionable) {
    for (size_t i = 0; i < n; ++i) {
      const KeyData block = threefry(key, 0, static_cast<uint32_t>(i));
      words[i] = block.hi ^ block.lo;
    }
    return words;
  }
  const size_t half = (n + 1) / 2;
  for (size_t i = 0; i < half; ++i) {
    // The counter behind an odd number of words is padding.
    const size_t second = half + i < n ? half + i : 0;
    const KeyData block = threefry(key, static_cast<uint32_t>(i), static_cast<uint32_t>(second));
    words[i] = block.hi;
    if (half + i < n) words[half + i] = block.lo;
  }
  return words;
}

std::array<KeyData, 2> split_in_two(KeyData key, Stream stream) {
  if (stream == Stream::Partitionable) return {threefry(key, 0, 0), threefry(key, 0, 1)};
  const std::vector<uint32_t> words = random_words(key, 4, stream);
  return {KeyData{words[0], words[1]}, KeyData{words[2], words[3]}};
}

// After this many sorts by 32-bit words it is unlikely that any two entries had equal words each
// time.
int rounds_of(size_t n) {
  constexpr double kWords = std::numeric_limits<uint32_t>::max();
  return static_cast<int>(
      std::ceil(3 * std::log(static_cast<double>(std::max<size_t>(1, n))) / std::log(kWords)));
}

std::vector<int32_t> shuffled(KeyData key, size_t n, Stream stream) {
  struct Entry {
    uint32_t word;
    int32_t index;
  };
  std::vector<Entry> entries(n);
  for (size_t i = 0; i < n; ++i)
    entries[i].index = static_cast<int32_t>(i);
  for (int round = 0, rounds = rounds_of(n); round < rounds; ++round) {
    const auto [next, part] = split_in_two(key, stream);
    const std::vector<uint32_t> words = random_words(part, n, stream);
    for (size_t i = 0; i < n; ++i)
      entries[i].word = words[i];
    std::stable_sort(entries.begin(), entries.end(),
                     [](const Entry& a, const Entry& b) { return a.word < b.word; });
    key = next;
  }
  std::vector<int32_t> order(n);
  std::transform(entries.begin(), entries.end(), order.begin(),
                 [](const Entry& e) { return e.index; });
  return order;
}

}  // namespace

Tensor permutation(Arg key, int64_t n, Stream stream) {
  const SourcePos where = key.where();
  constexpr const char* kOp = "random::permutation";
  if (!key.is_tensor() || key.tensor().dtype(where) != DType::Key || key.tensor().rank(where) > 0) {
    const std::string got = key.is_tensor() ? to_string(key.tensor().type(where)) : "a number";
    throw DTypeError({kOp, fmt::format("no single key; got {}, expected key[]", got), where,
                      "make a key by random::key"});
  }
  if (key.tensor().is_traced()) {
    throw TraceError({kOp,
                      "the key is traced, and the sort that makes a permutation runs on the host; "
                      "got traced key[], expected a concrete one",
                      where, "draw the order outside the function and pass it as an argument"});
  }
  if (n < 0 || n > std::numeric_limits<int32_t>::max()) {
    throw ValueError({kOp,
                      fmt::format("no number of entries; got {}, expected 0 to {}", n,
                                  std::numeric_limits<int32_t>::max()),
                      where, "give the number of entries to put in order"});
  }
  const auto data = key.tensor().item<KeyData>(where);
  return tensor(shuffled(data, static_cast<size_t>(n), stream), where);
}

Tensor permutation(Arg key, const Tensor& x, int axis, Stream stream) {
  const SourcePos where = key.where();
  const int rank = x.rank(where);
  const int place = axis < 0 ? axis + rank : axis;
  if (place < 0 || place >= rank) {
    throw ValueError(
        {"random::permutation",
         fmt::format("axis out of range; got {} of {}", axis, to_string(x.type(where))), where,
         "give an axis of the tensor; to shuffle 0 … n-1, give n as a number"});
  }
  const Tensor order = permutation(key, x.shape(where)[place], stream);
  return take(Arg(x, where), Arg(constant(order, where), where), place);
}

}  // namespace gradus::random
