"""Writes random_golden.inc: values that JAX draws, for random_test.cpp. Run it with a Python that has
JAX; the bits have been stable across JAX's versions, real numbers agree to some units in the last
place of erf_inv."""

import pathlib

import jax
import numpy as np


def row(kind, partitionable, seed, shape, dtype, values):
    values = np.asarray(values)
    if values.dtype.kind == "f":
        text = ", ".join(float(v).hex() for v in values.ravel())
        words = ""
    else:
        text = ""
        words = ", ".join(f"{int(v)}u" for v in values.ravel())
    extents = ", ".join(str(n) for n in shape)
    stream = "Partitionable" if partitionable else "Original"
    return (f'    {{"{kind}", Stream::{stream}, {seed}u, {{{extents}}}, DType::{dtype}, '
            f"{{{words}}}, {{{text}}}}},\n")


def data(key):
    return jax.random.key_data(key)


rows = []
jax.config.update("jax_enable_x64", True)
for partitionable in (True, False):
    jax.config.update("jax_threefry_partitionable", partitionable)
    for seed in (0, 42, 4294967295, 1 << 40 | 7):
        key = jax.random.key(seed)
        rows.append(row("key", partitionable, seed, (), "U32", data(key)))
        rows.append(row("split", partitionable, seed, (5,), "U32", data(jax.random.split(key, 5))))
        folded = jax.random.fold_in(key, 123)
        rows.append(row("fold_in", partitionable, seed, (), "U32", data(folded)))
        for shape in ((), (1,), (5,), (2, 3), (4, 2), (0,)):
            bits = jax.random.bits(key, shape, "uint32")
            rows.append(row("bits", partitionable, seed, shape, "U32", bits))
        rows.append(row("bits", partitionable, seed, (3,), "U64",
                        jax.random.bits(key, (3,), "uint64")))
        rows.append(row("uniform", partitionable, seed, (5,), "F32",
                        jax.random.uniform(key, (5,), "float32")))
        rows.append(row("uniform", partitionable, seed, (3,), "F64",
                        jax.random.uniform(key, (3,), "float64")))
        rows.append(row("normal", partitionable, seed, (7,), "F32",
                        jax.random.normal(key, (7,), "float32")))
        rows.append(row("truncated_normal", partitionable, seed, (7,), "F32",
                        jax.random.truncated_normal(key, -2, 2, (7,), "float32")))
        draws = jax.random.bernoulli(key, np.float32(0.3), (9,))
        rows.append(row("bernoulli", partitionable, seed, (9,), "Bool", draws))
        for n in (0, 1, 2, 10, 1700):
            order = jax.random.permutation(key, n)
            # A long one by its polynomial hash, so that the file stays small.
            if n > 10:
                digest = 0
                for i in order:
                    digest = (digest * 1000003 + int(i)) % 2**32
                order = [digest]
            rows.append(row("permutation", partitionable, seed, (n,), "U32", order))
        x = np.arange(12).reshape(3, 4)
        rows.append(row("permuted_axis", partitionable, seed, (3, 4), "U32",
                        jax.random.permutation(key, x, axis=1)))

target = pathlib.Path(__file__).with_name("random_golden.inc")
target.write_text(f"// Written by random_golden.py with JAX {jax.__version__}.\n" + "".join(rows))
