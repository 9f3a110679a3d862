// Arithmetic, rounding, comparisons and choice.
#include <cmath>

#include "compiler/loop/math.h"
#include "compiler/ops/elementwise.h"

namespace gradus::ops {
namespace {

using loop::V;
using S = loop::ScalarBuilder;
using D = Partial;
using C = Cotangent;
using In = std::span<const Value>;

/// v is a constant whose elements all equal x, signs of zeros told apart.
bool is_splat(const Builder& b, Value v, double x) {
  const ir::Literal* literal = b.literal(v);
  return literal && literal->is_splat_of(x) &&
         std::signbit(literal->as_double()) == std::signbit(x);
}

bool is_float(const Builder& b, Value v) {
  return gradus::is_float(b.type(v).dtype);
}

/// The operand of v if v is a node of that op, else none.
Value operand_of(const Builder& b, Value v, std::string_view op) {
  const ir::Graph& g = b.graph();
  return g.op(v.node).name == op ? g.operands(v.node)[0] : Value{};
}

/// x op e = x for both operands.
auto neutral(double of_float, double of_integer) {
  return [=](Builder& b, In in) -> Value {
    const double e = is_float(b, in[0]) ? of_float : of_integer;
    if (is_splat(b, in[1], e)) return in[0];
    if (is_splat(b, in[0], e)) return in[1];
    return {};
  };
}

Value simplify_mul(Builder& b, In in) {
  if (const Value v = neutral(1, 1)(b, in)) return v;
  for (size_t i = 0; i < 2; ++i) {
    if (!is_float(b, in[i]) && is_splat(b, in[i], 0)) return in[i];
    if (is_float(b, in[i]) && is_splat(b, in[i], -1)) return neg(b, in[1 - i]);
  }
  return {};
}

/// x op x = x.
Value simplify_extremum(Builder&, In in) {
  return in[0] == in[1] ? in[0] : Value{};
}

/// Half of the tangent where the operands tie, as JAX.
Expr share(Expr mine, Expr other, Expr wins) {
  return select(mine == other, like(mine, 0.5), select(wins, 1, 0, mine));
}

void register_basic(Registry& r) {
  elementwise(r, "add", kNumber, 2)
      .scalar([](S& s, V x, V y) { return s.add(x, y); })
      .ref([](auto x, auto y) { return modular(x) + modular(y); })
      .jvp([](const D& d) { return d.t; }, [](const D& d) { return d.t; })
      .linear(
          {0, 1}, [](const C& d) { return d.ct; }, [](const C& d) { return d.ct; })
      .commutative()
      .simplify(neutral(-0.0, 0));
  elementwise(r, "sub", kNumber, 2)
      .scalar([](S& s, V x, V y) { return s.sub(x, y); })
      .ref([](auto x, auto y) { return modular(x) - modular(y); })
      .jvp([](const D& d) { return d.t; }, [](const D& d) { return -d.t; })
      .linear(
          {0, 1}, [](const C& d) { return d.ct; }, [](const C& d) { return -d.ct; })
      .simplify([](Builder& b, In in) -> Value {
        if (is_splat(b, in[1], 0)) return in[0];
        if (!is_float(b, in[0]) && in[0] == in[1]) return zeros_like(b, in[0]);
        return {};
      });
  elementwise(r, "mul", kNumber, 2)
      .scalar([](S& s, V x, V y) { return s.mul(x, y); })
      .ref([](auto x, auto y) { return modular(x) * modular(y); })
      .jvp([](const D& d) { return d.t * d.y; }, [](const D& d) { return d.x * d.t; })
      .linear(
          {0, 1}, [](const C& d) { return d.ct * d.y; }, [](const C& d) { return d.x * d.ct; })
      .multilinear()
      .commutative()
      .simplify(simplify_mul);
  elementwise(r, "div", kNumber, 2)
      .scalar([](S& s, V x, V y) { return s.div(x, y); })
      .ref([]<class T>(T x, T y) -> T {
        if constexpr (std::is_floating_point_v<T>) return x / y;
        if (y == 0) return static_cast<T>(-1);
        const bool wraps = std::is_signed_v<T> && y == static_cast<T>(-1);
        return wraps ? static_cast<T>(0 - static_cast<uint64_t>(x)) : x / y;
      })
      .jvp([](const D& d) { return d.t / d.y; }, [](const D& d) { return -(d.t * (d.out / d.y)); })
      .linear({0}, [](const C& d) { return d.ct / d.y; })
      .simplify([](Builder& b, In in) { return is_splat(b, in[1], 1) ? in[0] : Value{}; })
      .flops(8);
  elementwise(r, "rem", kNumber, 2)
      .scalar([](S& s, V x, V y) { return s.rem(x, y); })
      .ref([]<class T>(T x, T y) -> T {
        if constexpr (std::is_floating_point_v<T>) {
          return std::fmod(x, y);
        } else {
          if (y == 0) return x;
          return y == static_cast<T>(-1) && std::is_signed_v<T> ? T{0} : x % y;
        }
      })
      .jvp([](const D& d) { return d.t; },
           [](const D& d) {
             const Expr q = d.x / d.y;
             return -(d.t * (sign(q) * floor(abs(q))));
           })
      .flops(12);
  elementwise(r, "neg", kNumber)
      .scalar([](S& s, V x) { return s.neg(x); })
      .ref([](auto x) { return -modular(x); })
      .jvp([](const D& d) { return -d.t; })
      .linear({0}, [](const C& d) { return -d.ct; })
      .simplify([](Builder& b, In in) { return operand_of(b, in[0], "neg"); });
  elementwise(r, "fma", kNumber, 3)
      .scalar([](S& s, V x, V y, V z) { return s.fma(x, y, z); })
      .ref([]<class T>(T x, T y, T z) {
        if constexpr (std::is_floating_point_v<T>) {
          return std::fma(x, y, z);
        } else {
          return modular(x) * modular(y) + modular(z);
        }
      })
      .jvp([](const D& d) { return d.t * d.y; }, [](const D& d) { return d.x * d.t; },
           [](const D& d) { return d.t; })
      .flops(2);
}

void register_rounding(Registry& r) {
  elementwise(r, "abs", kNumber)
      .scalar([](S& s, V x) { return s.abs(x); })
      .ref([]<class T>(T x) -> T {
        if constexpr (std::is_floating_point_v<T>) return std::fabs(x);
        if constexpr (std::is_unsigned_v<T>) return x;
        return x < 0 ? static_cast<T>(0 - static_cast<uint64_t>(x)) : x;
      })
      .jvp([](const D& d) { return d.t * sign(d.x); })
      .simplify([](Builder& b, In in) {
        const bool is_unsigned = is_unsigned_int(b.type(in[0]).dtype);
        if (is_unsigned || operand_of(b, in[0], "abs")) return in[0];
        const Value x = operand_of(b, in[0], "neg");
        return x ? abs(b, x) : x;
      });
  elementwise(r, "sign", kNumber)
      .scalar([](S& s, V x) {
        const V zero = s.constant_like(x, 0);
        const V below = is_unsigned_int(s.dtype(x)) ? x : s.constant_like(x, -1);
        return s.select(s.gt(x, zero), s.constant_like(x, 1), s.select(s.lt(x, zero), below, x));
      })
      .ref([]<class T>(T x) -> T {
        if (x > 0) return 1;
        return x < 0 ? static_cast<T>(-1) : x;
      })
      .constant_pieces();
  elementwise(r, "floor", kFloat)
      .scalar([](S& s, V x) { return s.floor(x); })
      .ref([](double x) { return std::floor(x); })
      .constant_pieces();
  elementwise(r, "ceil", kFloat)
      .scalar([](S& s, V x) { return s.ceil(x); })
      .ref([](double x) { return std::ceil(x); })
      .constant_pieces();
  elementwise(r, "round_even", kFloat)
      .scalar([](S& s, V x) { return s.round_even(x); })
      .ref([](double x) { return std::nearbyint(x); })
      .constant_pieces();
  elementwise(r, "is_nan", kFloat)
      .scalar([](S& s, V x) { return s.is_nan(x); })
      .ref([](double x) { return std::isnan(x); })
      .result(DType::Bool)
      .constant_pieces();
}

void register_choice(Registry& r) {
  // A NaN on either side wins, as in IEEE 754's maximum.
  elementwise(r, "max", kReal, 2)
      .scalar([](S& s, V x, V y) { return loop::max(s, x, y); })
      .ref([]<class T>(T x, T y) -> T {
        if constexpr (std::is_floating_point_v<T>) {
          if (std::isnan(x) || std::isnan(y)) return std::nan("");
        }
        return x > y ? x : y;
      })
      .jvp([](const D& d) { return d.t * share(d.x, d.y, d.x > d.y); },
           [](const D& d) { return d.t * share(d.y, d.x, d.y > d.x); })
      .simplify(simplify_extremum);
  elementwise(r, "min", kReal, 2)
      .scalar([](S& s, V x, V y) { return loop::min(s, x, y); })
      .ref([]<class T>(T x, T y) -> T {
        if constexpr (std::is_floating_point_v<T>) {
          if (std::isnan(x) || std::isnan(y)) return std::nan("");
        }
        return x < y ? x : y;
      })
      .jvp([](const D& d) { return d.t * share(d.x, d.y, d.x < d.y); },
           [](const D& d) { return d.t * share(d.y, d.x, d.y < d.x); })
      .simplify(simplify_extremum);

  // max(x, 0) whose derivative at 0 is 0, not shared.
  elementwise(r, "relu", kNumber)
      .scalar([](S& s, V x) { return loop::max(s, x, s.constant_like(x, 0)); })
      .ref([]<class T>(T x) -> T { return x < 0 ? T{0} : x; })
      .jvp([](const D& d) { return select(d.x > 0, d.t, like(d.t, 0)); })
      .row()
      .decompose = [](Builder& b, std::span<const Value> in, const Attrs&) {
    return std::vector{max(b, in[0], zeros_like(b, in[0]))};
  };

#define GRADUS_COMPARISON(name, symbol, dtypes)            \
  elementwise(r, #name, dtypes, 2)                         \
      .scalar([](S& s, V x, V y) { return s.name(x, y); }) \
      .ref([](auto x, auto y) { return x symbol y; })      \
      .result(DType::Bool)                                 \
      .constant_pieces();
  GRADUS_COMPARISON(eq, ==, kReal)
  GRADUS_COMPARISON(ne, !=, kReal)
  GRADUS_COMPARISON(lt, <, kReal)
  GRADUS_COMPARISON(le, <=, kReal)
  GRADUS_COMPARISON(gt, >, kReal)
  GRADUS_COMPARISON(ge, >=, kReal)
#undef GRADUS_COMPARISON
}

std::vector<Type> infer_select(const InferContext& c) {
  if (c.in[0].dtype != DType::Bool) require_dtype(c, 0, kBool);
  require_equal_dtypes(c, 1);
  require_equal_shapes(c);
  return {c.in[1]};
}

std::vector<RefArray> reference_select(const ReferenceContext& c) {
  RefArray out = c.in[2];
  for (size_t i = 0; i < c.in[0].integer.size(); ++i) {
    if (!c.in[0].integer[i]) continue;
    if (out.real.empty()) {
      out.integer[i] = c.in[1].integer[i];
    } else {
      out.real[i] = c.in[1].real[i];
    }
  }
  return {out};
}

void register_select(Registry& r) {
  auto row = elementwise(r, "select", kAny, 3);
  row.scalar([](S& s, V p, V x, V y) { return s.select(p, x, y); })
      .jvp([](const D&) { return Expr{}; },
           [](const D& d) { return select(d.x, d.t, like(d.t, 0)); },
           [](const D& d) { return select(d.x, like(d.t, 0), d.t); })
      .linear(
          {1, 2}, [](const C& d) { return select(d.x, d.ct, like(d.ct, 0)); },
          [](const C& d) { return select(d.x, like(d.ct, 0), d.ct); })
      .simplify([](Builder& b, In in) -> Value {
        if (in[1] == in[2] || is_splat(b, in[0], 1)) return in[1];
        if (is_splat(b, in[0], 0)) return in[2];
        const Value p = operand_of(b, in[0], "not");
        return p ? select(b, p, in[2], in[1]) : p;
      });
  row.row().infer = infer_select;
  row.row().reference = reference_select;
}

}  // namespace

void register_arithmetic(Registry& registry) {
  register_basic(registry);
  register_rounding(registry);
  register_choice(registry);
  register_select(registry);
}

}  // namespace gradus::ops
