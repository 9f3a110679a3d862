"""Writes the files of this folder with Python's own packages, for python_test.cpp. Run it with a
Python that has numpy, safetensors and torch (for half.safetensors)."""

import pathlib

import numpy as np
import safetensors.torch
import torch
from safetensors.numpy import save_file

folder = pathlib.Path(__file__).parent


def values(dtype, shape):
    """0, 1, 2, … as this type, floats halved."""
    x = np.arange(int(np.prod(shape)))
    if dtype == "bool":
        return (x % 3 == 1).reshape(shape)
    return (x / 2 if dtype[0] == "f" else x).astype(dtype).reshape(shape)


arrays = {
    "bool": values("bool", (5,)),
    "i8": values("int8", (3,)),
    "i16": values("int16", (2, 2)),
    "i32": values("int32", (1,)),
    "i64": values("int64", ()),
    "u8": values("uint8", (7,)),
    "u16": values("uint16", (3,)),
    "u32": values("uint32", (2, 1, 2)),
    "u64": values("uint64", (2,)),
    "f32": values("float32", (2, 3)),
    "f64": values("float64", (4,)),
    "linear/w": values("float32", (3, 2)),
    "empty": values("float32", (0, 4)),
}
save_file(arrays, folder / "all.safetensors", metadata={"epoch": "3"})
np.savez(folder / "stored.npz", **arrays)
np.savez_compressed(folder / "deflated.npz", **arrays, long=values("float32", (50, 50)))

# Halves by their bits, and as f32: normal numbers, small ones, zeros, infinities, NaN.
bits = torch.tensor([*range(0, 1 << 16, 61), 1, 0x3FF, 0x400, 0x7BFF, 0x7C00, 0x7F80, 0x8000, 0x8001, 0xFC00, 0xFF80])
bits = bits.to(torch.int32).to(torch.uint16)
halves = {"f16": bits.view(torch.float16), "bf16": bits.clone().view(torch.bfloat16)}
halves |= {f"{name} as f32": x.float() for name, x in halves.items()}
safetensors.torch.save_file(halves, folder / "half.safetensors")
