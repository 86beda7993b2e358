"""What samples before a signal left over, for lfilter."""

import math

import numpy as np

from . import _core
from ._arrays import array_there, numpy_array

_NAMES = {"f": "f32", "d": "f64", "F": "c64", "D": "c128"}


def state_there(zi, shape, x):
    """The initial state where x lies, one value for all lines along an axis of one element."""
    zi = numpy_array(zi, "zi") if isinstance(x, np.ndarray) else array_there(zi, "zi")
    if zi.ndim != len(shape) or any(have not in (1, want) for have, want in zip(zi.shape, shape)):
        raise ValueError(f"Unexpected shape for parameter zi: expected {shape}, found {zi.shape}.")
    return zi


def add_state(y, zi, axis):
    """y += zi along the first elements of an axis, where y lies on a GPU: by a filter of one tap, whose results join what
    stands there."""
    shape = y.shape[:axis] + zi.shape[axis:axis + 1] + y.shape[axis + 1:]
    lines = (math.prod(shape[:axis]), 1, shape[axis], math.prod(shape[axis + 1:]))
    if isinstance(zi, np.ndarray):
        zi = _core.to_device(np.ascontiguousarray(np.broadcast_to(zi, shape), y.dtype), y._index)
    zi, y = zi._broadcast(shape)._reshaped(lines, "zi"), y[(*(slice(None),) * axis, slice(shape[axis]))]._reshaped(lines, "y")
    strides = {name: ",".join(map(str, array._strides)) for name, array in (("x", zi), ("y", y))}
    line = (f"op=fwd dtype={_NAMES[y.dtype.char]} n={lines[0]} in={lines[2]}x{lines[3]} f=1x1 beta=1 "
            f"xstrides={strides['x']} ystrides={strides['y']}")
    one = _core.to_device(np.ones((1, 1, 1, 1), y.dtype), y._index)
    _core.Plan(line, y.device).run(zi, one, out=y)
