"""The filters of faltung.ndimage for chunked arrays, with its arguments.

Each takes a dask.array.Array and gives one with the same chunks. ``output`` is a type, or nothing. Filters may be
longer than chunks, and than the whole array.
"""

import inspect

import numpy as np

from .. import ndimage
from .._morphology import flat, reflected
from .._image_rules import axes_of, in_order_of, integers, modes_of, part_of, sequence
from ._chunks import around_the_ends, checked, chunked, edges_of, whole

__all__ = [
    "convolve", "convolve1d", "correlate", "correlate1d", "gaussian_filter", "gaussian_filter1d",
    "gaussian_gradient_magnitude", "gaussian_laplace", "grey_closing", "grey_dilation", "grey_erosion", "grey_opening", "laplace", "maximum_filter", "maximum_filter1d",
    "median_filter", "minimum_filter", "minimum_filter1d", "percentile_filter", "prewitt", "rank_filter", "sobel",
    "uniform_filter", "uniform_filter1d"
]

# What each filter reads: functions of its arguments and the rank, that give (axis, before, after, mode) for each
# axis along which a result reads other elements than its own.


def _around(axes, extents, origins, modes):
    """Windows that begin extent // 2 + origin elements before."""
    reach = []
    for axis, extent, origin, mode in zip(axes, extents, origins, modes):
        before = extent // 2 + origin
        reach.append((axis, before, extent - 1 - before, mode))
    return reach


def _by_weights(a, rank, flip=False):
    axes = axes_of((a["axis"],) if "axis" in a else a["axes"], rank)
    axes, origins, modes = in_order_of(axes, integers(a["origin"], len(axes)), modes_of(a["mode"], len(axes)))
    extents = np.shape(a["weights"])
    if flip:
        origins = [-origin - (extent % 2 == 0) for origin, extent in zip(origins, extents)]
    return _around(axes, extents, origins, modes)


def _flipped(a, rank):
    return _by_weights(a, rank, flip=True)


def _gaussian(a, rank):
    axes = axes_of((a["axis"],) if "axis" in a else a["axes"], rank)
    count = len(axes)
    radii = [int(a["truncate"] * float(sigma) + 0.5) for sigma in sequence(a["sigma"], count)]
    if a["radius"] is not None:
        radii = [int(radius) for radius in sequence(a["radius"], count)]
    return [(axis, radius, radius, mode) for axis, radius, mode in zip(axes, radii, modes_of(a["mode"], count))]


def _window(a, rank):
    """Sizes in the order in which the axes are named."""
    axes = axes_of((a["axis"],) if "axis" in a else a["axes"], rank)
    count = len(axes)
    return _around(axes, integers(a["size"], count), integers(a["origin"], count), modes_of(a["mode"], count))


def _footprint(a, rank):
    if a["footprint"] is None:
        return _window(a, rank)
    return _by_weights({**a, "weights": a["footprint"]}, rank)


def _extreme(a, rank):
    """A footprint without holes is a size, and so in the order in which the axes are named."""
    size, footprint = ndimage.full(a["size"], a["footprint"])
    return _footprint({**a, "size": size, "footprint": footprint}, rank)


def _erosion(a, rank):
    size, footprint = flat(a["size"], a["footprint"], a["structure"])
    return _extreme({**a, "size": size, "footprint": footprint}, rank)


def _dilation(a, rank):
    size, footprint, origin = reflected(a["size"], a["footprint"], a["structure"], a["origin"], len(axes_of(a["axes"], rank)))
    return _extreme({**a, "size": size, "footprint": footprint, "origin": origin}, rank)


def _ordered_sizes(a, rank):
    """As in SciPy the sizes of these filters are in the order of the axes, as those of a footprint."""
    if a["footprint"] is None and a["size"] is not None:
        return _by_weights({**a, "weights": np.empty(integers(a["size"], len(axes_of(a["axes"], rank))))}, rank)
    return _footprint(a, rank)


def _neighbours(a, rank):
    axes = axes_of(a.get("axes"), rank)
    return [(axis, 1, 1, mode) for axis, mode in zip(axes, modes_of(a["mode"], len(axes)))]


