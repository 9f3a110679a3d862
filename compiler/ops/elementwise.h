// How a row of the elementwise family is written:
//
//   elementwise(registry, "logistic", kFloat)
//       .scalar([](S& s, V x) { return loop::logistic(s, x); })
//       .ref([](double x) { return 1 / (1 + std::exp(-x)); })
//       .jvp([](const D& d) { return d.t * (d.out * (1 - d.out)); });
//
// The family fills the type rule, the space and the batching rule.
#pragma once

#include <concepts>
#include <utility>

#include "compiler/ops/expr.h"
#include "compiler/ops/families.h"
#include "compiler/ops/reference_values.h"

namespace gradus::ops {

/// Sets of dtypes that a row accepts.
enum DTypes : unsigned {
  kBool = 1u << 0,
  kSigned = 1u << 1,
  kUnsigned = 1u << 2,
  kFloat = 1u << 3,
  kKey = 1u << 4,
  kInteger = kSigned | kUnsigned,
  kLogical = kBool | kInteger,
  kNumber = kInteger | kFloat,
  kReal = kBool | kNumber,
  kAny = kReal | kKey,
};

bool accepts(DTypes set, DType dtype);
/// "f32 or f64", "bool or an integer", …: what a message expects.
std::string describe(DTypes set);
/// Throws DTypeError unless the dtype of operand i is in the set.
void require_dtype(const InferContext& c, size_t i, DTypes set);
/// Throw unless the operands from `first` on have equal shapes, or dtypes.
void require_equal_shapes(const InferContext& c, size_t first = 0);
void require_equal_dtypes(const InferContext& c, size_t first = 0);

/// Operands stay where they are if all batched ones share an axis, else the axis is 0.
std::vector<Batched> batch_pointwise(const BatchContext& c);
/// One point of every operand for each point of the results.
Space pointwise_space(const SpaceContext& c, double flops);

/// What a partial derivative is written in: the tangent, the operands, the result.
struct Partial {
  Expr t, x, y, z, out;
};

/// What a transpose is written in: the cotangent and, if they are not linear, the operands.
struct Cotangent {
  Expr ct, x, y, z;
};

/// For references of arithmetic that wraps: signed integers may not overflow in C++.
inline double modular(double x) {
  return x;
}
inline uint64_t modular(int64_t x) {
  return static_cast<uint64_t>(x);
}
inline uint64_t modular(uint64_t x) {
  return x;
}

class ElementwiseRow {
 public:
  using S = loop::ScalarBuilder;
  using V = loop::V;

  ElementwiseRow(Registry& registry, std::string name, DTypes dtypes, int operands);

  /// One element: V f(S&, V...).
  template <class F>
  ElementwiseRow& scalar(F f) {
    row_.scalar = [f](const ScalarContext& c) { return std::vector<V>{call(f, c.s, c.in)}; };
    return *this;
  }

  /// One element of the reference, in double, int64_t or uint64_t (bools are uint64_t 0 and 1): a
  /// generic lambda, of which the versions that compile are used.
  template <class F>
  ElementwiseRow& ref(F f) {
    row_.reference = [f](const ReferenceContext& c) {
      const DType dtype = c.in.back().type.dtype;
      RefArray out = make_reference(c.out_types[0]);
      if (is_float(dtype)) {
        apply<double>(f, c.in, out);
      } else if (is_signed_int(dtype)) {
        apply<int64_t>(f, c.in, out);
      } else {
        apply<uint64_t>(f, c.in, out);
      }
      return std::vector{std::move(out)};
    };
    return *this;
  }

  /// One partial for each operand, in order: Expr f(const Partial&).
  template <class... F>
  ElementwiseRow& jvp(F... partials) {
    row_.jvp = [... f = partials](const JvpContext& c) {
      const Partial d = partial_of(c);
      int i = 0;
      Value tangent;
      (..., (i++ == c.operand ? void(tangent = f(d)) : void()));
      return std::vector{tangent};
    };
    return *this;
  }
  /// The derivative is zero wherever there is one.
  ElementwiseRow& constant_pieces();

  /// Linear jointly in `operands`: the cotangents of each of them, in order.
  template <class... F>
  ElementwiseRow& linear(std::vector<int> operands, F... cotangents) {
    row_.linear = operands;
    row_.transpose = [operands, ... f = cotangents](const TransposeContext& c) {
      const Cotangent d = cotangent_of(c);
      size_t i = 0;
      Value result;
      (..., (operands[i++] == c.operand ? void(result = f(d)) : void()));
      return result;
    };
    return *this;
  }
  ElementwiseRow& multilinear() {
    row_.multilinear = true;
    return *this;
  }
  ElementwiseRow& commutative() {
    row_.commutative = true;
    return *this;
  }

  /// Value f(Builder&, std::span<const Value>): none to keep the node. Exact identities only.
  template <class F>
  ElementwiseRow& simplify(F f) {
    row_.simplify = [f](Builder& b, std::span<const Value> in, const Attrs&) { return f(b, in); };
    return *this;
  }

  /// The result has this dtype instead of the operands'.
  ElementwiseRow& result(DType dtype);
  ElementwiseRow& flops(double flops);
  /// For what does not fit the forms above.
  OpDef& row() { return row_; }

 private:
  template <class F>
  static V call(F& f, S& s, std::span<const V> in) {
    if constexpr (std::is_invocable_v<F, S&, V>) {
      return f(s, in[0]);
    } else if constexpr (std::is_invocable_v<F, S&, V, V>) {
      return f(s, in[0], in[1]);
    } else {
      return f(s, in[0], in[1], in[2]);
    }
  }

  template <class T>
  static T element(const RefArray& x, size_t i) {
    if constexpr (std::is_same_v<T, double>) {
      return x.real[i];
    } else {
      return static_cast<T>(x.integer[i]);
    }
  }

  template <class T, class F>
  static void apply(F& f, std::span<const RefArray> in, RefArray& out) {
    const auto n = static_cast<size_t>(out.type.elements());
    for (size_t i = 0; i < n; ++i) {
      const auto y = [&] {
        if constexpr (std::is_invocable_v<F, T>) {
          return f(element<T>(in[0], i));
        } else if constexpr (std::is_invocable_v<F, T, T>) {
          return f(element<T>(in[0], i), element<T>(in[1], i));
        } else if constexpr (std::is_invocable_v<F, T, T, T>) {
          return f(element<T>(in[0], i), element<T>(in[1], i), element<T>(in[2], i));
        } else {
          internal_error(__FILE__, __LINE__, "the reference takes this dtype");
          return T{};
        }
      }();
      if (is_float(out.type.dtype)) {
        out.real[i] = static_cast<double>(y);
      } else {
        // The complement of a bool held in 64 bits is still its lowest bit.
        const auto integer = static_cast<int64_t>(y);
        out.integer[i] =
            out.type.dtype == DType::Bool ? integer & 1 : wrap_integer(out.type.dtype, integer);
      }
    }
  }

  static Partial partial_of(const JvpContext& c);
  static Cotangent cotangent_of(const TransposeContext& c);

  OpDef& row_;
};

inline ElementwiseRow elementwise(Registry& registry, std::string name, DTypes dtypes,
                                  int operands = 1) {
  return ElementwiseRow(registry, std::move(name), dtypes, operands);
}

void register_arithmetic(Registry& registry);
void register_math(Registry& registry);
void register_bits(Registry& registry);
void register_conversion(Registry& registry);
void register_random(Registry& registry);

}  // namespace gradus::ops
