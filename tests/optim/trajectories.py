"""Writes trajectories.inc: what optimisers of Optax and PyTorch do to the parameters w f64[3,4] and
b f64[4] under given gradients, for trajectory_test.cpp. Run it with a Python that has JAX, Optax and
PyTorch. All in doubles, so that the test can tell a wrong formula from rounding."""

import pathlib

import jax
import numpy as np
import optax
import torch

jax.config.update("jax_enable_x64", True)
torch.set_default_dtype(torch.float64)  # of what optimisers count in, too

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
    yield "nadam", with_optax(o.nadam(0.01))
    yield "nadam of PyTorch", with_torch(lambda p: t.NAdam(p, 0.01))
    yield "nadam of PyTorch, all settings", with_torch(
        lambda p: t.NAdam(p, 0.02, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1, momentum_decay=0.5))
    yield "nadamw", with_optax(o.nadamw(0.01, weight_decay=0.1))
    yield "amsgrad", with_optax(o.amsgrad(0.01))
    yield "amsgrad of PyTorch", with_torch(lambda p: t.Adam(p, 0.01, amsgrad=True))
    yield "amsgrad of PyTorch, other settings", with_torch(
        lambda p: t.Adam(p, 0.02, betas=(0.8, 0.5), eps=1e-3, amsgrad=True))
    yield "radam", with_optax(o.radam(0.01, b2=0.9))
    yield "radam of PyTorch", with_torch(lambda p: t.RAdam(p, 0.01, betas=(0.9, 0.9)))
    yield "radam, never rectified", with_optax(o.radam(0.01))
    yield "adamax", with_optax(o.adamax(0.01))
    yield "adamax of PyTorch", with_torch(lambda p: t.Adamax(p, 0.01))
    yield "adabelief", with_optax(o.adabelief(0.01))
    yield "yogi", with_optax(o.yogi(0.01))
    yield "lion", with_optax(o.lion(0.01, weight_decay=0.1))

    yield "rmsprop", with_optax(o.rmsprop(0.01))
    yield "rmsprop, all settings", with_optax(o.rmsprop(
        0.01, decay=0.8, eps=1e-3, initial_scale=0.5, eps_in_sqrt=False, centered=True, momentum=0.7,
        nesterov=True))
    yield "rmsprop, corrected", with_optax(o.rmsprop(0.01, bias_correction=True, momentum=0.5))
    yield "rmsprop, centered and corrected", with_optax(o.rmsprop(
        0.01, eps=1e-2, centered=True, bias_correction=True))
    yield "rmsprop of PyTorch", with_torch(lambda p: t.RMSprop(p, 0.01))
    yield "rmsprop of PyTorch, all settings", with_torch(
        lambda p: t.RMSprop(p, 0.01, alpha=0.9, eps=1e-3, centered=True, momentum=0.8))
    yield "adagrad", with_optax(o.adagrad(0.1))
    yield "adagrad of PyTorch", with_torch(lambda p: t.Adagrad(p, 0.1))
    yield "adadelta", with_optax(o.adadelta(0.5))
    yield "adadelta of PyTorch", with_torch(lambda p: t.Adadelta(p))

    yield "lamb", with_optax(o.lamb(0.01, weight_decay=0.1))
    yield "lars", with_optax(o.lars(0.1, weight_decay=0.1, trust_coefficient=0.1))
    yield "lars, masked", with_optax(o.lars(
        0.1, weight_decay=0.1, weight_decay_mask=matrices, trust_ratio_mask=matrices, eps=1e-3,
        nesterov=True))
    yield "adafactor", with_optax(o.adafactor(0.1, min_dim_size_to_factor=3))
    yield "adafactor, not factored", with_optax(o.adafactor(0.1))
    yield "adafactor, all settings", with_optax(o.adafactor(
        0.1, min_dim_size_to_factor=2, decay_rate=0.7, clipping_threshold=0.5, momentum=0.9,
        weight_decay_rate=0.01, multiply_by_parameter_scale=False))
    yield "adafactor without learning rate", with_optax(o.adafactor(clipping_threshold=None))
    yield "muon", with_optax(o.contrib.muon(0.05, weight_decay=0.1))
    yield "muon, plain", with_optax(o.contrib.muon(0.05, nesterov=False, adam_learning_rate=0.02))

    yield "clip", with_optax(o.chain(o.clip(0.5), o.sgd(0.1)))
    yield "clip_by_global_norm", with_optax(o.chain(o.clip_by_global_norm(1.5), o.adam(0.1)))
    yield "clip_by_norm", with_optax(o.chain(o.masked(o.clip_by_global_norm(1.0), {"b": True, "w": False}),
                                             o.masked(o.clip_by_global_norm(1.0), {"b": False, "w": True}),
                                             o.sgd(0.1)))
    yield "clip_by_block_rms", with_optax(o.chain(o.clip_by_block_rms(0.7), o.sgd(0.1)))
    yield "adaptive_grad_clip", with_optax(o.chain(o.adaptive_grad_clip(0.2), o.sgd(0.1)))
    yield "centralize", with_optax(o.chain(o.centralize(), o.sgd(0.1)))
    yield "add_decayed_weights", with_optax(o.chain(o.add_decayed_weights(0.1, matrices), o.sgd(0.1)))
    yield "sgd of PyTorch, weight decay", with_torch(lambda p: t.SGD(p, 0.1, momentum=0.9, weight_decay=0.1))
    yield "masked", with_optax(o.chain(o.masked(o.scale_by_adam(), matrices), o.scale(-0.01)))
    yield "partition", with_optax(o.partition(
        {"weights": o.adam(0.01), "biases": o.sgd(0.1, momentum=0.5)}, {"b": "biases", "w": "weights"}))
    yield "partition, frozen", with_optax(o.partition(
        {"weights": o.adam(0.01), "biases": o.set_to_zero()}, {"b": "biases", "w": "weights"}))
    yield "multi_steps", with_optax(o.MultiSteps(o.adam(0.01), 3, accumulator_dtype=np.float64))
    yield "multi_steps, sum", with_optax(o.MultiSteps(o.chain(o.clip_by_global_norm(2.0), o.adam(
        o.linear_schedule(0.1, 0.01, 3))), 2, use_grad_mean=False, accumulator_dtype=np.float64))
    yield "ema", with_optax(o.chain(o.ema(0.8), o.sgd(0.1)))
    yield "ema, biased", with_optax(o.chain(o.ema(0.8, debias=False), o.sgd(0.1)))
    yield "adam with a schedule", with_optax(o.adam(o.warmup_cosine_decay_schedule(0.0, 0.1, 3, 10)))
    yield "weight decay with a schedule", with_optax(o.chain(
        o.add_decayed_weights(o.linear_schedule(0.1, 0.0, 5)), o.sgd(o.exponential_decay(0.1, 2, 0.9))))


