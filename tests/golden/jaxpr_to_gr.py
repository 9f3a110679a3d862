#!/usr/bin/env python3
"""Writes training steps, traced and differentiated by JAX, as graph texts (.gr).

    python tests/golden/jaxpr_to_gr.py [NAME ...] [--out DIR] [--check build/bin/gradus-run]

The texts in tests/golden/graphs come from here: an independent tracer and autodiff give the golden tests of the schedule
graphs that were not shaped by ours. Needs JAX; the tests read the texts only. With --check each graph is also run on random
arrays by gradus-run (on --device, else by the reference evaluator) and compared with what JAX computes.

A jaxpr becomes text op by op: calls are inlined, operands of elementwise ops broadcast where JAX lets extents of 1 stand for
any, literals become splats of the full shape, equal statements are written once, unused ones not at all. Gather and
scatter-add are understood in the form that indexing one axis has; their indices are taken to be in range. Short scans are
unrolled.
"""
import argparse
import inspect
import math
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any, NamedTuple

os.environ.setdefault("JAX_PLATFORMS", "cpu")
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core as jex
from jax.interpreters import ad, mlir

# ---- The text ------------------------------------------------------------------------------------------------------

DTYPES = dict(bool="bool", int8="i8", int16="i16", int32="i32", int64="i64", uint8="u8", uint16="u16", uint32="u32",
              uint64="u64", float32="f32", float64="f64")
UNARY = dict(neg="neg", abs="abs", sign="sign", exp="exp", expm1="expm1", log="log", log1p="log1p", tanh="tanh",
             logistic="logistic", sqrt="sqrt", rsqrt="rsqrt", sin="sin", cos="cos", floor="floor", ceil="ceil", erf="erf",
             erf_inv="erf_inv")
UNARY["not"] = "not"
BINARY = dict(add="add", add_any="add", sub="sub", mul="mul", div="div", rem="rem", pow="pow", max="max", min="min", xor="xor",
              shift_left="shl", shift_right_logical="shr", shift_right_arithmetic="shr_arith", atan2="atan2", eq="eq", ne="ne",
              lt="lt", le="le", gt="gt", ge="ge")
BINARY |= {"and": "and", "or": "or"}
COMPARISONS = {"eq", "ne", "lt", "le", "gt", "ge"}
FOLDED = dict(neg=np.negative, add=np.add, sub=np.subtract, mul=np.multiply, div=np.divide)
LONGEST_SCAN = 10               # iterations that are unrolled
REDUCTIONS = {"reduce_sum": "reduce_sum", "reduce_prod": "reduce_prod", "reduce_max": "reduce_max", "reduce_min": "reduce_min",
              "reduce_and": "reduce_and", "reduce_or": "reduce_or"}


class Skip(Exception):
    """An op that graph texts do not have."""


class Value(NamedTuple):
    id: int
    dtype: Any                  # NumPy's
    shape: tuple


def element(x):
    x = np.asarray(x)[()]
    if x.dtype == bool:
        return "true" if x else "false"
    if x.dtype.kind in "iu":
        return str(x)
    if np.isnan(x):
        return "nan"
    if np.isinf(x):
        return "inf" if x > 0 else "-inf"
    text = np.format_float_scientific(x, unique=True, trim="0") if x and not 1e-4 <= abs(x) < 1e16 else \
        np.format_float_positional(x, unique=True, trim="0")
    return text


def ints(values):
    return "[" + ",".join(str(int(v)) for v in values) + "]"


