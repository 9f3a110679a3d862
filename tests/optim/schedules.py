"""Writes schedules.inc: values of Optax's and PyTorch's schedules, for schedule_test.cpp. Run it with
a Python that has JAX, Optax and PyTorch. All in doubles."""

import pathlib

import jax
import optax as o
import torch

jax.config.update("jax_enable_x64", True)
STEPS = (0, 1, 2, 3, 5, 7, 9, 10, 11, 15, 19, 20, 29, 30, 31, 40, 49, 50, 99, 100, 101, 1000)


def torch_values(make, rate):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], rate)
    schedule = make(optimizer)
    values = []
    for t in range(max(STEPS) + 1):
        if t in STEPS:
            values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return values


rows = {
    "polynomial": o.polynomial_schedule(0.3, 0.02, 2.5, 40, 10),
    "linear": o.linear_schedule(0.1, 0.7, 30),
    "linear, later": o.linear_schedule(0.7, 0.1, 20, 10),
    "exponential": o.exponential_decay(0.5, 10, 0.8),
    "exponential, stairs": o.exponential_decay(0.5, 10, 0.8, transition_begin=5, staircase=True),
    "exponential, ended": o.exponential_decay(0.5, 10, 0.8, end_value=0.3),
    "exponential growth, ended": o.exponential_decay(0.5, 10, 1.2, end_value=0.9),
    "step": torch_values(lambda p: torch.optim.lr_scheduler.StepLR(p, 20, 0.3), 0.1),
    "cosine": o.cosine_decay_schedule(0.2, 50),
    "cosine, raised": o.cosine_decay_schedule(0.2, 50, alpha=0.1, exponent=1.5),
    "cosine of PyTorch": [
        v for v in torch_values(lambda p: torch.optim.lr_scheduler.CosineAnnealingLR(p, 1000), 0.2)],
    "piecewise": o.piecewise_constant_schedule(0.1, {10: 0.5, 30: 0.1}),
    "linear onecycle": o.linear_onecycle_schedule(100, 0.5),
    "cosine onecycle": o.cosine_onecycle_schedule(100, 0.5, pct_start=0.2),
    "warmup constant": o.warmup_constant_schedule(0.0, 0.1, 10),
    "warmup cosine": o.warmup_cosine_decay_schedule(0.01, 0.1, 10, 50, 0.001),
    "warmup exponential": o.warmup_exponential_decay_schedule(0.01, 0.1, 10, 20, 0.5),
    "join": o.join_schedules(
        [o.constant_schedule(0.3), o.linear_schedule(0.3, 0.1, 10), o.exponential_decay(0.1, 10, 0.5)], [5, 20]),
}
text = f"// Written by schedules.py with Optax {o.__version__} and PyTorch {torch.__version__}.\n"
text += f"constexpr int kSteps[] = {{{', '.join(map(str, STEPS))}}};\n"
text += "struct Golden {\n  const char* name;\n  double values[std::size(kSteps)];\n};\n"
text += "constexpr Golden kGolden[] = {\n"
for name, values in rows.items():
    if callable(values):
        values = [float(values(jax.numpy.asarray(t))) for t in STEPS]
    text += f'    {{"{name}", {{{", ".join(f"{v:.14g}" for v in values)}}}}},\n'
text += "};\n"
pathlib.Path(__file__).with_name("schedules.inc").write_text(text)
