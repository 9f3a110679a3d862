"""Writes golden.inc: values of losses, and gradients of their sums by the first operand, from Optax,
PyTorch or, for losses that only Flux has, the formula in its documentation, for golden_test.cpp. Run
it with a Python that has JAX, Optax and PyTorch. All in doubles."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch

jax.config.update("jax_enable_x64", True)
random = np.random.RandomState(1)


def rounded(x):
    return np.vectorize(lambda v: float(f"{v:.7g}"))(x)


x = rounded(3 * random.randn(4, 5))            # logits, scores, predictions
t = rounded(2 * random.randn(4, 5))            # real targets
p = rounded(random.uniform(0.02, 0.98, (4, 5)))    # probabilities, rates, distances
q = rounded(random.dirichlet(np.ones(5), 4))   # distributions
q[1] = [0, 0, 1, 0, 0]
k = np.array([0, 3, 4, 3])                     # class numbers
z = (random.uniform(size=(4, 5)) < 0.5).astype(float)  # two classes
s = 2 * z - 1                                  # the same as signs
r = rounded(random.randn(4))                   # one number for each example
u = np.array([1.0, -1, 1, 1])
inputs = {"x": x, "t": t, "p": p, "q": q, "z": z, "s": s, "r": r, "u": u}

EPS = 1.1920929e-7
F = torch.nn.functional


def by_jax(f, *operands):
    operands = [jnp.asarray(o) for o in operands]
    gradient = jax.grad(lambda a: jnp.sum(f(a, *operands[1:])))(operands[0])
    return f(*operands), gradient


def by_torch(f, *operands):
    operands = [torch.tensor(o) for o in operands]
    operands[0].requires_grad_()
    value = f(*operands)
    value.sum().backward()
    return value.detach().numpy(), operands[0].grad.numpy()


def xlogy(a, b):
    return jnp.where(a == 0, 0.0, a * jnp.log(b))


def rows():
    o = optax.losses
    yield "squared_error", by_jax(o.squared_error, x, t)
    yield "l2_loss", by_jax(o.l2_loss, x, t)
    yield "absolute_error", by_torch(lambda a, b: F.l1_loss(a, b, reduction="none"), x, t)
    yield "squared_log_error", by_jax(lambda a, b: (jnp.log(a + EPS) - jnp.log(b + EPS)) ** 2, p, q + 0.1)
    yield "mse", by_torch(F.mse_loss, x, t)
    yield "mae", by_torch(F.l1_loss, x, t)
    yield "huber_loss", by_jax(lambda a, b: o.huber_loss(a, b, delta=1.5), x, t)
    yield "smooth_l1_loss", by_torch(lambda a, b: F.smooth_l1_loss(a, b, reduction="none", beta=0.7), x, t)
    yield "log_cosh", by_jax(o.log_cosh, x, t)
    yield "quantile_loss", by_jax(lambda a, b: jnp.where(b > a, 0.3 * (b - a), 0.7 * (a - b)), x, t)
    yield "poisson_loss", by_jax(lambda a, b: a - xlogy(b, a), p, z)
    yield "poisson_loss_with_log_rates", by_torch(
        lambda a, b: F.poisson_nll_loss(a, b, log_input=True, reduction="none"), x, z)
    yield "gaussian_nll", by_torch(
        lambda a, v, b: F.gaussian_nll_loss(a, b, v, reduction="none"), x, p, t)

    yield "softmax_cross_entropy", by_jax(o.softmax_cross_entropy, x, q)
    yield "softmax_cross_entropy, axis 0", by_jax(lambda a, b: o.softmax_cross_entropy(a, b, axis=0), x, q)
    yield "softmax_cross_entropy, mean", by_torch(lambda a, b: F.cross_entropy(a, b), x, q)
    yield "softmax_cross_entropy_with_integer_labels", by_jax(
        lambda a: o.softmax_cross_entropy_with_integer_labels(a, jnp.asarray(k)), x)
    yield "softmax_cross_entropy, smooth labels", by_torch(
        lambda a: F.cross_entropy(a, torch.tensor(k), reduction="none", label_smoothing=0.1), x)
    yield "cross_entropy", by_jax(lambda a, b: -jnp.sum(xlogy(b, a + EPS), -1), p, q)
    yield "negative_log_likelihood", by_torch(
        lambda a: F.nll_loss(a, torch.tensor(k), reduction="none"), x)
    yield "poly_loss_cross_entropy", by_jax(lambda a, b: o.poly_loss_cross_entropy(a, b, epsilon=1.5), x, q)
    yield "focal_loss", by_jax(
        lambda a, b: jnp.sum(-b * (1 - (a + EPS)) ** 1.5 * jnp.log(a + EPS), -1), p, q)
    yield "multiclass_hinge_loss", by_jax(lambda a: o.multiclass_hinge_loss(a, jnp.asarray(k)), x)
    yield "multiclass_perceptron_loss", by_jax(lambda a: o.multiclass_perceptron_loss(a, jnp.asarray(k)), x)
    yield "smooth_labels", by_jax(lambda a: o.smooth_labels(a, 0.2), q)

    yield "sigmoid_binary_cross_entropy", by_jax(o.sigmoid_binary_cross_entropy, x, z)
    yield "sigmoid_binary_cross_entropy, soft labels", by_jax(o.sigmoid_binary_cross_entropy, x, p)
    yield "binary_cross_entropy", by_jax(
        lambda a, b: -xlogy(b, a + EPS) - xlogy(1 - b, 1 - a + EPS), p, z)
    yield "sigmoid_focal_loss", by_jax(o.sigmoid_focal_loss, x, z)
    yield "sigmoid_focal_loss, alpha", by_jax(
        lambda a, b: o.sigmoid_focal_loss(a, b, alpha=0.25, gamma=1.3), x, z)
    yield "binary_focal_loss", by_jax(
        lambda a, b: -((1 - (b * (a + EPS) + (1 - b) * (1 - a - EPS))) ** 2)
        * jnp.log(b * (a + EPS) + (1 - b) * (1 - a - EPS)), p, z)
    yield "hinge_loss", by_jax(o.hinge_loss, x, s)
    yield "squared_hinge_loss", by_jax(lambda a, b: jnp.maximum(0, 1 - a * b) ** 2, x, s)
    yield "perceptron_loss", by_jax(o.perceptron_loss, x, s)
    yield "sparsemax_loss", by_jax(o.sparsemax_loss, x, z)

    yield "kl_divergence", by_jax(o.kl_divergence, x, q)
    yield "kl_divergence_with_log_targets", by_jax(o.kl_divergence_with_log_targets, x, t)
    yield "generalized_kl_divergence", by_jax(o.generalized_kl_divergence, x, q)

    yield "cosine_similarity", by_torch(lambda a, b: F.cosine_similarity(a, b, dim=-1), x, t)
    yield "cosine_distance", by_jax(o.cosine_distance, x, t)
    yield "cosine_embedding_loss", by_torch(
        lambda a, b: F.cosine_embedding_loss(a, b, torch.tensor(u), margin=0.1, reduction="none"), x, t)
    yield "triplet_margin_loss", by_jax(o.triplet_margin_loss, x, t, s)
    yield "triplet_margin_loss, p = 4", by_jax(
        lambda a, b, c: o.triplet_margin_loss(a, b, c, norm_degree=4, margin=2.0), x, t, s)
    yield "siamese_contrastive_loss", by_jax(
        lambda a, b: (1 - b) * a**2 + b * jnp.maximum(0, 0.6 - a) ** 2, p, z)
    yield "margin_ranking_loss", by_torch(
        lambda a, b, c: F.margin_ranking_loss(a, b, c, margin=0.5, reduction="none"), r, r[::-1].copy(), u)
    yield "ranking_softmax_loss", by_jax(o.ranking_softmax_loss, x, p)
    yield "ntxent", by_jax(lambda a: o.ntxent(a, jnp.asarray(k), 0.5), x)

    yield "dice_coeff_loss", by_jax(
        lambda a, b: 1 - (2 * jnp.sum(a * b) + 1) / (jnp.sum(a * a) + jnp.sum(b * b) + 1), p, z)
    yield "tversky_loss", by_jax(
        lambda a, b: 1 - (jnp.sum(a * b) + 1)
        / (jnp.sum(a * b + 0.7 * (1 - b) * a + 0.3 * b * (1 - a)) + 1), p, z)
    yield "dice_loss", by_jax(
        lambda a, b: o.dice_loss(a.reshape(2, 2, 5), b.reshape(2, 2, 5), alpha=0.3, beta=0.7), x, z)
    yield "dice_loss, foreground", by_jax(
        lambda a, b: o.dice_loss(a.reshape(2, 2, 5), b.reshape(2, 2, 5), ignore_background=True), x, z)
    yield "dice_loss, one class", by_jax(
        lambda a, b: o.dice_loss(a.reshape(4, 5, 1), b.reshape(4, 5, 1)), x, z)


def numbers(values):
    return ", ".join(f"{v:.12g}" for v in np.asarray(values, dtype=float).ravel())


text = f"// Written by losses.py with Optax {optax.__version__} and PyTorch {torch.__version__}.\n"
for name, values in inputs.items():
    text += f"constexpr double {name}_values[] = {{{numbers(values)}}};\n"
text += f"constexpr int k_values[] = {{{', '.join(map(str, k))}}};\n"
text += "struct Golden {\n  const char* name;\n  std::vector<double> values, gradient;\n};\n"
text += "const Golden kGolden[] = {\n"
for name, (values, gradient) in rows():
    text += f'    {{"{name}",\n     {{{numbers(values)}}},\n     {{{numbers(gradient)}}}}},\n'
text += "};\n"
pathlib.Path(__file__).with_name("golden.inc").write_text(text)

# CTC: rows of different times and lengths, repeated labels, no label at all, too little time.
times, classes = 6, 4
logits = rounded(2 * random.randn(5, times, classes))
labels = np.array([[1, 2, 3], [2, 2, 0], [3, 0, 0], [0, 0, 0], [1, 1, 1]])
logit_lengths = np.array([6, 5, 2, 4, 4])
label_lengths = np.array([3, 2, 1, 0, 3])
parameter = torch.tensor(logits, requires_grad=True)
losses = F.ctc_loss(parameter.log_softmax(-1).transpose(0, 1), torch.tensor(labels),
                    torch.tensor(logit_lengths), torch.tensor(label_lengths), reduction="none",
                    zero_infinity=True)
losses[:4].sum().backward()
text = f"// Written by losses.py with PyTorch {torch.__version__}.\n"
for name, values in {"kLogits": logits, "kLosses": losses.detach().numpy()[:4],
                     "kGradient": parameter.grad.numpy()}.items():
    text += f"const std::vector<double> {name} = {{{numbers(values)}}};\n"
for name, values in {"kLabels": labels, "kTimes": logit_lengths, "kLengths": label_lengths}.items():
    text += f"const std::vector<int> {name} = {{{', '.join(map(str, values.ravel()))}}};\n"
assert losses[4] == 0  # too little time
pathlib.Path(__file__).with_name("ctc.inc").write_text(text)