class Text:
    """Statements, numbered on insert."""

    def __init__(self):
        self.statements, self.numbered, self.splats = [], {}, {}

    def add(self, op, operands, attributes, *types, name=""):
        """The results of the statement; the one already there if it is equal."""
        key = op, operands, attributes, types
        if key not in self.numbered:
            first = len(self.statements)
            results = tuple(Value((first, i, len(types)), np.dtype(d), tuple(map(int, s))) for i, (d, s) in enumerate(types))
            self.statements.append((op, operands, attributes, results, name))
            self.numbered[key] = results
        return self.numbered[key]

    def one(self, op, operands, attributes, dtype, shape):
        return self.add(op, tuple(operands), attributes, (dtype, tuple(shape)))[0]

    def definition(self, v):
        return self.statements[v.id[0]]

    # -- constants
    def splat(self, x, dtype, shape):
        x = np.asarray(x, dtype)
        v = self.one("constant", (), "value=splat " + element(x), x.dtype, shape)
        self.splats[v] = x
        return v

    def constant(self, array):
        array = np.asarray(array)
        if array.size and (array.ravel().view(np.uint8).reshape(array.size, -1) ==
                           array.ravel()[:1].view(np.uint8)).all():
            return self.splat(array.ravel()[0], array.dtype, array.shape)
        values = ",".join(element(x) for x in array.ravel())
        return self.one("constant", (), f"value=dense [{values}]", array.dtype, array.shape)

    # -- layout
    def reshape(self, v, shape):
        if v.shape == tuple(shape):
            return v
        if v in self.splats:
            return self.splat(self.splats[v], v.dtype, shape)
        op, operands, *_ = self.definition(v)
        if op == "reshape":
            return self.reshape(operands[0], shape)
        return self.one("reshape", [v], f"shape={ints(shape)}", v.dtype, shape)

    def broadcast(self, v, shape, dims):
        """Operand dimension i stands at dims[i]; where its extent is 1 it may meet any."""
        if v in self.splats:
            return self.splat(self.splats[v], v.dtype, shape)
        if math.prod(v.shape) == math.prod(shape):
            return self.reshape(v, shape)
        kept = [i for i, d in enumerate(dims) if v.shape[i] == shape[d] and (v.shape[i] != 1 or shape[d] == 1)]
        v = self.reshape(v, [v.shape[i] for i in kept])
        return self.one("broadcast", [v], f"shape={ints(shape)}, dims={ints(dims[i] for i in kept)}", v.dtype, shape)

    def fit(self, v, shape):
        if v.shape == tuple(shape):
            return v
        return self.broadcast(v, shape, range(len(shape)) if v.shape else ())

    def elementwise(self, op, *operands, dtype=None):
        shape = max((v.shape for v in operands), key=lambda s: (len(s), math.prod(s)))
        shape = np.broadcast_shapes(*(v.shape for v in operands)) if len(operands) > 1 else shape
        dtype = bool if op in COMPARISONS else dtype or operands[-1].dtype
        if op in FOLDED and all(v in self.splats for v in operands) and operands[0].dtype.kind == "f":
            return self.splat(FOLDED[op](*(self.splats[v] for v in operands)), dtype, shape)
        return self.one(op, [self.fit(v, shape) for v in operands], f"dtype={DTYPES[np.dtype(dtype).name]}"
                        if op in ("convert", "bitcast") else "", dtype, shape)

    def like(self, v, x):
        return self.splat(x, v.dtype, v.shape)

    # -- the result
    def print(self, graph, outputs):
        live, stack = set(), [v.id[0] for v, _ in outputs]
        stack += [i for i, s in enumerate(self.statements) if s[0] == "parameter"]
        while stack:
            i = stack.pop()
            if i not in live:
                live.add(i)
                stack += [v.id[0] for v in self.statements[i][1]]
        number = {i: n for n, i in enumerate(sorted(live))}

        def text(v):
            i, out, of = v.id
            return f"%{number[i]}" if of == 1 else f"%{number[i]}.{out}"
        kind = lambda v: f"{DTYPES[v.dtype.name]}{ints(v.shape)}"
        lines = [f"graph {graph} {{"]
        for i in sorted(live):
            op, operands, attributes, results, name = self.statements[i]
            lines.append("  " + ", ".join(map(text, results)) + (f' "{name}"' if name else "") + f" = {op}" +
                         ("(" + ", ".join(map(text, operands)) + ")" if operands else "") +
                         (f"{{{attributes}}}" if attributes else "") + ": " + ", ".join(map(kind, results)))
        lines.append("  return " + ", ".join(text(v) + (f' "{name}"' if name else "") for v, name in outputs))
        return "\n".join(lines + ["}"]) + "\n"


# ---- jaxpr -> text -------------------------------------------------------------------------------------------------


