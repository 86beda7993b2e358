"""NumPy's convolve and correlate."""

from . import _core
from ._arrays import results_of_the_same_kind

__all__ = ["convolve", "correlate"]

_MODES = {0: "valid", 1: "same", 2: "full", "v": "valid", "s": "same", "f": "full"}


def convolve(a, v, mode="full"):
    """The convolution of two one-dimensional arrays, as numpy.convolve: mode "same" gives max(N, M) elements.

    >>> convolve([1, 2, 3], [0, 1, 0.5])
    array([0. , 1. , 2.5, 4. , 1.5])
    """
    return _core.numpy_convolve(a, v, _MODES.get(mode, mode))


def correlate(a, v, mode="valid"):
    """The cross-correlation of two one-dimensional arrays, as numpy.correlate: v is conjugated.

    >>> correlate([1, 2, 3], [0, 1, 0.5])
    array([3.5])
    >>> correlate([1, 2, 3], [0, 1, 0.5], "same")
    array([2. , 3.5, 3. ])
    """
    return _core.numpy_correlate(a, v, _MODES.get(mode, mode))


results_of_the_same_kind(globals(), __all__)
