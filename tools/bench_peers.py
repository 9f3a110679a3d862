#!/usr/bin/env python3
"""Times the published training steps in Gradus and in the peers that are installed.

Every measurement is a process of its own. A round measures every contestant once, one after the
other, so that a machine that is slow for a while is slow for all; a contestant's best round counts.
Started by tools/bench; with --peer it is one measurement and prints one JSON line.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass

PEERS = {"jax": "jax", "torch": "torch", "torch-compile": "torch"}  # contestant: its module


@dataclass(frozen=True)
class Convolution:
    size: int
    inputs: int
    outputs: int
    padding: int


@dataclass(frozen=True)
class Workload:
    """Each convolution is followed by relu and 2x2 pooling, each dense layer but the last by relu."""

    batch: int
    dense: tuple
    optimiser: str
    rate: float
    convolutions: tuple = ()
    noise: bool = False


WORKLOADS = {
    "S0": Workload(
        128, (256, 128, 84, 10), "adam", 3e-4, (Convolution(5, 1, 6, 0), Convolution(5, 6, 16, 0))
    ),
    "S1": Workload(256, (784, 300, 100, 10), "adam", 1e-2),
    "S2": Workload(
        128,
        (288, 10),
        "adam",
        3e-3,
        (Convolution(3, 1, 16, 1), Convolution(3, 16, 32, 1), Convolution(3, 32, 32, 1)),
        noise=True,
    ),
    "S3": Workload(128, (784, 512, 512, 10), "sgd", 1e-2),
    "S4": Workload(128, (784, 48, 10), "adam", 1e-2),
}


def random_problem(work):
    """Images, labels, and (weights, bias) of every layer, the convolutions' first."""
    import numpy

    rng = numpy.random.default_rng(7)
    shape = (work.batch, 1, 28, 28) if work.convolutions else (work.batch, 784)
    images = rng.random(shape, dtype=numpy.float32)
    labels = rng.integers(0, 10, work.batch)
    layers = []
    for c in work.convolutions:
        fan_in = c.inputs * c.size * c.size
        weights = rng.normal(0, fan_in**-0.5, (c.outputs, c.inputs, c.size, c.size))
        layers.append((weights.astype(numpy.float32), numpy.zeros(c.outputs, numpy.float32)))
    for inputs, outputs in zip(work.dense, work.dense[1:]):
        weights = rng.normal(0, inputs**-0.5, (outputs, inputs))
        layers.append((weights.astype(numpy.float32), numpy.zeros(outputs, numpy.float32)))
    return images, labels, layers


def jax_steps(work, threads):
    """Returns a function that does n steps and waits for the last."""
    if threads == 1:
        flags = os.environ.get("XLA_FLAGS", "")
        os.environ["XLA_FLAGS"] = flags + " --xla_cpu_multi_thread_eigen=false"
    import jax
    import jax.numpy as jnp

    images, labels, layers = random_problem(work)
    images, targets = jnp.asarray(images), jax.nn.one_hot(labels, 10)
    params = jax.tree.map(jnp.asarray, layers)

    def logits(params, x):
        for (w, b), c in zip(params, work.convolutions):
            pad = [(c.padding, c.padding)] * 2
            x = jax.lax.conv_general_dilated(x, w, (1, 1), pad) + b[:, None, None]
            x = jax.nn.relu(x)
            window = (1, 1, 2, 2)
            x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")
        x = x.reshape(work.batch, -1)
        dense = params[len(work.convolutions) :]
        for w, b in dense[:-1]:
            x = jax.nn.relu(x @ w.T + b)
        w, b = dense[-1]
        return x @ w.T + b

    def loss(params, x):
        return -jnp.mean(jnp.sum(jax.nn.log_softmax(logits(params, x)) * targets, axis=1))

    def step(params, moments, count, key, x):
        if work.noise:
            key, draw = jax.random.split(key)
            x = x + 0.1 * jax.random.normal(draw, x.shape)
        grads = jax.grad(loss)(params, x)
        if work.optimiser == "sgd":
            return jax.tree.map(lambda p, g: p - work.rate * g, params, grads), moments, count, key
        count = count + 1
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, moments[0], grads)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, moments[1], grads)
        scale1, scale2 = 1 - 0.9**count, 1 - 0.999**count
        params = jax.tree.map(
            lambda p, m, v: p - work.rate * (m / scale1) / (jnp.sqrt(v / scale2) + 1e-8),
            params,
            first,
            second,
        )
        return params, (first, second), count, key

    compiled = jax.jit(step, donate_argnums=(0, 1))

    def zeros():
        return jax.tree.map(jnp.zeros_like, params)

    moments = (zeros(), zeros()) if work.optimiser == "adam" else ()
    state = [params, moments, jnp.float32(0), jax.random.key(0)]

    def run(n):
        for _ in range(n):
            state[:] = compiled(*state, images)
        jax.block_until_ready(state)

    return run