class Translator:
    def __init__(self):
        self.t = Text()

    def run(self, jaxpr, consts, args):
        env = dict(zip(jaxpr.constvars, map(self.t.constant, consts))) | dict(zip(jaxpr.invars, args))
        read = lambda a: self.t.splat(a.val, a.aval.dtype, ()) if isinstance(a, jex.Literal) else env[a]
        for eqn in jaxpr.eqns:
            env.update(zip(eqn.outvars, self.equation(eqn, [read(a) for a in eqn.invars])))
        return [read(a) for a in jaxpr.outvars]

    def equation(self, eqn, ins):
        name, p = eqn.primitive.name, eqn.params
        call = p.get("call_jaxpr", p.get("jaxpr"))
        if name in ("while", "cond"):
            raise Skip(name)
        if name == "scan":
            return self.scan(p, [v.aval for v in eqn.outvars], ins)
        if call is not None and name != "scatter-add":
            inner, consts = (call.jaxpr, call.consts) if hasattr(call, "jaxpr") else (call, ())
            return self.run(inner, consts, ins)
        out = eqn.outvars[0].aval
        if name in UNARY:
            return [self.t.elementwise(UNARY[name], ins[0])]
        if name in BINARY:
            return [self.t.elementwise(BINARY[name], *ins)]
        if name in REDUCTIONS:
            return [self.reduce(REDUCTIONS[name], ins[0], p["axes"], out.shape)]
        rule = getattr(self, "op_" + name.replace("-", "_"), None)
        if rule is None:
            raise Skip(name)
        results = rule(p, out, *ins)
        return results if isinstance(results, (list, tuple)) and not isinstance(results, Value) else [results]

    def scan(self, p, out, ins):
        body, length, fixed, carried = p["jaxpr"], p["length"], p["num_consts"], p["num_consts"] + p["num_carry"]
        if length > LONGEST_SCAN:
            raise Skip(f"scan over {length} iterations")
        carry, stacked = ins[fixed:carried], [[None] * length for _ in out[p["num_carry"]:]]
        for i in reversed(range(length)) if p["reverse"] else range(length):
            row = lambda x: self.inline(lambda x: x[i], x)[0]
            results = self.run(body.jaxpr, body.consts, ins[:fixed] + carry + [row(x) for x in ins[carried:]])
            carry = results[:p["num_carry"]]
            for rows, x in zip(stacked, results[p["num_carry"]:]):
                rows[i] = self.t.reshape(x, (1, *x.shape))
        return carry + [self.op_concatenate(dict(dimension=0), a, *rows) for rows, a in zip(stacked, out[p["num_carry"]:])]

    def reduce(self, op, x, axes, shape):
        if all(x.shape[a] == 1 for a in axes):
            return self.t.reshape(x, shape)
        return self.t.one(op, [x], f"axes={ints(sorted(axes))}", x.dtype, shape)

    # -- elementwise in other words
    def op_copy(self, p, out, x):
        return x

    op_copy_p = op_stop_gradient = op_copy

    def op_square(self, p, out, x):
        return self.t.elementwise("mul", x, x)

    def op_integer_pow(self, p, out, x):
        y, power = abs(p["y"]), None
        while y:
            if y & 1:
                power = x if power is None else self.t.elementwise("mul", power, x)
            x, y = (self.t.elementwise("mul", x, x) if y > 1 else x), y >> 1
        return power if p["y"] > 0 else self.t.elementwise("div", self.t.like(power, 1), power)

    def op_exp2(self, p, out, x):
        return self.t.elementwise("exp", self.t.elementwise("mul", x, self.t.like(x, math.log(2))))

    def op_erfc(self, p, out, x):
        return self.t.elementwise("sub", self.t.like(x, 1), self.t.elementwise("erf", x))

    def op_round(self, p, out, x):
        if int(p["rounding_method"]) != 1:
            raise Skip("round away from zero")
        return self.t.elementwise("round_even", x)

    def op_is_finite(self, p, out, x):
        return self.t.elementwise("lt", self.t.elementwise("abs", x), self.t.like(x, np.inf))

    def op_clamp(self, p, out, low, x, high):
        return self.t.elementwise("min", self.t.elementwise("max", x, low), high)

    def op_select_n(self, p, out, which, *cases):
        if which.dtype != bool:
            raise Skip("select_n of integers")
        return self.t.one("select", [self.t.fit(v, out.shape) for v in (which, cases[1], cases[0])], "", out.dtype, out.shape)

    def op_convert_element_type(self, p, out, x):
        return x if x.dtype == out.dtype else self.t.elementwise("convert", x, dtype=out.dtype)

    def op_bitcast_convert_type(self, p, out, x):
        return self.t.elementwise("bitcast", x, dtype=out.dtype)

    def op_threefry2x32(self, p, out, *ins):
        return self.t.add("threefry2x32", tuple(self.t.fit(v, out.shape) for v in ins), "", *[(out.dtype, out.shape)] * 2)

    # -- layout
    def op_reshape(self, p, out, x):
        if p["dimensions"] is not None:
            raise Skip("reshape in another order")
        return self.t.reshape(x, out.shape)

    def op_squeeze(self, p, out, x):
        return self.t.reshape(x, out.shape)

    op_expand_dims = op_squeeze

    def op_broadcast_in_dim(self, p, out, x):
        return self.t.broadcast(x, out.shape, p["broadcast_dimensions"])

    def op_transpose(self, p, out, x):
        if x in self.t.splats:
            return self.t.splat(self.t.splats[x], x.dtype, out.shape)
        return self.t.one("transpose", [x], f"perm={ints(p['permutation'])}", x.dtype, out.shape)

    def op_slice(self, p, out, x):
        stride = p["strides"] or [1] * len(x.shape)
        return self.t.one("slice", [x], f"start={ints(p['start_indices'])}, limit={ints(p['limit_indices'])}, "
                          f"stride={ints(stride)}", x.dtype, out.shape)

    def op_pad(self, p, out, x, fill):
        low, high, interior = zip(*p["padding_config"])
        return self.t.one("pad", [x, fill], f"low={ints(low)}, high={ints(high)}, interior={ints(interior)}", x.dtype, out.shape)

    def op_rev(self, p, out, x):
        return self.t.one("reverse", [x], f"axes={ints(sorted(p['dimensions']))}", x.dtype, out.shape)

    def op_concatenate(self, p, out, *xs):
        return self.t.one("concatenate", xs, f"dim={p['dimension']}", out.dtype, out.shape)

    def op_iota(self, p, out):
        return self.t.one("iota", [], f"shape={ints(out.shape)}, dtype={DTYPES[out.dtype.name]}, dim={p['dimension']}", out.dtype,
                          out.shape)

    # -- the rest
    def op_moments(self, p, out, x):
        return self.t.add("moments", (x,), f"axes={ints(p['axes'])}", *[(out.dtype, tuple(map(int, out.shape)))] * 2)

    def op_argmax(self, p, out, x, op="argmax"):
        v = self.t.one(op, [x], f"axis={p['axes'][0]}", np.int32, out.shape)
        return self.op_convert_element_type(p, out, v)

    def op_argmin(self, p, out, x):
        return self.op_argmax(p, out, x, "argmin")

    def op_dot_general(self, p, out, lhs, rhs):
        (lc, rc), (lb, rb) = p["dimension_numbers"]
        return self.t.one("dot", [lhs, rhs], f"lhs_contract={ints(lc)}, rhs_contract={ints(rc)}, lhs_batch={ints(lb)}, "
                          f"rhs_batch={ints(rb)}", out.dtype, out.shape)

    def op_conv_general_dilated(self, p, out, lhs, rhs):
        d = p["dimension_numbers"]
        if p["feature_group_count"] != 1 or p["batch_group_count"] != 1:
            raise Skip("convolution in groups")
        lhs = self.turned(lhs, (d.lhs_spec[0], *d.lhs_spec[2:], d.lhs_spec[1]))
        rhs = self.turned(rhs, (*d.rhs_spec[2:], d.rhs_spec[1], d.rhs_spec[0]))
        spread = [(0, 0, 0)] + [(0, 0, n - 1) for n in p["lhs_dilation"]] + [(0, 0, 0)]
        if any(n > 1 for n in p["lhs_dilation"]):
            shape = [n + (n - 1) * i for n, (_, _, i) in zip(lhs.shape, spread)]
            lhs = self.op_pad(dict(padding_config=spread), jax.core.ShapedArray(shape, lhs.dtype), lhs,
                              self.t.splat(0, lhs.dtype, ()))
        low, high = zip(*p["padding"])
        order = (d.out_spec[0], *d.out_spec[2:], d.out_spec[1])
        y = self.t.one("conv", [lhs, rhs], f"batch=0, stride={ints(p['window_strides'])}, low={ints(low)}, high={ints(high)}, "
                       f"dilation={ints(p['rhs_dilation'])}", out.dtype, [out.shape[i] for i in order])
        return self.turned(y, np.argsort(order))

    def turned(self, x, order):
        order = [int(i) for i in order]
        shape = [x.shape[i] for i in order]
        return x if order == sorted(order) else self.op_transpose(dict(permutation=order), jax.core.ShapedArray(shape, x.dtype), x)

    # Pooling with windows side by side is a split and a reduction; its gradient goes where the largest element stood.
    def op_reduce_window_max(self, p, out, x):
        tile = self.tile(p)
        return self.inline(lambda x: jnp.max(split_windows(x, tile), -1), x)

    def op_select_and_scatter_add(self, p, out, dy, x):
        tile = self.tile(p)
        return self.inline(lambda dy, x: pool_gradient(dy, x, tile), dy, x)

    def tile(self, p):
        tile = p["window_dimensions"]
        if tuple(tile) != tuple(p["window_strides"]) or any(map(any, p["padding"])):
            raise Skip("pooling with overlapping or padded windows")
        return tile

    def inline(self, function, *args):
        closed = jax.make_jaxpr(function)(*[jax.ShapeDtypeStruct(a.shape, a.dtype) for a in args])
        return self.run(closed.jaxpr, closed.consts, list(args))

    def one_axis(self, operand, indices, dims, collapsed, start_map, operand_batch, index_batch):
        """(axis, batch, indices) if one axis is indexed and batch dimensions lead."""
        batch = len(operand_batch)
        if tuple(collapsed) != tuple(start_map) or len(collapsed) != 1 or tuple(operand_batch) != tuple(range(batch)) or \
                tuple(index_batch) != tuple(range(batch)):
            raise Skip(f"gather or scatter with {dims}")
        return collapsed[0], batch, self.t.reshape(indices, indices.shape[:-1])

    def op_gather(self, p, out, operand, indices):
        d = p["dimension_numbers"]
        axis, batch, indices = self.one_axis(operand, indices, d, d.collapsed_slice_dims, d.start_index_map,
                                             d.operand_batching_dims, d.start_indices_batching_dims)
        shape = operand.shape[:axis] + indices.shape[batch:] + operand.shape[axis + 1:]
        sizes = [1 if i == axis or i < batch else n for i, n in enumerate(operand.shape)]
        window = [i for i in range(len(shape)) if not (i < batch or axis <= i < axis + len(indices.shape) - batch)]
        if shape != out.shape or list(p["slice_sizes"]) != sizes or list(d.offset_dims) != window:
            raise Skip(f"gather with {d}")
        return self.t.one("gather", [operand, indices], f"axis={axis}, batch={batch}", out.dtype, shape)

    def op_scatter_add(self, p, out, operand, indices, updates):
        d = p["dimension_numbers"]
        axis, batch, indices = self.one_axis(operand, indices, d, d.inserted_window_dims, d.scatter_dims_to_operand_dims,
                                             d.operand_batching_dims, d.scatter_indices_batching_dims)
        shape = operand.shape[:axis] + indices.shape[batch:] + operand.shape[axis + 1:]
        window = [i for i in range(len(shape)) if not (i < batch or axis <= i < axis + len(indices.shape) - batch)]
        if shape != updates.shape or list(d.update_window_dims) != window:
            raise Skip(f"scatter-add with {d}")
        return self.t.one("scatter_add", [operand, indices, updates], f"axis={axis}, batch={batch}", out.dtype, out.shape)


