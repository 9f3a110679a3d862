#include "compiler/ops/build.h"

#include "compiler/ops/op.h"

namespace gradus::ops {
namespace {

Ints ints(const Shape& shape) {
  return {shape.begin(), shape.end()};
}

}  // namespace

Value constant_like(Builder& b, Value x, double value) {
  return b.splat(b.type(x), value);
}

Value zeros_like(Builder& b, Value x) {
  return b.zeros(b.type(x));
}

#define GRADUS_OP(name) static const OpDef& op = op_named(name)

Value iota(Builder& b, const Type& type, int dim) {
  GRADUS_OP("iota");
  return b.add(op, {}, {ints(type.shape), type.dtype, int64_t{dim}});
}

std::vector<Value> barrier(Builder& b, std::span<const Value> operands) {
  GRADUS_OP("barrier");
  return b.add_node(op, operands, {});
}

#define GRADUS_UNARY(function, name)    \
  Value function(Builder& b, Value x) { \
    GRADUS_OP(name);                    \
    return b.add(op, {x});              \
  }
#define GRADUS_BINARY(function, name)            \
  Value function(Builder& b, Value x, Value y) { \
    GRADUS_OP(name);                             \
    return b.add(op, {x, y});                    \
  }
GRADUS_UNARY(neg, "neg")
GRADUS_UNARY(abs, "abs")
GRADUS_UNARY(sign, "sign")
GRADUS_UNARY(exp, "exp")
GRADUS_UNARY(expm1, "expm1")
GRADUS_UNARY(log, "log")
GRADUS_UNARY(log1p, "log1p")
GRADUS_UNARY(tanh, "tanh")
GRADUS_UNARY(logistic, "logistic")
GRADUS_UNARY(sqrt, "sqrt")
GRADUS_UNARY(rsqrt, "rsqrt")
GRADUS_UNARY(sin, "sin")
GRADUS_UNARY(cos, "cos")
GRADUS_UNARY(floor, "floor")
GRADUS_UNARY(ceil, "ceil")
GRADUS_UNARY(round_even, "round_even")
GRADUS_UNARY(erf, "erf")
GRADUS_UNARY(erf_inv, "erf_inv")
GRADUS_UNARY(bit_not, "not")
GRADUS_UNARY(is_nan, "is_nan")
GRADUS_UNARY(stop_gradient, "stop_gradient")
GRADUS_BINARY(add, "add")
GRADUS_BINARY(sub, "sub")
GRADUS_BINARY(mul, "mul")
GRADUS_BINARY(div, "div")
GRADUS_BINARY(rem, "rem")
GRADUS_BINARY(pow, "pow")
GRADUS_BINARY(max, "max")
GRADUS_BINARY(min, "min")
GRADUS_BINARY(atan2, "atan2")
GRADUS_BINARY(bit_and, "and")
GRADUS_BINARY(bit_or, "or")
GRADUS_BINARY(bit_xor, "xor")
GRADUS_BINARY(shl, "shl")
GRADUS_BINARY(shr, "shr")
GRADUS_BINARY(shr_arith, "shr_arith")
GRADUS_BINARY(eq, "eq")
GRADUS_BINARY(ne, "ne")
GRADUS_BINARY(lt, "lt")
GRADUS_BINARY(le, "le")
GRADUS_BINARY(gt, "gt")
GRADUS_BINARY(ge, "ge")
#undef GRADUS_UNARY
#undef GRADUS_BINARY

Value select(Builder& b, Value predicate, Value x, Value y) {
  GRADUS_OP("select");
  return b.add(op, {predicate, x, y});
}

Value fma(Builder& b, Value x, Value y, Value z) {
  GRADUS_OP("fma");
  return b.add(op, {x, y, z});
}

Value convert(Builder& b, Value x, DType dtype) {
  GRADUS_OP("convert");
  return b.add(op, {x}, {dtype});
}

Value bitcast(Builder& b, Value x, DType dtype) {
  GRADUS_OP("bitcast");
  return b.add(op, {x}, {dtype});
}

std::vector<Value> threefry2x32(Builder& b, Value k0, Value k1, Value c0, Value c1) {
  GRADUS_OP("threefry2x32");
  return b.add_node(op, std::array{k0, k1, c0, c1}, {});
}

Value key_make(Builder& b, Value hi, Value lo) {
  GRADUS_OP("key_make");
  return b.add(op, {hi, lo});
}

std::vector<Value> key_data(Builder& b, Value key) {
  GRADUS_OP("key_data");
  return b.add_node(op, std::array{key}, {});
}

#define GRADUS_REDUCE(name)                    \
  Value name(Builder& b, Value x, Ints axes) { \
    GRADUS_OP(#name);                          \
    return b.add(op, {x}, {std::move(axes)});  \
  }
GRADUS_REDUCE(reduce_sum)
GRADUS_REDUCE(reduce_prod)
GRADUS_REDUCE(reduce_max)
GRADUS_REDUCE(reduce_min)
GRADUS_REDUCE(reduce_and)
GRADUS_REDUCE(reduce_or)
#undef GRADUS_REDUCE

Value argmax(Builder& b, Value x, int axis) {
  GRADUS_OP("argmax");
  return b.add(op, {x}, {int64_t{axis}});
}

Value argmin(Builder& b, Value x, int axis) {
  GRADUS_OP("argmin");
  return b.add(op, {x}, {int64_t{axis}});
}

std::vector<Value> moments(Builder& b, Value x, Ints axes) {
  GRADUS_OP("moments");
  return b.add_node(op, {&x, 1}, {std::move(axes)});
}

Value first_max(Builder& b, Value x, int axis) {
  GRADUS_OP("first_max");
  return b.add(op, {x}, {int64_t{axis}});
}

Value first_min(Builder& b, Value x, int axis) {
  GRADUS_OP("first_min");
  return b.add(op, {x}, {int64_t{axis}});
}

Value dot(Builder& b, Value lhs, Value rhs, DotDims dims) {
  GRADUS_OP("dot");
  return b.add(op, {lhs, rhs},
               {std::move(dims.lhs_contract), std::move(dims.rhs_contract),
                std::move(dims.lhs_batch), std::move(dims.rhs_batch)});
}

ConvDims conv_dims(const ir::Graph& graph, ir::NodeId conv) {
  return {static_cast<int>(graph.attr<int64_t>(conv, "batch")), graph.attr<Ints>(conv, "stride"),
          graph.attr<Ints>(conv, "low"), graph.attr<Ints>(conv, "high"),
          graph.attr<Ints>(conv, "dilation")};
}

Value conv(Builder& b, Value lhs, Value rhs, ConvDims dims) {
  GRADUS_OP("conv");
  return b.add(op, {lhs, rhs},
               {int64_t{dims.batch}, std::move(dims.stride), std::move(dims.low),
                std::move(dims.high), std::move(dims.dilation)});
}

Value reshape(Builder& b, Value x, const Shape& shape) {
  GRADUS_OP("reshape");
  return b.add(op, {x}, {ints(shape)});
}

Value transpose(Builder& b, Value x, Ints perm) {
  GRADUS_OP("transpose");
  return b.add(op, {x}, {std::move(perm)});
}

Value broadcast(Builder& b, Value x, const Shape& shape, Ints dims) {
  GRADUS_OP("broadcast");
  return b.add(op, {x}, {ints(shape), std::move(dims)});
}

Value broadcast_scalar(Builder& b, Value x, const Shape& shape) {
  return broadcast(b, x, shape, {});
}

Value slice(Builder& b, Value x, Ints start, Ints limit, Ints stride) {
  GRADUS_OP("slice");
  return b.add(op, {x}, {std::move(start), std::move(limit), std::move(stride)});
}

Value pad(Builder& b, Value x, Value fill, Ints low, Ints high, Ints interior) {
  GRADUS_OP("pad");
  return b.add(op, {x, fill}, {std::move(low), std::move(high), std::move(interior)});
}

Value concatenate(Builder& b, std::span<const Value> xs, int dim) {
  GRADUS_OP("concatenate");
  return b.add(op, xs, {int64_t{dim}});
}

Value reverse(Builder& b, Value x, Ints axes) {
  GRADUS_OP("reverse");
  return b.add(op, {x}, {std::move(axes)});
}

Value windows(Builder& b, Value x, int axis, int64_t taps, int64_t stride, int64_t dilation) {
  GRADUS_OP("windows");
  return b.add(op, {x}, {int64_t{axis}, taps, stride, dilation});
}

Value gather(Builder& b, Value x, Value indices, int axis, int batch) {
  GRADUS_OP("gather");
  return b.add(op, {x, indices}, {int64_t{axis}, int64_t{batch}});
}

Value scatter_add(Builder& b, Value x, Value indices, Value updates, int axis, int batch) {
  GRADUS_OP("scatter_add");
  return b.add(op, {x, indices, updates}, {int64_t{axis}, int64_t{batch}});
}

std::vector<Value> call(Builder& b, ir::GraphPtr body, std::span<const Value> operands) {
  GRADUS_OP("call");
  return b.add_node(op, operands, {std::move(body)});
}

#undef GRADUS_OP

}  // namespace gradus::ops
