// One function per op: adds its node to a graph. Operands have equal shapes (see broadcast_like).
#pragma once

#include <initializer_list>
#include <vector>

#include "compiler/ir/builder.h"

namespace gradus::ops {

using ir::Builder;
using ir::Ints;
using ir::Value;

/// A splat of x's type.
Value constant_like(Builder& b, Value x, double value);
Value zeros_like(Builder& b, Value x);
Value iota(Builder& b, const Type& type, int dim);
std::vector<Value> barrier(Builder& b, std::span<const Value> operands);

#define GRADUS_UNARY(name) Value name(Builder& b, Value x);
#define GRADUS_BINARY(name) Value name(Builder& b, Value x, Value y);
GRADUS_UNARY(neg)
GRADUS_UNARY(abs)
GRADUS_UNARY(sign)
GRADUS_UNARY(exp)
GRADUS_UNARY(expm1)
GRADUS_UNARY(log)
GRADUS_UNARY(log1p)
GRADUS_UNARY(tanh)
GRADUS_UNARY(logistic)
GRADUS_UNARY(sqrt)
GRADUS_UNARY(rsqrt)
GRADUS_UNARY(sin)
GRADUS_UNARY(cos)
GRADUS_UNARY(floor)
GRADUS_UNARY(ceil)
GRADUS_UNARY(round_even)
GRADUS_UNARY(erf)
GRADUS_UNARY(erf_inv)
GRADUS_UNARY(bit_not)  // the op "not"
GRADUS_UNARY(is_nan)
GRADUS_UNARY(stop_gradient)
GRADUS_BINARY(add)
GRADUS_BINARY(sub)
GRADUS_BINARY(mul)
GRADUS_BINARY(div)
GRADUS_BINARY(rem)
GRADUS_BINARY(pow)
GRADUS_BINARY(max)
GRADUS_BINARY(min)
GRADUS_BINARY(atan2)
GRADUS_BINARY(bit_and)  // "and"
GRADUS_BINARY(bit_or)   // "or"
GRADUS_BINARY(bit_xor)  // "xor"
GRADUS_BINARY(shl)
GRADUS_BINARY(shr)
GRADUS_BINARY(shr_arith)
GRADUS_BINARY(eq)
GRADUS_BINARY(ne)
GRADUS_BINARY(lt)
GRADUS_BINARY(le)
GRADUS_BINARY(gt)
GRADUS_BINARY(ge)
#undef GRADUS_UNARY
#undef GRADUS_BINARY

Value select(Builder& b, Value predicate, Value x, Value y);
Value fma(Builder& b, Value x, Value y, Value z);
Value convert(Builder& b, Value x, DType dtype);
Value bitcast(Builder& b, Value x, DType dtype);
/// The two words of the cipher of counter (c0, c1) under key (k0, k1).
std::vector<Value> threefry2x32(Builder& b, Value k0, Value k1, Value c0, Value c1);
Value key_make(Builder& b, Value hi, Value lo);
/// The two words of each key.
std::vector<Value> key_data(Builder& b, Value key);

Value reduce_sum(Builder& b, Value x, Ints axes);
Value reduce_prod(Builder& b, Value x, Ints axes);
Value reduce_max(Builder& b, Value x, Ints axes);
Value reduce_min(Builder& b, Value x, Ints axes);
Value reduce_and(Builder& b, Value x, Ints axes);
Value reduce_or(Builder& b, Value x, Ints axes);
Value argmax(Builder& b, Value x, int axis);
Value argmin(Builder& b, Value x, int axis);
/// reduce_max and reduce_min along one axis whose gradient goes to the first extreme element alone.
Value first_max(Builder& b, Value x, int axis);
Value first_min(Builder& b, Value x, int axis);

/// Mean and variance over the axes.
std::vector<Value> moments(Builder& b, Value x, Ints axes);

struct DotDims {
  Ints lhs_contract, rhs_contract, lhs_batch, rhs_batch;
};
Value dot(Builder& b, Value lhs, Value rhs, DotDims dims);

struct ConvDims {
  int batch = 0;
  Ints stride, low, high, dilation;  // one number for each spatial dimension
};
ConvDims conv_dims(const ir::Graph& graph, ir::NodeId conv);
/// lhs [batch…, n, spatial…, in], rhs [batch…, taps…, in, out]; see window.cpp.
Value conv(Builder& b, Value lhs, Value rhs, ConvDims dims);

Value reshape(Builder& b, Value x, const Shape& shape);
/// Result dimension d is operand dimension perm[d].
Value transpose(Builder& b, Value x, Ints perm);
/// Operand dimension i stands at result dimension dims[i].
Value broadcast(Builder& b, Value x, const Shape& shape, Ints dims);
/// x, a scalar, everywhere in the shape.
Value broadcast_scalar(Builder& b, Value x, const Shape& shape);
Value slice(Builder& b, Value x, Ints start, Ints limit, Ints stride);
Value pad(Builder& b, Value x, Value fill, Ints low, Ints high, Ints interior);
Value concatenate(Builder& b, std::span<const Value> xs, int dim);
Value reverse(Builder& b, Value x, Ints axes);
/// [.., extent, ..] -> [.., places, taps, ..]: element (place, tap) is x's at
/// place * stride + tap * dilation.
Value windows(Builder& b, Value x, int axis, int64_t taps, int64_t stride, int64_t dilation);

/// x taken along `axis` at indices; `batch` leading dimensions are shared by both.
Value gather(Builder& b, Value x, Value indices, int axis, int batch = 0);
/// x with the updates added where gather reads.
Value scatter_add(Builder& b, Value x, Value indices, Value updates, int axis, int batch = 0);

std::vector<Value> call(Builder& b, ir::GraphPtr body, std::span<const Value> operands);

}  // namespace gradus::ops
