"""NumPy's convolve and correlate."""

import numpy as np
from numpy import ndarray

from . import _core
from ._arrays import array_there, same_kind

__all__ = ["convolve", "correlate"]

_MODES = ("valid", "same", "full")


def _mode(mode):
    """The name of a mode, which may be a number, as in NumPy."""
    if isinstance(mode, str):
        return mode
    if not isinstance(mode, (int, np.integer)):
        raise TypeError(f"mode is {mode!r}; it takes 'full', 'same', 'valid' or their numbers, 2 to 0")
    if not 0 <= mode < 3:
        raise ValueError(f"mode is {mode}; numbers of modes are 0 for 'valid', 1 for 'same' and 2 for 'full'")
    return _MODES[mode]


def _of_truths(function, a, v, mode):
    """With an operand of bool: of two of them "or" is the sum, and "and" the product."""
    logical = a.dtype == v.dtype == bool
    dtype = np.int64 if logical else np.result_type(a, v)
    y = function(a.astype(dtype), v.astype(dtype), mode)
    return y != 0 if logical else y


def _call(function, a, v, mode):
    mode = mode if type(mode) is str else _mode(mode)
    try:
        return function(a, v, mode)
    except TypeError:
        a, v = array_there(a, "a"), array_there(v, "v")
        if bool not in (a.dtype, v.dtype):
            raise
        return _of_truths(function, a, v, mode)
    except _core.InvalidProblem as error:
        for name, operand in ("a", a), ("v", v):
            if not np.size(operand):
                raise _core.InvalidProblem(f"{name} cannot be empty: {error}") from None
        raise


@same_kind
def _convolve(a, v, mode):
    return _call(_core.numpy_convolve, a, v, mode)


@same_kind
def _correlate(a, v, mode):
    return _call(_core.numpy_correlate, a, v, mode)


# Arrays of NumPy's go straight into the extension module; what it refuses is said, or done, by the longer way.
_convolve_arrays, _correlate_arrays = _core.numpy_convolve, _core.numpy_correlate
_Refused = TypeError, _core.InvalidProblem


def convolve(a, v, mode="full"):
    """The convolution of two one-dimensional arrays, as numpy.convolve: mode "same" gives max(N, M) elements.

    >>> convolve([1, 2, 3], [0, 1, 0.5])
    array([0. , 1. , 2.5, 4. , 1.5])
    """
    if type(a) is ndarray and type(v) is ndarray and type(mode) is str:
        try:
            return _convolve_arrays(a, v, mode)
        except _Refused:
            pass
    return _convolve(a, v, mode)


def correlate(a, v, mode="valid"):
    """The cross-correlation of two one-dimensional arrays, as numpy.correlate: v is conjugated.

    >>> correlate([1, 2, 3], [0, 1, 0.5])
    array([3.5])
    >>> correlate([1, 2, 3], [0, 1, 0.5], "same")
    array([2. , 3.5, 3. ])
    """
    if type(a) is ndarray and type(v) is ndarray and type(mode) is str:
        try:
            return _correlate_arrays(a, v, mode)
        except _Refused:
            pass
    return _correlate(a, v, mode)