def torch_steps(work, threads, compiled):
    import torch
    from torch.nn import functional

    torch.set_num_threads(threads)
    images, labels, layers = random_problem(work)
    layout = torch.channels_last if work.convolutions else torch.contiguous_format
    images, labels = torch.tensor(images).contiguous(memory_format=layout), torch.tensor(labels)
    params = []
    for w, b in layers:
        w = torch.tensor(w)
        if w.ndim == 4:
            w = w.contiguous(memory_format=torch.channels_last)
        params.append((w.requires_grad_(), torch.tensor(b).requires_grad_()))
    flat = [p for layer in params for p in layer]
    # The fused optimiser is the fastest of PyTorch's own on the CPU.
    make = torch.optim.Adam if work.optimiser == "adam" else torch.optim.SGD
    optimiser = make(flat, lr=work.rate, fused=True)

    def loss(x):
        if work.noise:
            x = x + 0.1 * torch.randn_like(x)
        for (w, b), c in zip(params, work.convolutions):
            x = functional.conv2d(x, w, b, padding=c.padding)
            x = functional.max_pool2d(functional.relu(x), 2)
        x = x.flatten(1)
        dense = params[len(work.convolutions) :]
        for w, b in dense[:-1]:
            x = functional.relu(functional.linear(x, w, b))
        return functional.cross_entropy(functional.linear(x, *dense[-1]), labels)

    loss = torch.compile(loss) if compiled else loss

    def run(n):
        for _ in range(n):
            optimiser.zero_grad(set_to_none=True)
            loss(images).backward()
            optimiser.step()

    return run


def measure_peer(peer, name, threads, seconds):
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(threads)
    if threads < (os.cpu_count() or 1) and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    work = WORKLOADS[name]
    if peer == "jax":
        run = jax_steps(work, threads)
    else:
        run = torch_steps(work, threads, peer == "torch-compile")

    def timed(n):
        start = time.perf_counter()
        run(n)
        return time.perf_counter() - start

    first = timed(1)
    run(5)
    # Samples long enough that reading the clock and waiting for the last step do not count.
    n = max(1, round(0.05 / max(timed(3) / 3, 1e-7)))
    samples = []
    end = time.perf_counter() + seconds
    while not samples or time.perf_counter() < end:
        samples.append(timed(n) / n * 1e6)
    samples.sort()
    return {
        "framework": peer,
        "workload": name,
        "threads": threads,
        "first_s": round(first, 4),
        "min_us": round(samples[0], 1),
        "med_us": round(samples[len(samples) // 2], 1),
    }


def run_json(command):
    """The JSON object in the last line that `command` prints, or None."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
        print(f"{' '.join(map(str, command))}: {reason}", file=sys.stderr)
        return None
    return json.loads(lines[-1])


def installed_peers(python):
    modules = sorted(set(PEERS.values()))
    probe = "import importlib.util as u; print(*[m for m in %r if u.find_spec(m)])" % modules
    done = subprocess.run([python, "-c", probe], capture_output=True, text=True, check=False)
    found = done.stdout.split()
    return [peer for peer, module in PEERS.items() if module in found]


def compare(arguments):
    listed = subprocess.run([arguments.gradus, "--list"], capture_output=True, text=True, check=True)
    have = [line.split()[0] for line in listed.stdout.splitlines() if line.split()[0] in WORKLOADS]
    names = arguments.workloads.split(",") if arguments.workloads else have
    peers = installed_peers(arguments.python)
    if arguments.peers is not None:
        peers = [p for p in arguments.peers.split(",") if p]
    elif "torch-compile" in peers:
        peers.remove("torch-compile")  # minutes of compilation; by name only
    print(f"peers of {arguments.python}: {', '.join(peers) or 'none installed'}", file=sys.stderr)

    common = ["--threads", str(arguments.threads), "--seconds", str(arguments.seconds)]
    peak = run_json([arguments.gradus, "peak", "--threads", str(arguments.threads)])
    if peak:
        print(f"FMA peak of {peak['threads']} threads: {peak['peak_gflops_all']:.0f} GFLOP/s")
    results = {}
    for name in names:
        best = {}
        for _ in range(arguments.rounds):
            for contestant in ["gradus", *peers]:
                if contestant == "gradus":
                    command = [arguments.gradus, name, *common]
                else:
                    command = [arguments.python, __file__, "--peer", contestant]
                    command += ["--workloads", name, *common]
                row = run_json(command)
                if row:
                    old = best.get(contestant, row)
                    for key in ("first_s", "min_us", "med_us"):
                        row[key] = min(row[key], old[key])
                    best[contestant] = row
        results[name] = best
        own = best.get("gradus")
        for contestant, row in best.items():
            ratio = f"{row['min_us'] / own['min_us']:7.2f}x" if own else ""
            print(
                f"{name}  {contestant:14} {row['min_us']:10.1f} us a step, median "
                f"{row['med_us']:10.1f}, first call {row['first_s'] * 1e3:8.0f} ms {ratio}",
                flush=True,
            )
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as f:
            json.dump({"peak": peak, "steps": results}, f, indent=1)


def main():
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--workloads", help="e.g. S1,S3; default: all that gradus-bench has")
    parser.add_argument("--peers", help="e.g. jax,torch; default: those installed; '' for none")
    parser.add_argument("--python", default=sys.executable, help="a venv's, with the peers in it")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2, help="for each measurement")
    parser.add_argument("--json", help="also write the results to this file")
    parser.add_argument("--gradus", default="build/bin/gradus-bench", help=argparse.SUPPRESS)
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        name = arguments.workloads
        print(json.dumps(measure_peer(arguments.peer, name, arguments.threads, arguments.seconds)))
    else:
        compare(arguments)


if __name__ == "__main__":
    main()
