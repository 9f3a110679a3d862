#include "frontend/random.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "frontend/ops_impl.h"

namespace gradus::random {
namespace {

using detail::broadcast_in;
using detail::emit;
using detail::emit_many;
using detail::ints_of;
using detail::run_op;
using detail::splat;

thread_local Stream stream_of_thread = Stream::Partitionable;

struct Words {
  Tensor hi, lo;
};

/// The words of one key; it counts as used.
Words words_of(const Arg& key, bool consumed = true) {
  const Tensor value = detail::operand(key);
  if (value.dtype() != DType::Key || value.rank() != 0) {
    detail::fail<DTypeError>(
        fmt::format("no single key; got {}, expected key[]", to_string(value.type())),
        "make a key by random::key, or apply vmap over several keys");
  }
  if (consumed) detail::note_key_use(value);
  const Tensor operands[] = {value};
  auto words = emit_many("key_data", operands);
  return {words[0], words[1]};
}

/// The block function at the counters (hi, lo), which have one shape.
Words threefry(const Words& key, const Words& counter) {
  const Shape shape = counter.lo.shape();
  const Tensor operands[] = {broadcast_in(key.hi, shape), broadcast_in(key.lo, shape), counter.hi,
                             counter.lo};
  auto words = emit_many("threefry2x32", operands);
  return {words[0], words[1]};
}

Tensor count_to(int64_t n, DType dtype = DType::U32) {
  return emit("iota", {}, {{"shape", ir::Ints{n}}, {"dtype", dtype}, {"dim", int64_t{0}}});
}

Tensor reshaped(const Tensor& x, const Shape& shape) {
  return x.shape() == shape ? x : emit("reshape", {x}, {{"shape", ints_of(shape)}});
}

Tensor convert(const Tensor& x, DType dtype) {
  return detail::convert_to(x, dtype);
}

/// 0 … n-1 as 64-bit counters in two words.
Words counters(int64_t n) {
  if (n <= int64_t{1} << 32) return {splat(0, {DType::U32, Shape{n}}), count_to(n)};
  const Tensor index = count_to(n, DType::U64);
  const Tensor high = emit("shr", {index, splat(32, index.type())});
  return {convert(high, DType::U32), convert(index, DType::U32)};
}

/// The older stream: n words, of which word i comes from the block with counters (i, i + half), the
/// first half of the words being the blocks' first words.
Tensor original_words(const Words& key, int64_t n) {
  if (n == 0) return splat(0, {DType::U32, Shape{0}});
  if (n > std::numeric_limits<uint32_t>::max()) {
    detail::fail<ValueError>(
        fmt::format("too many numbers for the older stream; got {}, expected fewer than 2^32", n),
        "split the key and draw in parts");
  }
  const int64_t half = (n + 1) / 2;
  const Tensor first = count_to(half);
  Tensor second = emit("add", {first, splat(static_cast<double>(half), first.type())});
  if (n % 2 == 1) {  // the last counter is padding
    const Tensor is_padding = emit("eq", {second, splat(static_cast<double>(n), second.type())});
    second = emit("select", {is_padding, splat(0, second.type()), second});
  }
  const auto [a, b] = threefry(key, {first, second});
  const Tensor parts[] = {a, b};
  const Tensor words = emit_many("concatenate", parts, {{"dim", int64_t{0}}})[0];
  return n % 2 == 1 ? detail::slice_one(words, 0, 0, n) : words;
}

Tensor joined(const Tensor& hi, const Tensor& lo) {
  const Tensor high = convert(hi, DType::U64);
  return emit("or", {emit("shl", {high, splat(32, high.type())}), convert(lo, DType::U64)});
}

Tensor flat_bits(const Words& key, int64_t n, DType dtype, Stream stream) {
  if (stream == Stream::Partitionable) {
    const auto [hi, lo] = threefry(key, counters(n));
    return dtype == DType::U64 ? joined(hi, lo) : emit("xor", {hi, lo});
  }
  if (dtype == DType::U32) return original_words(key, n);
  const Tensor words = original_words(key, 2 * n);
  return joined(detail::slice_one(words, 0, 0, n), detail::slice_one(words, 0, n, 2 * n));
}

Tensor bits_of(const Words& key, const Shape& shape, DType dtype, Stream stream) {
  return reshaped(flat_bits(key, shape.elements(), dtype, stream), shape);
}

/// In [0, 1): random bits as the fraction of a number in [1, 2), less 1.
Tensor unit_uniform(const Words& key, const Shape& shape, DType dtype, Stream stream) {
  if (!is_float(dtype)) {
    detail::fail<DTypeError>(fmt::format("not real; got {}, expected f32 or f64", name_of(dtype)),
                             "draw floats and convert them, or draw bits");
  }
  const bool wide = dtype == DType::F64;
  const Tensor all = bits_of(key, shape, wide ? DType::U64 : DType::U32, stream);
  const Tensor fraction = emit("shr", {all, splat(wide ? 12 : 9, all.type())});
  const Tensor one = emit("bitcast", {splat(1, {dtype, shape})}, {{"dtype", all.dtype()}});
  const Tensor number = emit("bitcast", {emit("or", {fraction, one})}, {{"dtype", dtype}});
  return emit("sub", {number, splat(1, number.type())});
}

Tensor uniform_between(const Words& key, const Shape& shape, const Tensor& low, const Tensor& high,
                       Stream stream) {
  const Tensor unit = unit_uniform(key, shape, low.dtype(), stream);
  const Tensor scaled = emit("mul", {unit, emit("sub", {high, low})});
  return emit("max", {low, emit("add", {scaled, low})});
}

/// √2 · erf⁻¹ of a uniform number between the bounds.
Tensor inverse_normal(const Words& key, const Shape& shape, double low, double high, DType dtype,
                      Stream stream) {
  const Tensor u =
      uniform_between(key, shape, splat(low, {dtype, shape}), splat(high, {dtype, shape}), stream);
  return emit("mul", {splat(std::sqrt(2.0), u.type()), emit("erf_inv", {u})});
}

double next(double x, double towards, DType dtype) {
  return dtype == DType::F64 ? std::nextafter(x, towards)
                             : std::nextafter(static_cast<float>(x), static_cast<float>(towards));
}

}  // namespace

Stream default_stream() {
  return stream_of_thread;
}
ScopedStream::ScopedStream(Stream stream) : previous_(stream_of_thread) {
  stream_of_thread = stream;
}
ScopedStream::~ScopedStream() {
  stream_of_thread = previous_;
}

Tensor key(Arg seed) {
  return run_op("random::key", seed.where(), [&] {
    const DType dtype = detail::own_dtype(seed);
    if (!is_integer(dtype) || !detail::shape_of(seed).dims().empty()) {
      detail::fail<DTypeError>(fmt::format("no seed; got {}, expected one integer",
                                           to_string(Type{dtype, detail::shape_of(seed)})),
                               "give an integer");
    }
    const Tensor value = detail::operand(seed);
    const bool wide = size_of(dtype) == 8;
    Tensor hi = splat(0, {DType::U32, {}});
    if (wide) {
      const Tensor bits = emit("bitcast", {value}, {{"dtype", DType::U64}});
      hi = convert(emit("shr", {bits, splat(32, bits.type())}), DType::U32);
    }
    const DType unsigned_dtype = wide ? DType::U64 : DType::U32;
    const Tensor word = size_of(dtype) < 4 ? convert(value, DType::I32) : value;
    const Tensor raw = word.dtype() == unsigned_dtype
                           ? word
                           : emit("bitcast", {word}, {{"dtype", unsigned_dtype}});
    const Tensor mask = splat(4294967295.0, raw.type());
    const Tensor lo = wide ? convert(emit("and", {raw, mask}), DType::U32) : raw;
    return emit("key_make", {hi, lo});
  });
}

Tensor split(Arg key, int64_t n, Stream stream) {
  return run_op("random::split", key.where(), [&] {
    const Words words = words_of(key);
    if (stream == Stream::Partitionable) {
      const auto [hi, lo] = threefry(words, counters(n));
      return emit("key_make", {hi, lo});
    }
    const Tensor pairs = reshaped(original_words(words, 2 * n), {n, 2});
    const Tensor hi = reshaped(detail::slice_one(pairs, 1, 0, 1), {n});
    const Tensor lo = reshaped(detail::slice_one(pairs, 1, 1, 2), {n});
    return emit("key_make", {hi, lo});
  });
}

std::array<Tensor, 2> split(Arg key, Stream stream) {
  return run_op("random::split", key.where(), [&] {
    const Tensor keys = split(key, 2, stream);
    return std::array<Tensor, 2>{keys[0], keys[1]};
  });
}

Tensor fold_in(Arg key, Arg data) {
  return run_op("random::fold_in", key.where(), [&] {
    const Tensor value = detail::operand(data);
    if (!is_integer(value.dtype()) || value.rank() != 0) {
      detail::fail<DTypeError>(fmt::format("no number to fold in; got {}, expected one integer",
                                           to_string(value.type())),
                               "give an integer");
    }
    const Tensor wrapped = value.dtype() == DType::I32
                               ? emit("bitcast", {value}, {{"dtype", DType::U32}})
                               : convert(value, DType::U32);
    const auto [hi, lo] = threefry(words_of(key, false), {splat(0, wrapped.type()), wrapped});
    return emit("key_make", {hi, lo});
  });
}

Tensor bits(Arg key, Shape shape, DType dtype, Stream stream) {
  return run_op("random::bits", key.where(), [&] {
    if (dtype != DType::U32 && dtype != DType::U64) {
      detail::fail<DTypeError>(
          fmt::format("no type of bits; got {}, expected u32 or u64", name_of(dtype)),
          "draw u32 and convert");
    }
    return bits_of(words_of(key), shape, dtype, stream);
  });
}

Tensor uniform(Arg key, Shape shape, Arg low, Arg high, DType dtype, Stream stream) {
  return run_op("random::uniform", key.where(), [&] {
    return uniform_between(words_of(key), shape, detail::operand(low, dtype, shape),
                           detail::operand(high, dtype, shape), stream);
  });
}

Tensor normal(Arg key, Shape shape, DType dtype, Stream stream) {
  return run_op("random::normal", key.where(), [&] {
    return inverse_normal(words_of(key), shape, next(-1, 0, dtype), 1, dtype, stream);
  });
}

Tensor truncated_normal(Arg key, double low, double high, Shape shape, DType dtype, Stream stream) {
  return run_op("random::truncated_normal", key.where(), [&] {
    const double root = std::sqrt(2.0);
    const Tensor x = inverse_normal(words_of(key), shape, std::erf(low / root),
                                    std::erf(high / root), dtype, stream);
    const Tensor raised = emit("max", {x, splat(next(low, HUGE_VAL, dtype), x.type())});
    return emit("min", {raised, splat(next(high, -HUGE_VAL, dtype), x.type())});
  });
}

Tensor bernoulli(Arg key, Arg p, Shape shape, Stream stream) {
  return run_op("random::bernoulli", key.where(), [&] {
    const Tensor u = unit_uniform(words_of(key), shape, DType::F32, stream);
    return emit("lt", {u, detail::operand(p, DType::F32, shape)});
  });
}

}  // namespace gradus::random
