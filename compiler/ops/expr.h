// Derivative rules that read like maths: graph values with operators; a double beside one is a
// splat constant of its type.
#pragma once

#include "compiler/ops/build.h"

namespace gradus::ops {

struct Expr {
  Builder* b;
  Value v;
  operator Value() const { return v; }  // NOLINT: the whole point
};

inline Expr like(Expr x, double value) {
  return {x.b, constant_like(*x.b, x.v, value)};
}

#define GRADUS_EXPR_BINARY(symbol, name)          \
  inline Expr operator symbol(Expr x, Expr y) {   \
    return {x.b, name(*x.b, x.v, y.v)};           \
  }                                               \
  inline Expr operator symbol(Expr x, double y) { \
    return x symbol like(x, y);                   \
  }                                               \
  inline Expr operator symbol(double x, Expr y) { \
    return like(y, x) symbol y;                   \
  }
GRADUS_EXPR_BINARY(+, add)
GRADUS_EXPR_BINARY(-, sub)
GRADUS_EXPR_BINARY(*, mul)
GRADUS_EXPR_BINARY(/, div)
GRADUS_EXPR_BINARY(==, eq)
GRADUS_EXPR_BINARY(<, lt)
GRADUS_EXPR_BINARY(>, gt)
#undef GRADUS_EXPR_BINARY

inline Expr operator-(Expr x) {
  return {x.b, neg(*x.b, x.v)};
}

#define GRADUS_EXPR_UNARY(name)    \
  inline Expr name(Expr x) {       \
    return {x.b, name(*x.b, x.v)}; \
  }
GRADUS_EXPR_UNARY(abs)
GRADUS_EXPR_UNARY(sign)
GRADUS_EXPR_UNARY(exp)
GRADUS_EXPR_UNARY(log)
GRADUS_EXPR_UNARY(sin)
GRADUS_EXPR_UNARY(cos)
GRADUS_EXPR_UNARY(floor)
#undef GRADUS_EXPR_UNARY

inline Expr pow(Expr x, Expr y) {
  return {x.b, pow(*x.b, x.v, y.v)};
}
inline Expr select(Expr p, Expr x, Expr y) {
  return {x.b, select(*x.b, p.v, x.v, y.v)};
}
inline Expr select(Expr p, double x, double y, Expr type) {
  return select(p, like(type, x), like(type, y));
}

}  // namespace gradus::ops
