#include "compiler/loop/scalar.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "runtime/error.h"

namespace gradus::loop {
namespace {

struct OpRow {
  std::string_view text;
  int operands;
};

constexpr OpRow kOps[] = {
#define GRADUS_SCALAR_OP(name, text, operands) {text, operands},
#include "compiler/loop/scalar_ops.def"
#undef GRADUS_SCALAR_OP
};

/// A key's element is one 64-bit word.
DType element_dtype(DType dtype) {
  return dtype == DType::Key ? DType::U64 : dtype;
}

template <class T>
using UnsignedOf =
    std::conditional_t<sizeof(T) == 1, uint8_t,
                       std::conditional_t<sizeof(T) == 2, uint16_t,
                                          std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>>;

/// Integer arithmetic wraps: it is done in 64 unsigned bits.
template <class T>
T wrapped(uint64_t x) {
  return static_cast<T>(x);
}

template <class T>
T divide(T x, T y) {
  if constexpr (std::is_floating_point_v<T>) {
    return x / y;
  } else {
    if (y == 0) return static_cast<T>(-1);
    if (std::is_signed_v<T> && y == static_cast<T>(-1)) return wrapped<T>(0 - uint64_t(x));
    return static_cast<T>(x / y);
  }
}

template <class T>
T remainder(T x, T y) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::fmod(x, y);
  } else {
    if (y == 0) return x;
    if (std::is_signed_v<T> && y == static_cast<T>(-1)) return 0;
    return static_cast<T>(x % y);
  }
}

template <class T>
T shift(ScalarOp op, T x, T by) {
  constexpr unsigned width = 8 * sizeof(T);
  using U = UnsignedOf<T>;
  const auto amount = static_cast<uint64_t>(static_cast<U>(by));
  if (op == ScalarOp::ShrArith) {
    const auto n = static_cast<unsigned>(amount < width ? amount : width - 1);
    return static_cast<T>(static_cast<std::make_signed_t<U>>(x) >> n);
  }
  if (amount >= width) return 0;
  const uint64_t bits = static_cast<U>(x);
  return static_cast<T>(op == ScalarOp::Shl ? bits << amount : bits >> amount);
}

