// Random bits: the cipher threefry2x32 (Salmon et al., "Parallel random numbers: as easy as 1, 2,
// 3", 2011; 20 rounds), and keys. A key's element is U64 in scalar programs, as it lies in memory:
// its first word is the low half.
#include <fmt/format.h>

#include <array>
#include <bit>

#include "compiler/ops/elementwise.h"

namespace gradus::ops {
namespace {

using loop::V;
using S = loop::ScalarBuilder;

constexpr std::array<std::array<int, 4>, 2> kRotations{{{13, 15, 26, 6}, {17, 29, 16, 24}}};
constexpr uint32_t kParity = 0x1BD11BDA;

struct Words {
  uint32_t x0, x1;
};

Words threefry(uint32_t k0, uint32_t k1, Words x) {
  const std::array<uint32_t, 3> keys{k0, k1, kParity ^ k0 ^ k1};
  x.x0 += keys[0];
  x.x1 += keys[1];
  for (uint32_t group = 0; group < 5; ++group) {
    for (int rotation : kRotations[group % 2]) {
      x.x0 += x.x1;
      x.x1 = std::rotl(x.x1, rotation) ^ x.x0;
    }
    x.x0 += keys[(group + 1) % 3];
    x.x1 += keys[(group + 2) % 3] + group + 1;
  }
  return x;
}

std::vector<RefArray> reference_threefry(const ReferenceContext& c) {
  RefArray a = make_reference(c.out_types[0]), b = a;
  const auto word = [&](size_t operand, size_t i) {
    return static_cast<uint32_t>(c.in[operand].integer[i]);
  };
  for (size_t i = 0; i < a.integer.size(); ++i) {
    const Words x = threefry(word(0, i), word(1, i), {word(2, i), word(3, i)});
    a.integer[i] = x.x0;
    b.integer[i] = x.x1;
  }
  return {a, b};
}

V rotate_left(S& s, V x, int by) {
  const V left = s.shl(x, s.constant(DType::U32, by));
  const V right = s.shr(x, s.constant(DType::U32, 32 - by));
  return s.bit_or(left, right);
}

std::vector<V> scalar_threefry(const ScalarContext& c) {
  S& s = c.s;
  const V parity = s.constant_bits(DType::U32, kParity);
  const std::array keys{c.in[0], c.in[1], s.bit_xor(s.bit_xor(parity, c.in[0]), c.in[1])};
  V x0 = s.add(c.in[2], keys[0]), x1 = s.add(c.in[3], keys[1]);
  for (size_t group = 0; group < 5; ++group) {
    for (int rotation : kRotations[group % 2]) {
      x0 = s.add(x0, x1);
      x1 = s.bit_xor(rotate_left(s, x1, rotation), x0);
    }
    const V count = s.constant(DType::U32, static_cast<double>(group + 1));
    x0 = s.add(x0, keys[(group + 1) % 3]);
    x1 = s.add(x1, s.add(keys[(group + 2) % 3], count));
  }
  return {x0, x1};
}

std::vector<Type> infer_words(const InferContext& c) {
  for (size_t i = 0; i < c.in.size(); ++i) {
    if (c.in[i].dtype == DType::U32) continue;
    fail_dtype(
        c, fmt::format("wrong dtype of operand {}; got {}, expected u32", i, to_string(c.in[i])),
        "convert it, or bitcast it if it is i32");
  }
  require_equal_shapes(c);
  return {c.in[0], c.in[0]};
}

std::vector<RefArray> reference_key_make(const ReferenceContext& c) {
  RefArray out = make_reference(c.out_types[0]);
  for (size_t i = 0; i < out.integer.size(); ++i) {
    const auto hi = static_cast<uint64_t>(c.in[0].integer[i]);
    const auto lo = static_cast<uint64_t>(c.in[1].integer[i]);
    out.integer[i] = static_cast<int64_t>(hi << 32 | lo);
  }
  return {out};
}

std::vector<RefArray> reference_key_data(const ReferenceContext& c) {
  RefArray hi = make_reference(c.out_types[0]), lo = hi;
  for (size_t i = 0; i < hi.integer.size(); ++i) {
    const auto key = static_cast<uint64_t>(c.in[0].integer[i]);
    hi.integer[i] = static_cast<int64_t>(key >> 32);
    lo.integer[i] = static_cast<int64_t>(key & 0xffffffff);
  }
  return {hi, lo};
}

}  // namespace

void register_random(Registry& r) {
  auto threefry2x32 = elementwise(r, "threefry2x32", kUnsigned, 4);
  threefry2x32.constant_pieces().flops(70);
  OpDef& cipher = threefry2x32.row();
  cipher.results = 2;
  cipher.infer = infer_words;
  cipher.reference = reference_threefry;
  cipher.scalar = scalar_threefry;

  auto key_make = elementwise(r, "key_make", kUnsigned, 2);
  key_make
      .scalar([](S& s, V hi, V lo) {
        const V high_half = s.shl(s.convert(lo, DType::U64), s.constant(DType::U64, 32));
        return s.bit_or(s.convert(hi, DType::U64), high_half);
      })
      .constant_pieces();
  key_make.row().infer = [](const InferContext& c) {
    return std::vector{Type{DType::Key, infer_words(c)[0].shape}};
  };
  key_make.row().reference = reference_key_make;

  auto key_data = elementwise(r, "key_data", kKey);
  key_data.constant_pieces();
  OpDef& words = key_data.row();
  words.results = 2;
  words.infer = [](const InferContext& c) {
    require_dtype(c, 0, kKey);
    return std::vector(2, Type{DType::U32, c.in[0].shape});
  };
  words.reference = reference_key_data;
  words.scalar = [](const ScalarContext& c) {
    const V hi = c.s.convert(c.in[0], DType::U32);
    const V lo = c.s.convert(c.s.shr(c.in[0], c.s.constant(DType::U64, 32)), DType::U32);
    return std::vector{hi, lo};
  };
}

}  // namespace gradus::ops
