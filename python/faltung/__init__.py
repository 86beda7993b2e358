"""Faltung: convolution of signals, images and networks, through one formula.

``faltung.signal``, ``faltung.ndimage`` and ``faltung.numpy`` have the functions of scipy.signal, scipy.ndimage and
NumPy, with their names, arguments, defaults and types of results; ``faltung.nn`` has those of networks, with their
gradients. ``Problem`` and ``Plan`` are what stands below: any convolution, planned once and run often.

>>> import faltung
>>> faltung.signal.convolve([1., 2., 3.], [0., 1., 0.5])
array([0. , 1. , 2.5, 4. , 1.5])

Arrays are NumPy's, or whatever numpy.asarray or DLPack take without copying, on GPUs too. Other threads run while a
call computes.
"""

from . import ndimage, nn, numpy, restoration, signal, wisdom
from ._core import DeviceError, InvalidProblem, NoEngine, Plan, Problem, explain, set_threads, threads
from ._core import version as _version
from ._labels import labelled
from ._options import options

__version__ = _version()
__all__ = [
    "DeviceArray", "DeviceError", "InvalidProblem", "NoEngine", "Plan", "Problem", "explain", "labelled", "ndimage", "nn", "numpy",
    "options", "restoration", "set_threads", "signal", "threads", "to_device", "wisdom"
]


def __getattr__(name):
    """Modules over packages that not everybody has, and what is for GPUs, are imported when they are asked for."""
    if name in ("dask", "jax", "torch"):
        import importlib
        return importlib.import_module("." + name, __name__)
    if name in ("DeviceArray", "to_device"):
        from . import _devices
        return getattr(_devices, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