template <class From, class To>
To converted(From x) {
  if constexpr (std::is_same_v<To, bool>) {
    return x != From{0};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    using Limits = std::numeric_limits<To>;
    if (std::isnan(x)) return 0;
    if (x <= static_cast<From>(Limits::min())) return Limits::min();
    // The maximum may round up to the first value out of range.
    if (x >= static_cast<From>(Limits::max())) return Limits::max();
    return static_cast<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

template <class T>
Bits arithmetic(ScalarOp op, std::span<const Bits> in) {
  constexpr bool real = std::is_floating_point_v<T>;
  const auto arg = [&](size_t i) { return from_bits<T>(in[i]); };
  const auto wide = [&](size_t i) { return static_cast<uint64_t>(arg(i)); };
  switch (op) {
    case ScalarOp::Add:
      if constexpr (real) return bits_of<T>(arg(0) + arg(1));
      return bits_of(wrapped<T>(wide(0) + wide(1)));
    case ScalarOp::Sub:
      if constexpr (real) return bits_of<T>(arg(0) - arg(1));
      return bits_of(wrapped<T>(wide(0) - wide(1)));
    case ScalarOp::Mul:
      if constexpr (real) return bits_of<T>(arg(0) * arg(1));
      return bits_of(wrapped<T>(wide(0) * wide(1)));
    case ScalarOp::Fma:
      if constexpr (real) return bits_of<T>(std::fma(arg(0), arg(1), arg(2)));
      return bits_of(wrapped<T>(wide(0) * wide(1) + wide(2)));
    case ScalarOp::Div:
      return bits_of(divide(arg(0), arg(1)));
    case ScalarOp::Rem:
      return bits_of(remainder(arg(0), arg(1)));
    case ScalarOp::Neg:
      if constexpr (real) return in[0] ^ Bits { 1 } << (8 * sizeof(T) - 1);
      return bits_of(wrapped<T>(0 - wide(0)));
    case ScalarOp::Abs:
      if constexpr (real) return in[0] & ~(Bits{1} << (8 * sizeof(T) - 1));
      if constexpr (std::is_signed_v<T>) {
        return arg(0) < 0 ? bits_of(wrapped<T>(0 - wide(0))) : in[0];
      }
      return in[0];
    case ScalarOp::Sqrt:
      if constexpr (real) return bits_of(std::sqrt(arg(0)));
      break;
    case ScalarOp::Floor:
      if constexpr (real) return bits_of(std::floor(arg(0)));
      break;
    case ScalarOp::Ceil:
      if constexpr (real) return bits_of(std::ceil(arg(0)));
      break;
    case ScalarOp::RoundEven:
      if constexpr (real) return bits_of(std::nearbyint(arg(0)));
      break;
    case ScalarOp::Shl:
    case ScalarOp::Shr:
    case ScalarOp::ShrArith:
      if constexpr (!real) return bits_of(shift(op, arg(0), arg(1)));
      break;
    default:
      break;
  }
  GRADUS_CHECK(false, std::string(name_of(op)));
  return 0;
}

template <class T>
bool compare(ScalarOp op, T x, T y) {
  switch (op) {
    case ScalarOp::Eq:
      return x == y;
    case ScalarOp::Ne:
      return x != y;
    case ScalarOp::Lt:
      return x < y;
    case ScalarOp::Le:
      return x <= y;
    case ScalarOp::Gt:
      return x > y;
    default:
      return x >= y;
  }
}

bool is_comparison(ScalarOp op) {
  return op >= ScalarOp::Eq && op <= ScalarOp::Ge;
}

bool is_commutative(ScalarOp op) {
  switch (op) {
    case ScalarOp::Add:
    case ScalarOp::Mul:
    case ScalarOp::Fma:
    case ScalarOp::And:
    case ScalarOp::Or:
    case ScalarOp::Xor:
    case ScalarOp::Eq:
    case ScalarOp::Ne:
      return true;
    default:
      return false;
  }
}

Bits mask_of(DType dtype) {
  return dtype == DType::Bool ? 1 : ~Bits{0} >> (64 - 8 * size_of(dtype));
}

template <class F>
decltype(auto) visit_element(DType dtype, F&& f) {
  return visit_dtype(element_dtype(dtype), [&]<class T>() {
    if constexpr (std::is_same_v<T, KeyData>) {
      return f.template operator()<uint64_t>();
    } else {
      return f.template operator()<T>();
    }
  });
}

}  // namespace

std::string_view name_of(ScalarOp op) {
  return kOps[static_cast<size_t>(op)].text;
}
int operands_of(ScalarOp op) {
  return kOps[static_cast<size_t>(op)].operands;
}

template <class T>
Bits bits_of(T x) {
  return std::bit_cast<UnsignedOf<T>>(x);
}

template <class T>
T from_bits(Bits bits) {
  if constexpr (std::is_same_v<T, bool>) {
    return bits & 1;
  } else {
    return std::bit_cast<T>(static_cast<UnsignedOf<T>>(bits));
  }
}

#define GRADUS_DTYPE(name, text, ctype, kind) \
  template Bits bits_of<ctype>(ctype);        \
  template ctype from_bits<ctype>(Bits);
#include "runtime/dtypes.def"
#undef GRADUS_DTYPE

Bits evaluate(ScalarOp op, DType type, DType result, std::span<const Bits> in) {
  type = element_dtype(type);
  result = element_dtype(result);
  switch (op) {
    case ScalarOp::Select:
      return in[0] & 1 ? in[1] : in[2];
    case ScalarOp::Bitcast:
      return in[0];
    case ScalarOp::And:
      return in[0] & in[1];
    case ScalarOp::Or:
      return in[0] | in[1];
    case ScalarOp::Xor:
      return in[0] ^ in[1];
    case ScalarOp::Not:
      return ~in[0] & mask_of(type);
    case ScalarOp::Convert:
      return visit_element(type, [&]<class From>() {
        return visit_element(result, [&]<class To>() {
          return bits_of(converted<From, To>(from_bits<From>(in[0])));
        });
      });
    default:
      break;
  }
  return visit_element(type, [&]<class T>() -> Bits {
    if (is_comparison(op)) return compare(op, from_bits<T>(in[0]), from_bits<T>(in[1]));
    if constexpr (std::is_same_v<T, bool>) {
      GRADUS_CHECK(false, std::string(name_of(op)));
      return 0;
    } else {
      return arithmetic<T>(op, in);
    }
  });
}

V ScalarBuilder::append(const ScalarNode& node) {
  size_t key = node.bits * 0x9e3779b97f4a7c15u;
  const auto mix = [&](size_t x) { key = (key ^ x) * 0xff51afd7ed558ccdu + (key >> 29); };
  mix(static_cast<size_t>(node.kind) << 16 | static_cast<size_t>(node.op) << 8 |
      static_cast<size_t>(node.dtype));
  for (int32_t i : node.in)
    mix(static_cast<uint32_t>(i));
  uint32_t id = numbered_.find(key, [&](uint32_t i) {
    const ScalarNode& n = nodes_[i];
    return n.kind == node.kind && n.op == node.op && n.dtype == node.dtype && n.in == node.in &&
           n.bits == node.bits;
  });
  if (id == HashIndex::kNone) {
    id = static_cast<uint32_t>(nodes_.size());
    nodes_.push_back(node);
    numbered_.insert(key, id);
  }
  return {static_cast<int32_t>(id)};
}

V ScalarBuilder::input(DType dtype, int number) {
  return append({.kind = ScalarNode::Kind::Input,
                 .dtype = element_dtype(dtype),
                 .bits = static_cast<Bits>(number)});
}

V ScalarBuilder::constant(DType dtype, double x) {
  const std::array in{bits_of(x)};
  return constant_bits(dtype, evaluate(ScalarOp::Convert, DType::F64, dtype, in));
}

V ScalarBuilder::constant_bits(DType dtype, Bits bits) {
  return append({.kind = ScalarNode::Kind::Constant, .dtype = element_dtype(dtype), .bits = bits});
}

V ScalarBuilder::is_nan(V a) {
  if (!is_float(dtype(a))) return constant_bits(DType::Bool, 0);
  return ne(a, a);
}

V ScalarBuilder::horner(V x, std::span<const double> highest_first) {
  V sum = constant_like(x, highest_first[0]);
  for (double c : highest_first.subspan(1))
    sum = fma(sum, x, constant_like(x, c));
  return sum;
}

bool ScalarBuilder::is_value(V v, double x) const {
  const ScalarNode& n = nodes_[static_cast<size_t>(v.id)];
  if (n.kind != ScalarNode::Kind::Constant) return false;
  const std::array in{bits_of(x)};
  return n.bits == evaluate(ScalarOp::Convert, DType::F64, n.dtype, in);
}

bool ScalarBuilder::is_ones(V v) const {
  const ScalarNode& n = nodes_[static_cast<size_t>(v.id)];
  return n.kind == ScalarNode::Kind::Constant && n.bits == mask_of(n.dtype);
}

V ScalarBuilder::operand_if(V v, ScalarOp op) const {
  const ScalarNode& n = nodes_[static_cast<size_t>(v.id)];
  return n.kind == ScalarNode::Kind::Op && n.op == op ? V{n.in[0]} : V{};
}

/// Exact identities: equal bits for every operand, NaN payloads apart.
V ScalarBuilder::simplified(ScalarOp op, std::span<const V> in, DType result) {
  const DType type = dtype(in.back());
  const bool real = is_float(type);
  const auto either = [&](auto is) { return is(in[0]) ? in[1] : is(in[1]) ? in[0] : V{}; };
  switch (op) {
    case ScalarOp::Add:
      return either([&](V v) { return is_value(v, real ? -0.0 : 0); });
    case ScalarOp::Sub:
      if (is_value(in[1], 0)) return in[0];
      if (!real && in[0] == in[1]) return constant_like(in[0], 0);
      if (real && is_value(in[0], -0.0)) return neg(in[1]);
      return {};
    case ScalarOp::Mul:
      if (!real && (is_value(in[0], 0) || is_value(in[1], 0))) return constant_like(in[0], 0);
      if (const V v = either([&](V x) { return is_value(x, 1); }); v.id >= 0) return v;
      if (!real) return {};
      if (const V v = either([&](V x) { return is_value(x, -1); }); v.id >= 0) return neg(v);
      return {};
    case ScalarOp::Div:
      return is_value(in[1], 1) ? in[0] : V{};
    case ScalarOp::Fma:
      if (is_value(in[0], 1)) return add(in[1], in[2]);
      if (is_value(in[1], 1)) return add(in[0], in[2]);
      if (is_value(in[2], real ? -0.0 : 0)) return mul(in[0], in[1]);
      return {};
    case ScalarOp::Neg:
      return operand_if(in[0], ScalarOp::Neg);
    case ScalarOp::Abs:
      if (is_unsigned_int(type) || operand_if(in[0], ScalarOp::Abs).id >= 0) return in[0];
      if (const V x = operand_if(in[0], ScalarOp::Neg); x.id >= 0) return abs(x);
      return {};
    case ScalarOp::And:
    case ScalarOp::Or: {
      if (in[0] == in[1]) return in[0];
      const bool both = op == ScalarOp::And;
      for (size_t i = 0; i < 2; ++i) {
        if (both ? is_ones(in[i]) : is_zero(in[i])) return in[1 - i];
        if (both ? is_zero(in[i]) : is_ones(in[i])) return in[i];
      }
      return {};
    }
    case ScalarOp::Xor:
      if (in[0] == in[1]) return constant_bits(type, 0);
      return either([&](V v) { return is_zero(v); });
    case ScalarOp::Not:
      return operand_if(in[0], ScalarOp::Not);
    case ScalarOp::Shl:
    case ScalarOp::Shr:
    case ScalarOp::ShrArith:
      return is_zero(in[1]) ? in[0] : V{};
    case ScalarOp::Select:
      if (in[1] == in[2] || is_ones(in[0])) return in[1];
      if (is_zero(in[0])) return in[2];
      if (const V p = operand_if(in[0], ScalarOp::Not); p.id >= 0) return select(p, in[2], in[1]);
      if (type == DType::Bool && is_ones(in[1]) && is_zero(in[2])) return in[0];
      return {};
    case ScalarOp::Convert:
      return type == result ? in[0] : V{};
    case ScalarOp::Bitcast:
      if (type == result) return in[0];
      if (const V x = operand_if(in[0], ScalarOp::Bitcast); x.id >= 0) return bitcast(x, result);
      return {};
    default:
      return {};
  }
}

V ScalarBuilder::op(ScalarOp op, std::initializer_list<V> operands, DType result) {
  GRADUS_CHECK(static_cast<int>(operands.size()) == operands_of(op), std::string(name_of(op)));
  std::array<V, 3> in;
  std::ranges::copy(operands, in.begin());
  const size_t n = operands.size();
  bool constant = true;
  for (size_t i = 0; i < n; ++i) {
    GRADUS_CHECK(in[i].id >= 0 && static_cast<size_t>(in[i].id) < nodes_.size());
    constant = constant && is_constant(in[i]);
    const bool predicate = op == ScalarOp::Select && i == 0;
    GRADUS_CHECK(dtype(in[i]) == (predicate ? DType::Bool : dtype(in[n - 1])),
                 std::string(name_of(op)));
  }
  const DType type = dtype(in[n - 1]);
  if (op == ScalarOp::Convert || op == ScalarOp::Bitcast) {
    result = element_dtype(result);
    GRADUS_CHECK(op == ScalarOp::Convert || size_of(result) == size_of(type));
  } else {
    result = is_comparison(op) ? DType::Bool : type;
  }
  if (constant) {
    std::array<Bits, 3> bits{};
    for (size_t i = 0; i < n; ++i)
      bits[i] = nodes_[static_cast<size_t>(in[i].id)].bits;
    return constant_bits(result, evaluate(op, type, result, std::span(bits).first(n)));
  }
  if (is_commutative(op) && in[1].id < in[0].id) std::swap(in[0], in[1]);
  if (const V v = simplified(op, std::span(in).first(n), result); v.id >= 0) return v;
  ScalarNode node{.kind = ScalarNode::Kind::Op, .op = op, .dtype = result};
  for (size_t i = 0; i < n; ++i)
    node.in[i] = in[i].id;
  return append(node);
}

}  // namespace gradus::loop
