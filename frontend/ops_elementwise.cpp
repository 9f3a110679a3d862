// Elementwise operations and the operators of Tensor.
#include <cmath>

#include <fmt/format.h>

#include "frontend/ops_impl.h"

namespace gradus {
namespace detail {
namespace {

enum class Domain : uint8_t { Real, Number, Bits, Any };

DType in_domain(DType dtype, Domain domain) {
  switch (domain) {
    case Domain::Real:
      return real_dtype(dtype);
    case Domain::Number:
      if (kind_of(dtype) == DTypeKind::Bool) return DType::I32;
      if (kind_of(dtype) == DTypeKind::Key) real_dtype(dtype);
      return dtype;
    case Domain::Bits:
      if (is_float(dtype) || kind_of(dtype) == DTypeKind::Key) {
        fail<DTypeError>(fmt::format("no integers or bools; got {}", name_of(dtype)),
                         "compare or convert the operand first");
      }
      return dtype;
    case Domain::Any:
      break;
  }
  return dtype;
}

Tensor unary(const char* name, const char* op, Domain domain, const Arg& x) {
  return run_op(name, x.where(), [&] {
    const DType dtype = in_domain(own_dtype(x), domain);
    return emit(op, {operand(x, dtype, shape_of(x))});
  });
}

Tensor binary(const char* name, const char* op, Domain domain, const Arg& a, const Arg& b) {
  return run_op(name, a.where(), [&] {
    const DType dtype = in_domain(result_dtype({&a, &b}), domain);
    const Shape shape = broadcast_all({&a, &b});
    return emit(op, {operand(a, dtype, shape), operand(b, dtype, shape)});
  });
}

Tensor logical(const Tensor& x) {
  if (x.dtype(position()) == DType::Bool) return x;
  const Tensor number = convert_to(x, in_domain(x.dtype(), Domain::Number));
  return emit("ne", {number, splat(0, number.type())});
}

Tensor logical_binary(const char* name, const char* op, const Arg& a, const Arg& b) {
  return run_op(name, a.where(), [&] {
    const Shape shape = broadcast_all({&a, &b});
    return emit(
        op, {broadcast_in(logical(operand(a)), shape), broadcast_in(logical(operand(b)), shape)});
  });
}

/// x to a small power, by squaring.
Tensor integer_power(Tensor x, int64_t exponent) {
  const bool inverse = exponent < 0;
  Tensor result;
  for (int64_t rest = inverse ? -exponent : exponent; rest > 0; rest /= 2) {
    if (rest % 2 == 1) result = result.is_empty() ? x : emit("mul", {result, x});
    if (rest > 1) x = emit("mul", {x, x});
  }
  if (result.is_empty()) return splat(1, x.type());
  return inverse ? emit("div", {splat(1, x.type()), result}) : result;
}

constexpr int64_t kLargestExpandedPower = 16;

}  // namespace

#define GRADUS_UNARY_OP(name, op, domain)            \
  Tensor name##_operation::operator()(Arg x) const { \
    return unary(#name, op, domain, x);              \
  }
GRADUS_UNARY_OP(negative, "neg", Domain::Number)
GRADUS_UNARY_OP(abs, "abs", Domain::Number)
GRADUS_UNARY_OP(sign, "sign", Domain::Number)
GRADUS_UNARY_OP(exp, "exp", Domain::Real)
GRADUS_UNARY_OP(expm1, "expm1", Domain::Real)
GRADUS_UNARY_OP(log, "log", Domain::Real)
GRADUS_UNARY_OP(log1p, "log1p", Domain::Real)
GRADUS_UNARY_OP(tanh, "tanh", Domain::Real)
GRADUS_UNARY_OP(logistic, "logistic", Domain::Real)
GRADUS_UNARY_OP(sqrt, "sqrt", Domain::Real)
GRADUS_UNARY_OP(rsqrt, "rsqrt", Domain::Real)
GRADUS_UNARY_OP(sin, "sin", Domain::Real)
GRADUS_UNARY_OP(cos, "cos", Domain::Real)
GRADUS_UNARY_OP(erf, "erf", Domain::Real)
GRADUS_UNARY_OP(erf_inv, "erf_inv", Domain::Real)
GRADUS_UNARY_OP(floor, "floor", Domain::Real)
GRADUS_UNARY_OP(ceil, "ceil", Domain::Real)
GRADUS_UNARY_OP(round, "round_even", Domain::Real)
GRADUS_UNARY_OP(is_nan, "is_nan", Domain::Real)
GRADUS_UNARY_OP(stop_gradient, "stop_gradient", Domain::Any)
#undef GRADUS_UNARY_OP

Tensor square_operation::operator()(Arg x) const {
  return run_op("square", x.where(), [&] {
    const Tensor y = operand(x);
    return emit("mul", {y, y});
  });
}

Tensor reciprocal_operation::operator()(Arg x) const {
  return run_op("reciprocal", x.where(), [&] {
    const Tensor y = operand(x, real_dtype(own_dtype(x)), shape_of(x));
    return emit("div", {splat(1, y.type()), y});
  });
}

Tensor relu_operation::operator()(Arg x) const {
  return run_op("relu", x.where(), [&] {
    return emit("relu", {operand(x, in_domain(own_dtype(x), Domain::Number), shape_of(x))});
  });
}

// log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)): no overflow.
Tensor softplus_operation::operator()(Arg x) const {
  return run_op("softplus", x.where(), [&] {
    const Tensor y = operand(x, real_dtype(own_dtype(x)), shape_of(x));
    const Tensor tail = emit("log1p", {emit("exp", {emit("neg", {emit("abs", {y})})})});
    return emit("add", {emit("max", {y, splat(0, y.type())}), tail});
  });
}

Tensor is_finite_operation::operator()(Arg x) const {
  return run_op("is_finite", x.where(), [&] {
    const Tensor y = operand(x, real_dtype(own_dtype(x)), shape_of(x));
    return emit("lt", {emit("abs", {y}), splat(HUGE_VAL, y.type())});
  });
}

Tensor logical_not_operation::operator()(Arg x) const {
  return run_op("logical_not", x.where(), [&] { return emit("not", {logical(operand(x))}); });
}

#define GRADUS_BINARY_OP(name, op, domain)                  \
  Tensor name##_operation::operator()(Arg a, Arg b) const { \
    return binary(#name, op, domain, a, b);                 \
  }
GRADUS_BINARY_OP(add, "add", Domain::Number)
GRADUS_BINARY_OP(subtract, "sub", Domain::Number)
GRADUS_BINARY_OP(multiply, "mul", Domain::Number)
GRADUS_BINARY_OP(divide, "div", Domain::Real)
GRADUS_BINARY_OP(remainder, "rem", Domain::Number)
GRADUS_BINARY_OP(atan2, "atan2", Domain::Real)
GRADUS_BINARY_OP(maximum, "max", Domain::Number)
GRADUS_BINARY_OP(minimum, "min", Domain::Number)
#undef GRADUS_BINARY_OP

// A literal exponent is part of the program: x^2 is x·x, and has no logarithm in its derivative.
Tensor pow_operation::operator()(Arg a, Arg b) const {
  const bool literal = b.kind() == Arg::Kind::Integer || b.kind() == Arg::Kind::Real;
  const double exponent = b.kind() == Arg::Kind::Real ? b.real() : static_cast<double>(b.integer());
  if (literal && exponent == std::trunc(exponent) && std::abs(exponent) <= kLargestExpandedPower) {
    return run_op("pow", a.where(), [&] {
      DType dtype = result_dtype({&a, &b});
      if (exponent < 0) dtype = real_dtype(dtype);
      const Tensor x = operand(a, in_domain(dtype, Domain::Number), shape_of(a));
      return integer_power(x, static_cast<int64_t>(exponent));
    });
  }
  return binary("pow", "pow", Domain::Real, a, b);
}

Tensor logical_and_operation::operator()(Arg a, Arg b) const {
  return logical_binary("logical_and", "and", a, b);
}
Tensor logical_or_operation::operator()(Arg a, Arg b) const {
  return logical_binary("logical_or", "or", a, b);
}

Tensor where_operation::operator()(Arg condition, Arg a, Arg b) const {
  return run_op("where", condition.where(), [&] {
    const DType dtype = result_dtype({&a, &b});
    const Shape shape = broadcast_all({&condition, &a, &b});
    const Tensor chosen = broadcast_in(logical(operand(condition)), shape);
    return emit("select", {chosen, operand(a, dtype, shape), operand(b, dtype, shape)});
  });
}

Tensor clamp_operation::operator()(Arg x, Arg low, Arg high) const {
  return run_op("clamp", x.where(), [&] {
    const DType dtype = in_domain(result_dtype({&x, &low, &high}), Domain::Number);
    const Shape shape = broadcast_all({&x, &low, &high});
    const Tensor raised = emit("max", {operand(x, dtype, shape), operand(low, dtype, shape)});
    return emit("min", {raised, operand(high, dtype, shape)});
  });
}

Tensor astype_operation::operator()(Arg x, DType dtype) const {
  return run_op("astype", x.where(), [&] { return convert_to(operand(x), dtype); });
}

Tensor bitcast_operation::operator()(Arg x, DType dtype) const {
  return run_op("bitcast", x.where(), [&] {
    const Tensor y = operand(x);
    return y.dtype() == dtype ? y : emit("bitcast", {y}, {{"dtype", dtype}});
  });
}

Tensor one_hot_operation::operator()(Arg labels, int64_t classes, DType dtype) const {
  return run_op("one_hot", labels.where(), [&] {
    const Tensor y = operand(labels);
    if (!is_integer(y.dtype())) {
      fail<DTypeError>(fmt::format("labels are no integers; got {}", to_string(y.type())),
                       "convert them by astype");
    }
    const int rank = y.rank();
    const Shape shape = y.shape().with_inserted(rank, classes);
    const Tensor label = broadcast_in(
        emit("reshape", {y}, {{"shape", ints_of(y.shape().with_inserted(rank, 1))}}), shape);
    const Tensor index =
        emit("iota", {}, {{"shape", ints_of(shape)}, {"dtype", y.dtype()}, {"dim", int64_t{rank}}});
    return convert_to(emit("eq", {label, index}), dtype);
  });
}

}  // namespace detail

using detail::binary;
using detail::Domain;

Tensor operator+(Arg a, Arg b) {
  return add(a, b);
}
Tensor operator-(Arg a, Arg b) {
  return subtract(a, b);
}
Tensor operator*(Arg a, Arg b) {
  return multiply(a, b);
}
Tensor operator/(Arg a, Arg b) {
  return divide(a, b);
}
Tensor operator%(Arg a, Arg b) {
  return remainder(a, b);
}
Tensor operator-(Arg x) {
  return negative(x);
}
Tensor operator+(Arg x) {
  return x.tensor();
}
Tensor operator==(Arg a, Arg b) {
  return binary("equal", "eq", Domain::Any, a, b);
}
Tensor operator!=(Arg a, Arg b) {
  return binary("not_equal", "ne", Domain::Any, a, b);
}
Tensor operator<(Arg a, Arg b) {
  return binary("less", "lt", Domain::Number, a, b);
}
Tensor operator<=(Arg a, Arg b) {
  return binary("less_equal", "le", Domain::Number, a, b);
}
Tensor operator>(Arg a, Arg b) {
  return binary("greater", "gt", Domain::Number, a, b);
}
Tensor operator>=(Arg a, Arg b) {
  return binary("greater_equal", "ge", Domain::Number, a, b);
}
Tensor operator&(Arg a, Arg b) {
  return binary("and", "and", Domain::Bits, a, b);
}
Tensor operator|(Arg a, Arg b) {
  return binary("or", "or", Domain::Bits, a, b);
}
Tensor operator^(Arg a, Arg b) {
  return binary("xor", "xor", Domain::Bits, a, b);
}
Tensor operator~(Arg x) {
  return detail::unary("not", "not", Domain::Bits, x);
}
Tensor Tensor::operator!() const {
  return logical_not(*this);
}
Tensor operator<<(Arg a, Arg b) {
  return binary("shift_left", "shl", Domain::Bits, a, b);
}
/// The sign of signed integers is kept, as in C++.
Tensor operator>>(Arg a, Arg b) {
  return detail::run_op("shift_right", a.where(), [&] {
    const DType dtype = detail::result_dtype({&a, &b});
    const char* op = is_signed_int(dtype) ? "shr_arith" : "shr";
    return binary("shift_right", op, Domain::Bits, a, b);
  });
}

Tensor& Tensor::operator+=(Arg other) {
  return *this = add(Arg(*this, other.where()), other);
}
Tensor& Tensor::operator-=(Arg other) {
  return *this = subtract(Arg(*this, other.where()), other);
}
Tensor& Tensor::operator*=(Arg other) {
  return *this = multiply(Arg(*this, other.where()), other);
}
Tensor& Tensor::operator/=(Arg other) {
  return *this = divide(Arg(*this, other.where()), other);
}

}  // namespace gradus