def split_windows(x, tile):
    """[.., n, ..] -> [.., n // t, .., elements of a window]; what is left over at the end is dropped."""
    rank, kept = len(tile), [n // t for n, t in zip(x.shape, tile)]
    for axis, (k, t) in enumerate(zip(kept, tile)):
        x = jax.lax.slice_in_dim(x, 0, k * t, axis=axis)
    x = x.reshape([n for k, t in zip(kept, tile) for n in (k, t)])
    return x.transpose([*range(0, 2 * rank, 2), *range(1, 2 * rank, 2)]).reshape([*kept, -1])


def pool_gradient(dy, x, tile):
    y, rank = split_windows(x, tile), len(tile)
    hit = jnp.argmax(y, -1)[..., None] == jnp.arange(y.shape[-1])
    y = jnp.where(hit, dy[..., None], 0.0).reshape(*dy.shape, *tile)
    y = y.transpose([a for i in range(rank) for a in (i, rank + i)]).reshape([k * t for k, t in zip(dy.shape, tile)])
    return jnp.pad(y, [(0, n - k) for n, k in zip(x.shape, y.shape)])


def path_text(path):
    out = ""
    for key in path:
        if isinstance(key, jax.tree_util.GetAttrKey):
            out += "." + key.name
        elif isinstance(key, jax.tree_util.DictKey):
            out += "." + str(key.key)
        else:
            out += f"[{key.idx}]"
    return out


def graph_text(name, step, args):
    closed, result = jax.make_jaxpr(step, return_shape=True)(*args)
    translator, parameters = Translator(), []
    names = list(inspect.signature(step).parameters)
    if len(names) != len(args):                             # *batch and the like
        names = [f"arg{i}" for i in range(len(args))]
    for argument, arg in zip(names, args):
        for path, leaf in jax.tree_util.tree_flatten_with_path(arg)[0]:
            parameters += translator.t.add("parameter", (), f"index={len(parameters)}", (leaf.dtype, leaf.shape),
                                           name=argument + path_text(path))
    outputs = translator.run(closed.jaxpr, closed.consts, parameters)
    paths = [path_text(path).lstrip(".") for path, _ in jax.tree_util.tree_flatten_with_path(result)[0]]
    return translator.t.print(name, list(zip(outputs, paths)))


# ---- The graphs ----------------------------------------------------------------------------------------------------

tree_map = jax.tree_util.tree_map


class Layer(NamedTuple):
    w: Any
    b: Any


def S(*shape, d="f4"):
    return jax.ShapeDtypeStruct(shape, d)


def layers(*sizes):
    return [Layer(S(a, b), S(b)) for a, b in zip(sizes, sizes[1:])]


def mlp(params, x):
    for w, b in params[:-1]:
        x = jax.nn.relu(x @ w + b)
    return x @ params[-1].w + params[-1].b


def cross_entropy(logits, labels):
    return -jnp.mean(jnp.sum(jax.nn.one_hot(labels, logits.shape[-1]) * jax.nn.log_softmax(logits), -1))


def sgd(rate, loss):
    def step(params, x, y):
        return tree_map(lambda w, d: w - rate * d, params, jax.grad(loss)(params, x, y))
    return step


def adam(rate, loss, clip=None, decay=0.0):
    def step(params, m, v, t, x, y):
        g, t = jax.grad(loss)(params, x, y), t + 1
        if clip:
            norm = jnp.sqrt(sum(jnp.sum(x * x) for x in jax.tree_util.tree_leaves(g)))
            g = tree_map(lambda x: x * jnp.minimum(1.0, clip / (norm + 1e-6)), g)
        m = tree_map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = tree_map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        a, b = 1 - 0.9 ** t, 1 - 0.999 ** t
        return tree_map(lambda w, m, v: w - rate * (m / a / (jnp.sqrt(v / b) + 1e-8) + decay * w), params, m, v), m, v, t
    return step


def state(params):
    return params, params, params, S()


def predict(params, image):                                 # S3's network, for one image
    for w, b in params[:-1]:
        image = jax.nn.relu(w @ image + b)
    logits = params[-1].w @ image + params[-1].b
    return logits - jax.scipy.special.logsumexp(logits)


def s3_loss(params, x, y):
    return -jnp.mean(jax.vmap(predict, (None, 0))(params, x) * y)


def s1_loss(params, x, y):
    return cross_entropy(mlp(params, x.astype("f4") / 255), y)


def s4_loss(params, x, y):
    p = jax.nn.softmax(mlp(params, x))
    return -jnp.mean(jnp.sum(y * jnp.log(p + np.finfo("f4").eps), -1))


def accuracy(params, x, labels):
    return jnp.mean(jnp.argmax(jax.vmap(predict, (None, 0))(params, x), 1) == labels)


def chain(x):
    return jnp.mean(jnp.tanh(x * 2 + 1) * jnp.exp(-x * x))


def embedding_loss(p, index, labels):
    logits = mlp(p["dense"], jnp.mean(p["table"][index], 1))
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1))


