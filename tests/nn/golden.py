"""What the scripts of golden values share; golden.h has the same `ramp`."""
import numpy as np
import torch


def ramp(shape, seed):
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    return (((i * 7919 + seed * 104729) % 101 - 50) / 50).astype(np.float32).reshape(shape)


def emit(name, array):
    print(name, *("%.9g" % v for v in np.asarray(array, np.float32).ravel()))


def first(x):  # channels last -> first
    return torch.tensor(np.moveaxis(x, -1, 1).copy(), requires_grad=True)


def last(t):
    return np.moveaxis(t.detach().numpy(), 1, -1)
