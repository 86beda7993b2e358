"""What the scripts beside this one filter."""

import numpy as np


def sequence(dtype, *shape):
    """The same whole numbers as `sequence` in golden.hpp, -50 to 50 (0 to 100 if unsigned)."""
    i = np.arange(np.prod(shape, dtype=int))
    values = (7 * i * i + 37 * i + 11) % 101
    return (values if np.dtype(dtype).kind == "u" else values - 50).astype(dtype).reshape(shape)