_REACH = {
    "convolve": _flipped, "convolve1d": _flipped, "correlate": _by_weights, "correlate1d": _by_weights,
    "gaussian_filter": _gaussian, "gaussian_filter1d": _gaussian, "gaussian_gradient_magnitude": _gaussian,
    "gaussian_laplace": _gaussian, "grey_dilation": _dilation, "grey_erosion": _erosion, "laplace": _neighbours,
    "maximum_filter": _extreme, "maximum_filter1d": _window,
    "median_filter": _ordered_sizes, "minimum_filter": _extreme, "minimum_filter1d": _window,
    "percentile_filter": _ordered_sizes, "prewitt": _neighbours, "rank_filter": _ordered_sizes, "sobel": _neighbours,
    "uniform_filter": _window, "uniform_filter1d": _window
}


class _Filter:
    """A filter with its arguments, but for the input."""

    def __init__(self, name, arguments, shape):
        self.name, self.arguments, self.shape = name, arguments, shape

    def __call__(self, x, kept=()):
        with part_of(self.shape):
            y = getattr(ndimage, self.name)(x, **self.arguments)
        # A copy, so that the rest does not stay in memory.
        return y if all(part == slice(0, n) for part, n in zip(kept, x.shape)) else y[kept].copy()

    def __dask_tokenize__(self):
        from dask.base import normalize_token
        return "faltung", self.name, normalize_token(self.arguments), self.shape


def _stretch(start, stop, n, before, after, mode):
    """What the elements start..stop read of an axis of n elements: where that begins, and stretches of the axis.

    At the ends of the array the filter itself continues it by its mode, and must find there what it repeats; at other
    ends of a stretch it continues what is not, for elements that are not kept.
    """
    first, last = start - before, stop + after
    if mode == "wrap" and before + after and stop - start < n:
        return first, around_the_ends(first, last, n)
    if mode in ("reflect", "mirror"):
        # Beyond an end by e elements: the e + 1 elements inside it are repeated.
        first, last = min(first, n - 1 - (last - n) if last > n else first), max(last, 1 - first if first < 0 else last)
    # An axis of one element is none to the engines, and other ways serve: two are read where there are two.
    first = max(0, min(first, n - 2))
    return first, [(first, min(n, max(last, first + 2)))]


def _axis_plan(chunks, before, after, mode):
    edges = edges_of(chunks)
    plan = []
    for start, stop in zip(edges, edges[1:]):
        first, stretches = _stretch(start, stop, edges[-1], before, after, mode)
        plan.append((stretches, (start - first, stop - first)))
    return plan


# Filters that are two with the same arguments, the second of what the first gives.
_IN_TURN = {"grey_closing": ("grey_dilation", "grey_erosion"), "grey_opening": ("grey_erosion", "grey_dilation")}


def _apply(name, arguments):
    """The chunked result of a filter, with all of its arguments."""
    if name in _IN_TURN:
        first, second = _IN_TURN[name]
        return _apply(second, {**arguments, "input": _apply(first, {**arguments, "output": None})})
    arguments = dict(arguments)
    x = checked(arguments.pop("input"))
    output = arguments["output"]
    if not (output is None or isinstance(output, (type, np.dtype, str))):
        raise TypeError(f"output is of type {type(output).__name__}; here it is a type of elements, or None")
    filter = _Filter(name, arguments, x.shape if x.size else ())
    # The filter itself checks its arguments.
    dtype = filter(np.zeros((1,) * x.ndim, x.dtype)).dtype
    if 0 in x.shape or not x.ndim:
        return whole(filter, x)
    reach = {axis: (before, after, mode) for axis, before, after, mode in _REACH[name](arguments, x.ndim)}
    plans = [_axis_plan(chunks, *reach.get(axis, (0, 0, "constant"))) for axis, chunks in enumerate(x.chunks)]
    return chunked(f"faltung-{name}", filter, x, plans, dtype)


def _chunked(name):
    original = getattr(ndimage, name)
    signature = inspect.signature(original)

    def function(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return _apply(name, bound.arguments)

    function.__name__ = function.__qualname__ = name
    function.__module__ = __name__
    function.__signature__ = signature
    function.__doc__ = f"""`faltung.ndimage.{name}` of a chunked array, computed when the result is asked for.

    {original.__doc__.strip().splitlines()[0]}
    """
    return function


for _name in __all__:
    globals()[_name] = _chunked(_name)
del _name
