"""Writes window_golden.txt: convolutions and poolings of PyTorch and JAX, with their gradients.

    python window_golden.py > window_golden.txt

A line is a name and values, row-major in Gradus's layouts (channels last, kernels [taps.., in, out]).
Inputs are `ramp(shape, seed)`, which the tests compute too; the gradient is that of
sum(y * ramp(y.shape, 9)).
"""
import jax
import jax.numpy as jnp
import numpy as np
import torch
import torch.nn.functional as F
from jax import lax

from golden import emit, first, last, ramp


def kernel(w):  # [taps.., in, out] -> [out, in, taps..]
    return torch.tensor(np.moveaxis(w, (-1, -2), (0, 1)).copy(), requires_grad=True)


def kernel_back(t):
    return np.moveaxis(t.detach().numpy(), (0, 1), (-1, -2))


def torch_case(name, x_shape, f, w_shape=None, transposed=False):
    x = first(ramp(x_shape, 1))
    w = None
    if w_shape:
        w = ramp(w_shape, 2)
        if transposed:  # [in, out/groups, taps..]
            w = torch.tensor(np.moveaxis(w, (-2, -1), (0, 1)).copy(), requires_grad=True)
        else:
            w = kernel(w)
    y = f(x, w) if w is not None else f(x)
    emit(name + ".y", last(y))
    (y * torch.tensor(np.moveaxis(ramp(last(y).shape, 9), -1, 1).copy())).sum().backward()
    emit(name + ".dx", last(x.grad))
    if w is not None:
        g = w.grad.numpy()
        emit(name + ".dw", np.moveaxis(g, (0, 1), (-2, -1)) if transposed else kernel_back(w.grad))


torch_case("conv1d", (2, 9, 3), lambda x, w: F.conv1d(x, w, stride=2, padding=1, dilation=2),
           (3, 3, 4))
torch_case("conv2d", (2, 6, 5, 2), lambda x, w: F.conv2d(x, w, padding=1), (3, 3, 2, 3))
torch_case("conv2d_strided", (1, 7, 8, 2),
           lambda x, w: F.conv2d(x, w, stride=(2, 3), padding=(0, 1)), (3, 2, 2, 3))
torch_case("conv2d_groups", (2, 5, 5, 4), lambda x, w: F.conv2d(x, w, groups=2), (2, 3, 2, 6))
torch_case("conv2d_depthwise", (1, 5, 4, 3), lambda x, w: F.conv2d(x, w, groups=3, padding=1),
           (3, 3, 1, 6))
torch_case("conv3d", (1, 4, 3, 4, 2), lambda x, w: F.conv3d(x, w, padding=(1, 0, 1)),
           (2, 2, 3, 2, 2))
torch_case("transposed1d", (2, 4, 3),
           lambda x, w: F.conv_transpose1d(x, w, stride=2, padding=1, dilation=2), (3, 3, 4), True)
torch_case("transposed2d", (1, 3, 4, 2), lambda x, w: F.conv_transpose2d(x, w, stride=(2, 3)),
           (3, 2, 2, 3), True)

torch_case("max2", (2, 6, 4, 2), lambda x: F.max_pool2d(x, 2))
torch_case("max2_floor", (2, 7, 7, 2), lambda x: F.max_pool2d(x, 2))
torch_case("max3_overlap", (2, 7, 8, 2), lambda x: F.max_pool2d(x, 3, stride=2, padding=1))
torch_case("max_dilated", (1, 9, 2), lambda x: F.max_pool1d(x, 3, stride=1, dilation=2))
torch_case("max3d", (1, 4, 4, 4, 1), lambda x: F.max_pool3d(x, 2))
torch_case("avg2", (2, 6, 4, 2), lambda x: F.avg_pool2d(x, 2))
torch_case("avg3", (2, 7, 8, 2), lambda x: F.avg_pool2d(x, 3, stride=2, padding=1))
torch_case("avg3_inside", (2, 7, 8, 2),
           lambda x: F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False))
torch_case("adaptive_max", (1, 7, 5, 2), lambda x: F.adaptive_max_pool2d(x, (3, 2)))
torch_case("adaptive_avg", (1, 7, 5, 2), lambda x: F.adaptive_avg_pool2d(x, (3, 4)))
torch_case("adaptive_equal", (1, 6, 4, 2), lambda x: F.adaptive_avg_pool2d(x, (3, 2)))

DIMS = ("NHWC", "HWIO", "NHWC")


def jax_case(name, x_shape, w_shape, f):
    x, w = ramp(x_shape, 1), ramp(w_shape, 2)
    y = f(x, w)
    emit(name + ".y", y)
    dx, dw = jax.grad(lambda x, w: jnp.sum(f(x, w) * ramp(y.shape, 9)), (0, 1))(x, w)
    emit(name + ".dx", dx)
    emit(name + ".dw", dw)


for stride in (1, 2, 3):
    jax_case(f"same{stride}", (1, 7, 6, 2), (3, 4, 2, 2), lambda x, w: lax.conv_general_dilated(
        x, w, (stride, stride), "SAME", dimension_numbers=DIMS))
    for rule in ("SAME", "VALID"):
        jax_case(f"transposed_{rule}{stride}", (1, 3, 4, 2), (2, 3, 2, 2),
                 lambda x, w: lax.conv_transpose(x, w, (stride, stride), rule,
                                                 dimension_numbers=DIMS))


def same_max(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 2, 1), (1, 2, 2, 1), "SAME")


x = ramp((2, 7, 5, 2), 1)
y = same_max(x)
emit("max_same.y", y)
emit("max_same.dx", jax.grad(lambda x: jnp.sum(same_max(x) * ramp(y.shape, 9)))(x))

x = np.round(ramp((1, 6, 6, 1), 3) * 2) / 2  # many ties
y = lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 1, 1, 1), "VALID")
emit("ties.y", y)
emit("ties.dx", jax.grad(lambda x: jnp.sum(lax.reduce_window(
    x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 1, 1, 1), "VALID") * ramp(y.shape, 9)))(x))
x = ramp((5, 6), 1)
emit("sum_window.y", lax.reduce_window(x, 0.0, lax.add, (2, 3), (2, 1), ((1, 0), (0, 2)),
                                       window_dilation=(2, 1)))
emit("prod_window.y", lax.reduce_window(x, 1.0, lax.mul, (2, 3), (1, 2), "VALID"))