def hessian_vector(params, v, x, labels):
    return jax.jvp(jax.grad(lambda p: cross_entropy(mlp(p, x), labels)), (params,), (v,))[1]


def layer_norm(x, gain, bias):
    mean = jnp.mean(x, -1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(jnp.mean((x - mean) ** 2, -1, keepdims=True) + 1e-5) * gain + bias


def block_loss(p, x, target, heads=8):
    B, T, D = x.shape
    q, k, v = [(layer_norm(x, *p["norm1"]) @ p[name]).reshape(B, T, heads, D // heads) for name in "qkv"]
    weights = jax.nn.softmax(jnp.einsum("bqhd,bkhd->bhqk", q, k) / math.sqrt(D // heads))
    x = x + jnp.einsum("bhqk,bkhd->bqhd", weights, v).reshape(B, T, D) @ p["o"]
    y = jax.nn.gelu(layer_norm(x, *p["norm2"]) @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"]
    return jnp.mean((x + y - target) ** 2)


def train_small(params, x, y, steps=10):
    def one(p, _):
        loss, g = jax.value_and_grad(lambda p: jnp.mean((mlp(p, x) - y) ** 2))(p)
        return tree_map(lambda w, d: w - 0.1 * d, p, g), loss
    return jax.lax.scan(one, params, None, length=steps)


def conv(x, w, pad):
    return jax.lax.conv_general_dilated(x, w, (1, 1), ((pad, pad),) * 2, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def pool(x):
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def conv_net(params, x, pad):
    for w, b in params["conv"]:
        x = pool(jax.nn.relu(conv(x, w, pad) + b))
    return mlp(params["dense"], x.reshape(x.shape[0], -1))


def conv_loss(pad):
    return lambda p, x, y: cross_entropy(conv_net(p, x, pad), y)


# Mean and variance as one op with a derivative of its own, as graphs have it.
moments_p = jex.Primitive("moments")
moments_p.multiple_results = True
moments_p.def_abstract_eval(lambda x, axes: [jax.core.ShapedArray(np.delete(x.shape, axes), x.dtype)] * 2)


def moments_jvp(primals, tangents, axes):
    (x,), (t,) = primals, tangents
    mean, variance = moments_p.bind(x, axes=axes)
    n = math.prod(x.shape[d] for d in axes)
    products = jnp.sum((x - jnp.expand_dims(mean, axes)) * t, axes)
    return [mean, variance], [jnp.sum(t, axes) / n, products * (2 / n)]


def moments_by_sums(x, axes):
    return jnp.mean(x, axes), jnp.var(x, axes)


ad.primitive_jvps[moments_p] = moments_jvp
mlir.register_lowering(moments_p, mlir.lower_fun(moments_by_sums, multiple_results=True))


def batch_norm_step(moments):
    """Two convolutions, each with its norm over batch and positions, whose statistics are averaged over the steps."""
    def loss(params, x, labels):
        statistics = []
        for w, gain, bias in params["conv"]:
            x = conv(x, w, 1)
            mean, variance = moments(x, (0, 1, 2))
            x = pool(jax.nn.relu((x - mean) * jax.lax.rsqrt(variance + 1e-5) * gain + bias))
            statistics += [mean, variance]
        return cross_entropy(mlp(params["dense"], x.reshape(x.shape[0], -1)), labels), statistics

    def step(params, running, x, labels):
        g, statistics = jax.grad(loss, has_aux=True)(params, x, labels)
        return tree_map(lambda w, d: w - 0.1 * d, params, g), [0.9 * r + 0.1 * s for r, s in zip(running, statistics)]
    return step


def rnn_loss(p, xs, labels):
    def cell(h, x):
        return jnp.tanh(x @ p["wx"] + h @ p["wh"] + p["b"]), None
    h, _ = jax.lax.scan(cell, jnp.zeros((xs.shape[1], 128)), xs)
    return cross_entropy(h @ p["wo"], labels)


S3 = [Layer(S(b, a), S(b)) for a, b in ((784, 512), (512, 512), (512, 10))]
S1, CLASSIFIER = layers(784, 300, 100, 10), layers(64, 128, 10)
LENET = dict(conv=[Layer(S(5, 5, 1, 6), S(6)), Layer(S(5, 5, 6, 16), S(16))], dense=layers(256, 128, 84, 10))
CONVNET = dict(conv=[Layer(S(3, 3, a, b), S(b)) for a, b in ((1, 16), (16, 32), (32, 32))], dense=layers(288, 10))
BLOCK = dict(norm1=(S(256), S(256)), norm2=(S(256), S(256)), **{n: S(256, 256) for n in "qkvo"}, w1=S(256, 1024), b1=S(1024),
             w2=S(1024, 256), b2=S(256))
NORM = dict(conv=[(S(3, 3, a, b), S(b), S(b)) for a, b in ((1, 16), (16, 32))], dense=layers(1568, 10))
ids = lambda *s: S(*s, d="i4")
image = S(128, 28, 28, 1)
NORM_ARGS = NORM, [S(16), S(16), S(32), S(32)], image, ids(128)
GRAPHS = {
    "s3": (sgd(0.01, s3_loss), S3, S(128, 784), S(128, 10)),
    "s1": (adam(0.01, s1_loss), *state(S1), S(256, 784, d="u1"), ids(256)),
    "s4": (adam(0.01, s4_loss), *state(layers(784, 48, 10)), S(128, 784), S(128, 10)),
    "clip_adamw": (adam(1e-3, s3_loss, 1.0, 0.01), *state(S3), S(128, 784), S(128, 10)),
    "chain_10m": (chain, S(10_000_000)),
    "accuracy": (accuracy, S3, S(60000, 784), ids(60000)),
    "s3_batch1": (sgd(0.01, s3_loss), S3, S(1, 784), S(1, 10)),
    "hessian_vector": (hessian_vector, CLASSIFIER, CLASSIFIER, S(128, 64), ids(128)),
    "embedding": (sgd(0.1, embedding_loss), dict(table=S(10000, 64), dense=layers(64, 32, 5)), ids(128, 20), ids(128)),
    "transformer": (sgd(0.01, block_loss), BLOCK, S(8, 128, 256), S(8, 128, 256)),
    "s0": (adam(3e-4, conv_loss(0)), *state(LENET), image, ids(128)),
    "s2": (adam(3e-3, conv_loss(1)), *state(CONVNET), image, ids(128)),
    "batch_norm": (batch_norm_step(lambda x, axes: moments_p.bind(x, axes=axes)), *NORM_ARGS),
    "batch_norm_var": (batch_norm_step(moments_by_sums), *NORM_ARGS),
    "rnn": (sgd(0.1, rnn_loss), dict(wx=S(32, 128), wh=S(128, 128), b=S(128), wo=S(128, 10)), S(32, 64, 32), ids(64)),
    "ensemble": (jax.vmap(train_small), tree_map(lambda s: S(100, *s.shape), layers(16, 32, 1)), S(100, 64, 16), S(100, 64, 1)),
}


# ---- Comparison with JAX -------------------------------------------------------------------------------------------


def random_array(rng, leaf):
    dtype = np.dtype(leaf.dtype)
    if dtype.kind == "f":                                   # positive scalars: Adam's step count, its second moments
        return (np.abs(rng.standard_normal(leaf.shape)) * 0.1 + 0.01 * (not leaf.shape)).astype(dtype)
    return rng.integers(0, 256 if dtype == np.uint8 else 5, leaf.shape).astype(dtype)


def check(program, device, name, step, args, path):
    rng = np.random.default_rng(0)
    inputs = [tree_map(lambda leaf: random_array(rng, leaf), a) for a in args]
    expected = jax.tree_util.tree_leaves(jax.jit(step)(*inputs))
    with tempfile.TemporaryDirectory() as folder:
        command = [program, str(path), "--device", device, "--out", folder]
        for i, x in enumerate(jax.tree_util.tree_leaves(inputs)):
            np.save(f"{folder}/in{i}.npy", x)
            command += ["--in", f"{folder}/in{i}.npy"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        worst = 0.0
        for i, x in enumerate(expected):
            got = np.load(f"{folder}/out{i}.npy")
            scale = float(np.max(np.abs(x))) or 1.0
            assert got.shape == x.shape and got.dtype == x.dtype, (name, i, got.shape, x.shape)
            worst = max(worst, float(np.max(np.abs(got.astype("f8") - np.asarray(x, "f8")))) / scale)
    assert worst < 1e-3, f"{name}: differs from JAX by {worst:.2g}"
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=" ".join(GRAPHS))
    parser.add_argument("--out", default=pathlib.Path(__file__).parent / "graphs", type=pathlib.Path)
    parser.add_argument("--check", metavar="GRADUS_RUN")
    parser.add_argument("--device", default="reference")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    skipped = {}
    for name in options.names or GRAPHS:
        step, *args = GRAPHS[name]
        try:
            text = graph_text(name, step, args)
        except Skip as e:
            skipped[name] = str(e)
            continue
        path = options.out / f"{name}.gr"
        path.write_text(text)
        line = f"{name}: {text.count(chr(10)) - 2} nodes"
        if options.check:
            line += f", differs from JAX by {check(options.check, options.device, name, step, args, path):.1g} of the largest element"
        print(line)
    for name, why in skipped.items():
        print(f"skipped {name}: graph texts have no {why}", file=sys.stderr)


if __name__ == "__main__":
    main()
