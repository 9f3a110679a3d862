"""Writes layers_golden.txt: Haiku's initial parameters, JAX's initialisers and activations, norms of
PyTorch and Flax, with their gradients.

    python layers_golden.py > layers_golden.txt

Inputs are `ramp(shape, seed)` of golden.py; a gradient is that of sum(y * ramp(y.shape, 9)).
Where arrays are long, the first 24 elements stand for all.
"""
import flax.linen
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import torch
import torch.nn.functional as F

from golden import emit, first, last, ramp

HEAD = 24


def head(name, array):
    emit(name, np.asarray(array).ravel()[:HEAD])


# S1's network, in both random streams, and a network with dropout, which takes keys as well.
def lenet300(x):
    return hk.Sequential([hk.Flatten(), hk.Linear(300), jax.nn.relu, hk.Linear(100), jax.nn.relu,
                          hk.Linear(10)])(x)


def with_dropout(x):
    x = hk.Linear(5)(x)
    x = hk.dropout(hk.next_rng_key(), 0.5, x)
    x = hk.BatchNorm(True, True, 0.9)(x, True)
    return hk.Linear(3, name="head")(x)


for stream, partitionable in (("original", False), ("partitionable", True)):
    with jax.threefry_partitionable(partitionable):
        keys = hk.PRNGSequence(1729)
        params = hk.transform(lenet300).init(next(keys), np.zeros((1, 28, 28), np.float32))
        for layer, arrays in params.items():
            head(f"{stream}.{layer}/w", arrays["w"])
        params, _ = hk.transform_with_state(with_dropout).init(next(keys), ramp((2, 4), 1))
        head(f"{stream}.dropout.linear/w", params["linear"]["w"])
        head(f"{stream}.dropout.head/w", params["head"]["w"])

key = jax.random.PRNGKey(5)
init = jax.nn.initializers
for name, f in dict(glorot_uniform=init.glorot_uniform(), glorot_normal=init.glorot_normal(),
                    he_uniform=init.he_uniform(), he_normal=init.he_normal(),
                    lecun_uniform=init.lecun_uniform(), lecun_normal=init.lecun_normal(),
                    scaled_out=init.variance_scaling(2.0, "fan_out", "normal")).items():
    head(name, f(key, (3, 3, 4, 6), jnp.float32))
head("truncated_normal", hk.transform(lambda: hk.initializers.TruncatedNormal(0.5, 1.0)(
    (4, 6), jnp.float32)).apply({}, key))

x = np.linspace(-4, 4, 33, dtype=np.float32)
for name in ("relu relu6 elu selu celu gelu silu mish sigmoid log_sigmoid hard_sigmoid hard_swish "
             "hard_tanh softplus soft_sign leaky_relu").split():
    f = getattr(jax.nn, name)
    if name == "gelu":
        emit("gelu_tanh.y", f(x, approximate=True))
        emit("gelu_tanh.dx", jax.vmap(jax.grad(lambda x: jax.nn.gelu(x, approximate=True)))(x))
        f = lambda x: jax.nn.gelu(x, approximate=False)
    emit(f"{name}.y", f(x))
    emit(f"{name}.dx", jax.vmap(jax.grad(f))(x))
emit("glu.y", jax.nn.glu(ramp((2, 6), 1)))


def norm_case(name, module, x, channels):
    for p, seed in zip(module.parameters(), (2, 3)):
        p.data = torch.tensor(ramp((channels,), seed)).reshape(p.shape)
    y = module(x)
    emit(name + ".y", last(y))
    (y * torch.tensor(np.moveaxis(ramp(last(y).shape, 9), -1, 1).copy())).sum().backward()
    emit(name + ".dx", last(x.grad))
    for p, which in zip(module.parameters(), ("dscale", "doffset")):
        emit(f"{name}.{which}", p.grad)


bn = torch.nn.BatchNorm2d(3)
norm_case("batch_norm", bn, first(ramp((4, 3, 2, 3), 1)), 3)
emit("batch_norm.mean", bn.running_mean)
norm_case("group_norm", torch.nn.GroupNorm(2, 6), first(ramp((2, 3, 2, 6), 1)), 6)
norm_case("instance_norm", torch.nn.InstanceNorm2d(3, affine=True), first(ramp((2, 3, 4, 3), 1)), 3)
norm_case("layer_norm", torch.nn.LayerNorm(6), first(ramp((5, 6), 1)), 6)
norm_case("rms_norm", torch.nn.RMSNorm(6, eps=1e-6), first(ramp((5, 6), 1)), 6)

# Two steps of Flax's batch norm: its running variance is the batch's own, not corrected.
flax_bn = flax.linen.BatchNorm(momentum=0.9, use_running_average=False)
x = ramp((4, 3, 2, 3), 1)
variables = flax_bn.init(key, x)
for step in range(2):
    _, changed = flax_bn.apply(variables, x * (step + 1), mutable=["batch_stats"])
    variables = {**variables, **changed}
emit("flax.mean", variables["batch_stats"]["mean"])
emit("flax.variance", variables["batch_stats"]["var"])
