"""Writes trajectories.inc: what optimisers of Optax and PyTorch do to the parameters w f64[3,4] and
b f64[4] under given gradients, for trajectory_test.cpp. Run it with a Python that has JAX, Optax and
PyTorch. All in doubles, so that the test can tell a wrong formula from rounding."""

import pathlib

import jax
import numpy as np
import optax
import torch

jax.config.update("jax_enable_x64", True)

STEPS = 12
RECORDED = (1, 2, 5, 12)
random = np.random.RandomState(0)
START = {"b": random.randn(4).round(6), "w": random.randn(3, 4).round(6)}
GRADIENTS = [{"b": random.randn(4), "w": random.randn(3, 4)} for _ in range(STEPS)]
# Sparse, tiny and huge ones too.
GRADIENTS[3]["w"][1] = 0
GRADIENTS[4] = {k: 1e-6 * v for k, v in GRADIENTS[4].items()}
GRADIENTS[7] = {k: 1e3 * v for k, v in GRADIENTS[7].items()}


# What is printed below is exactly what is used here.
GRADIENTS = [{k: np.vectorize(lambda x: float(f"{x:.7g}"))(v) for k, v in g.items()} for g in GRADIENTS]


def flat(params):
    return [float(x) for k in sorted(params) for x in np.asarray(params[k]).ravel()]


def with_optax(optimizer):
    params = {k: jax.numpy.asarray(v) for k, v in START.items()}
    state = optimizer.init(params)
    recorded = []
    for t, gradient in enumerate(GRADIENTS, 1):
        gradient = {k: jax.numpy.asarray(v) for k, v in gradient.items()}
        updates, state = optimizer.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        if t in RECORDED:
            recorded += flat(params)
    return recorded


def with_torch(make):
    params = {k: torch.nn.Parameter(torch.tensor(v)) for k, v in START.items()}
    optimizer = make([params[k] for k in sorted(params)])
    recorded = []
    for t, gradient in enumerate(GRADIENTS, 1):
        for k, v in gradient.items():
            params[k].grad = torch.tensor(v)
        optimizer.step()
        if t in RECORDED:
            recorded += flat({k: v.detach().numpy() for k, v in params.items()})
    return recorded


def rows():
    o, t = optax, torch.optim
    yield "sgd", with_optax(o.sgd(0.1))
    yield "momentum", with_optax(o.sgd(0.1, momentum=0.9))
    yield "nesterov", with_optax(o.sgd(0.1, momentum=0.8, nesterov=True))
    yield "nesterov of PyTorch", with_torch(lambda p: t.SGD(p, 0.1, momentum=0.8, nesterov=True))
    yield "adam", with_optax(o.adam(0.01))
    yield "adam, other settings", with_optax(o.adam(0.02, b1=0.8, b2=0.95, eps=1e-3, eps_root=1e-2))
    yield "adam of PyTorch", with_torch(lambda p: t.Adam(p, 0.01))
    yield "adam with b1 = 0", with_optax(o.adam(0.01, b1=0.0))
    yield "adamw", with_optax(o.adamw(0.01, weight_decay=0.1))
    yield "adamw of PyTorch", with_torch(lambda p: t.AdamW(p, 0.01, weight_decay=0.1))


def numbers(values):
    return ", ".join(f"{x:.12g}" for x in values)


text = f"// Written by trajectories.py with Optax {optax.__version__} and PyTorch {torch.__version__}.\n"
text += f"constexpr int kSteps = {STEPS};\n"
text += f"constexpr int kRecorded[] = {{{', '.join(map(str, RECORDED))}}};\n"
text += f"// b, then w.\nconstexpr double kStart[] = {{{numbers(flat(START))}}};\n"
text += "constexpr double kGradients[kSteps][16] = {\n"
text += "".join(f"    {{{numbers(flat(g))}}},\n" for g in GRADIENTS) + "};\n"
text += "struct Trajectory {\n  const char* name;\n  double recorded[4][16];\n};\n"
text += "constexpr Trajectory kTrajectories[] = {\n"
for name, values in rows():
    values = np.asarray(values).reshape(len(RECORDED), 16)
    text += f'    {{"{name}",\n     {{' + ",\n      ".join(f"{{{numbers(v)}}}" for v in values) + "}},\n"
text += "};\n"
pathlib.Path(__file__).with_name("trajectories.inc").write_text(text)
