// Random numbers as pure functions of explicit keys: threefry2x32 in counter mode, the same bits as
// JAX draws from the same key. A key is used once: split it for more.
//
// Two streams exist. `partitionable` is JAX's since 0.5: element i of a draw depends on the key and
// i alone. `original` is the older one, which JAX's published results of that time need.
#pragma once

#include <array>

#include <gradus/ops.h>

namespace gradus::random {

enum class Stream : uint8_t { Partitionable, Original };

/// The stream of draws that name none: the thread's, Partitionable unless changed. Read while
/// tracing: a jitted function keeps the one it was traced with.
Stream default_stream();

/// Sets the default while it lives.
class ScopedStream {
 public:
  explicit ScopedStream(Stream stream);
  ~ScopedStream();
  ScopedStream(const ScopedStream&) = delete;
  ScopedStream& operator=(const ScopedStream&) = delete;

 private:
  Stream previous_;
};

/// A key (key[]) from a seed, which may be a traced integer.
Tensor key(Arg seed);

/// n keys as one tensor key[n]; keys[i] is one of them.
Tensor split(Arg key, int64_t n, Stream stream = default_stream());
/// Two keys: auto [a, b] = split(key).
std::array<Tensor, 2> split(Arg key, Stream stream = default_stream());
/// A key that depends on the data too (the number of a step, say).
Tensor fold_in(Arg key, Arg data);

/// Uniform bits: u32 or u64.
Tensor bits(Arg key, Shape shape, DType dtype = DType::U32, Stream stream = default_stream());
/// Uniform in [low, high).
Tensor uniform(Arg key, Shape shape, Arg low = 0.0, Arg high = 1.0, DType dtype = DType::F32,
               Stream stream = default_stream());
/// Mean 0 and variance 1: √2 · erf⁻¹(u) with u uniform in (-1, 1).
Tensor normal(Arg key, Shape shape, DType dtype = DType::F32, Stream stream = default_stream());
/// A normal value conditioned to lie in (low, high).
Tensor truncated_normal(Arg key, double low, double high, Shape shape, DType dtype = DType::F32,
                        Stream stream = default_stream());
/// true with probability p.
Tensor bernoulli(Arg key, Arg p, Shape shape, Stream stream = default_stream());

/// 0 … n-1 in random order, i32[n], as jax.random.permutation(key, n): sorted, stably, by random
/// words, as often as it takes that ties hardly decide anything (⌈3 ln n / ln(2^32 - 1)⌉ times).
/// The key must be concrete, for the sort runs on the host: TraceError for a traced one. ValueError
/// unless 0 <= n < 2^31.
Tensor permutation(Arg key, int64_t n, Stream stream = default_stream());
/// The entries of an axis of x in that order. x may be traced; the order is then a constant.
Tensor permutation(Arg key, const Tensor& x, int axis = 0, Stream stream = default_stream());

}  // namespace gradus::random
