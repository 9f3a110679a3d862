"""Writes order_golden.inc: permutations that NumPy draws, for order_test.cpp. Run it with a Python
that has NumPy; RandomState is frozen, so that any version gives the same."""

import pathlib

import numpy as np

rows = []
for seed in (0, 1, 1729, 4294967295):
    state = np.random.RandomState(seed)
    for n in (1, 2, 10, 48000, 10, 60000):
        order = state.permutation(n)
        # A long one by its polynomial hash, so that the file stays small.
        digest = 0
        for i in order:
            digest = (digest * 1000003 + int(i)) % 2**32
        first = ", ".join(str(i) for i in order[:10])
        rows.append(f"    {{{seed}u, {n}, {{{first}}}, {digest}u}},\n")

target = pathlib.Path(__file__).with_name("order_golden.inc")
target.write_text("// Written by order_golden.py: seed, length, first entries, hash of all entries.\n"
                  + "".join(rows))
