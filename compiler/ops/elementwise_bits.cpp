// Bits, and what changes the dtype of an element.
#include <fmt/format.h>
#include <algorithm>

#include <bit>
#include <cmath>

#include "compiler/ops/elementwise.h"

namespace gradus::ops {
namespace {

using loop::V;
using S = loop::ScalarBuilder;
using D = Partial;
using C = Cotangent;
using In = std::span<const Value>;

/// Every element has these bits, sign-extended: 0 or -1.
bool is_all(const Builder& b, Value v, int64_t bits) {
  const ir::Literal* literal = b.literal(v);
  if (!literal || !literal->is_splat()) return false;
  const DType dtype = literal->type().dtype;
  return reference_of(Type{dtype, {}}, literal->bytes()).integer[0] == wrap_integer(dtype, bits);
}

/// x op `one` = x, x op `zero` = zero, x op x = x.
auto lattice(int64_t one, int64_t zero) {
  return [=](Builder& b, In in) -> Value {
    if (in[0] == in[1]) return in[0];
    for (size_t i = 0; i < 2; ++i) {
      if (is_all(b, in[i], one)) return in[1 - i];
      if (is_all(b, in[i], zero)) return in[i];
    }
    return {};
  };
}

Value no_shift(Builder& b, In in) {
  return is_all(b, in[1], 0) ? in[0] : Value{};
}

uint64_t width_of(const RefArray& x) {
  return 8 * size_of(x.type.dtype);
}

/// The reference of a shift sees the width: f(x, amount, width), amount < width.
template <class F>
auto shift_reference(F f) {
  return [f](const ReferenceContext& c) {
    RefArray out = make_reference(c.out_types[0]);
    for (size_t i = 0; i < out.integer.size(); ++i) {
      const uint64_t mask = ~uint64_t{0} >> (64 - width_of(out));
      const uint64_t amount = static_cast<uint64_t>(c.in[1].integer[i]) & mask;
      const int64_t y = f(c.in[0].integer[i], amount, width_of(out));
      out.integer[i] = wrap_integer(out.type.dtype, y);
    }
    return std::vector{std::move(out)};
  };
}

int64_t reference_shl(int64_t x, uint64_t amount, uint64_t width) {
  return amount < width ? static_cast<int64_t>(static_cast<uint64_t>(x) << amount) : 0;
}

int64_t reference_shr(int64_t x, uint64_t amount, uint64_t width) {
  const uint64_t mask = ~uint64_t{0} >> (64 - width);
  return amount < width ? static_cast<int64_t>((static_cast<uint64_t>(x) & mask) >> amount) : 0;
}

int64_t reference_shr_arith(int64_t x, uint64_t amount, uint64_t width) {
  // An unsigned x is zero-extended here: its top bit is its sign.
  const auto top = static_cast<int64_t>(static_cast<uint64_t>(x) << (64 - width));
  return (top >> std::min<uint64_t>(amount, width - 1)) >> (64 - width);
}

void register_logic(Registry& r) {
  elementwise(r, "and", kLogical, 2)
      .scalar([](S& s, V x, V y) { return s.bit_and(x, y); })
      .ref([](std::integral auto x, std::integral auto y) { return x & y; })
      .constant_pieces()
      .commutative()
      .simplify(lattice(-1, 0));
  elementwise(r, "or", kLogical, 2)
      .scalar([](S& s, V x, V y) { return s.bit_or(x, y); })
      .ref([](std::integral auto x, std::integral auto y) { return x | y; })
      .constant_pieces()
      .commutative()
      .simplify(lattice(0, -1));
  elementwise(r, "xor", kLogical, 2)
      .scalar([](S& s, V x, V y) { return s.bit_xor(x, y); })
      .ref([](std::integral auto x, std::integral auto y) { return x ^ y; })
      .constant_pieces()
      .commutative()
      .simplify([](Builder& b, In in) -> Value {
        if (in[0] == in[1]) return zeros_like(b, in[0]);
        if (is_all(b, in[0], 0)) return in[1];
        return no_shift(b, in);
      });
  auto invert = elementwise(r, "not", kLogical);
  invert.scalar([](S& s, V x) { return s.bit_not(x); })
      .ref([]<std::integral T>(T x) { return static_cast<T>(~x); })
      .constant_pieces()
      .simplify([](Builder& b, In in) {
        const ir::Graph& g = b.graph();
        return g.op(in[0].node).name == "not" ? g.operands(in[0].node)[0] : Value{};
      });
  invert.row().reference = [plain = invert.row().reference](const ReferenceContext& c) {
    auto out = plain(c);
    if (c.in[0].type.dtype == DType::Bool) {
      std::ranges::transform(c.in[0].integer, out[0].integer.begin(),
                             [](auto x) { return x == 0; });
    }
    return out;
  };

  auto shl = elementwise(r, "shl", kInteger, 2);
  shl.scalar([](S& s, V x, V y) { return s.shl(x, y); }).constant_pieces().simplify(no_shift);
  shl.row().reference = shift_reference(reference_shl);
  auto shr = elementwise(r, "shr", kInteger, 2);
  shr.scalar([](S& s, V x, V y) { return s.shr(x, y); }).constant_pieces().simplify(no_shift);
  shr.row().reference = shift_reference(reference_shr);
  auto shr_arith = elementwise(r, "shr_arith", kInteger, 2);
  shr_arith.scalar([](S& s, V x, V y) { return s.shr_arith(x, y); })
      .constant_pieces()
      .simplify(no_shift);
  shr_arith.row().reference = shift_reference(reference_shr_arith);
}

}  // namespace

void register_bits(Registry& registry) {
  register_logic(registry);
}

namespace {

std::vector<Type> infer_convert(const InferContext& c) {
  const DType to = c.attr<DType>("dtype");
  require_dtype(c, 0, kReal);
  if (!accepts(kReal, to)) {
    fail_dtype(
        c, fmt::format("nothing converts to a key; got {} to {}", to_string(c.in[0]), name_of(to)),
        "make keys with key_make");
  }
  return {Type{to, c.in[0].shape}};
}

std::vector<RefArray> reference_convert(const ReferenceContext& c) {
  const RefArray& x = c.in[0];
  const DType from = x.type.dtype, to = c.out_types[0].dtype;
  RefArray out = make_reference(c.out_types[0]);
  const auto n = static_cast<size_t>(out.type.elements());
  for (size_t i = 0; i < n; ++i) {
    if (is_float(from) && is_float(to)) {
      out.real[i] = to == DType::F32 ? static_cast<float>(x.real[i]) : x.real[i];
    } else if (is_float(from)) {
      out.integer[i] = saturate(to, x.real[i]);
    } else if (is_float(to)) {
      const int64_t k = x.integer[i];
      const bool f32 = to == DType::F32;
      if (is_signed_int(from)) {
        out.real[i] = f32 ? static_cast<float>(k) : static_cast<double>(k);
      } else {
        const auto u = static_cast<uint64_t>(k);
        out.real[i] = f32 ? static_cast<float>(u) : static_cast<double>(u);
      }
    } else {
      out.integer[i] = to == DType::Bool ? x.integer[i] != 0 : wrap_integer(to, x.integer[i]);
    }
  }
  return {out};
}

Value same_dtype(Builder& b, In in, const Attrs& attrs) {
  return b.type(in[0]).dtype == std::get<DType>(attrs[0]) ? in[0] : Value{};
}

std::vector<Type> infer_bitcast(const InferContext& c) {
  const DType from = c.in[0].dtype, to = c.attr<DType>("dtype");
  require_dtype(c, 0, kNumber);
  if (!accepts(kNumber, to) || size_of(from) != size_of(to)) {
    fail_dtype(c,
               fmt::format("widths differ; got {} to {}, expected a number of {} bits",
                           to_string(c.in[0]), name_of(to), 8 * size_of(from)),
               "choose a dtype of the same width");
  }
  return {Type{to, c.in[0].shape}};
}

std::vector<RefArray> reference_bitcast(const ReferenceContext& c) {
  std::vector<std::byte> bytes(c.in[0].type.bytes());
  store_reference(c.in[0], bytes.data());
  return {reference_of(c.out_types[0], bytes.data())};
}

}  // namespace

void register_conversion(Registry& r) {
  auto convert_row = elementwise(r, "convert", kReal);
  OpDef& row = convert_row.row();
  row.attributes = {{"dtype", AttrKind::DType}};
  row.infer = infer_convert;
  row.reference = reference_convert;
  row.scalar = [](const ScalarContext& c) {
    return std::vector{c.s.convert(c.in[0], c.out_dtypes[0])};
  };
  row.jvp = [](const JvpContext& c) {
    const DType to = c.attr<DType>("dtype");
    return std::vector{is_float(to) ? convert(c.b, c.t, to) : Value{}};
  };
  row.linear = {0};
  row.transpose = [](const TransposeContext& c) {
    return convert(c.b, c.ct[0], c.in_types[0].dtype);
  };
  row.simplify = same_dtype;

  auto bitcast_row = elementwise(r, "bitcast", kNumber);
  bitcast_row.constant_pieces().flops(0);
  OpDef& bits = bitcast_row.row();
  bits.attributes = {{"dtype", AttrKind::DType}};
  bits.infer = infer_bitcast;
  bits.reference = reference_bitcast;
  bits.scalar = [](const ScalarContext& c) {
    return std::vector{c.s.bitcast(c.in[0], c.out_dtypes[0])};
  };
  bits.simplify = same_dtype;

  auto stop = elementwise(r, "stop_gradient", kAny);
  stop.scalar([](S&, V x) { return x; }).constant_pieces().flops(0);
  stop.row().reference = [](const ReferenceContext& c) { return std::vector{c.in[0]}; };
}

}  // namespace gradus::ops