def matrices(params):
    return jax.tree.map(lambda p: p.ndim > 1, params)


def numbers(values):
    return ", ".join(f"{x:.12g}" for x in values)


text = f"// Written by trajectories.py with Optax {optax.__version__} and PyTorch {torch.__version__}.\n"
text += f"constexpr int kSteps = {STEPS};\n"
text += f"constexpr int kRecorded[] = {{{', '.join(map(str, RECORDED))}}};\n"
text += f"// b, then w.\nconstexpr double kStart[] = {{{numbers(flat(START))}}};\n"
text += "constexpr double kGradients[kSteps][16] = {\n"
text += "".join(f"    {{{numbers(flat(g))}}},\n" for g in GRADIENTS) + "};\n"
text += "struct Trajectory {\n  const char* name;\n  double tolerance;\n  double recorded[4][16];\n};\n"
text += "constexpr Trajectory kTrajectories[] = {\n"
for name, values in rows():
    values = np.asarray(values).reshape(len(RECORDED), 16)
    # Optax computes schedules and Adafactor's decay in f32, whatever the parameters' type.
    rounded = "schedule" in name or "adafactor" in name or name == "multi_steps, sum"
    text += f'    {{"{name}", {"1e-6" if rounded else "1e-10"},\n     {{' + ",\n      ".join(f"{{{numbers(v)}}}" for v in values) + "}},\n"
text += "};\n"
pathlib.Path(__file__).with_name("trajectories.inc").write_text(text)
