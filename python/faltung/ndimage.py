"""The filters of scipy.ndimage: the same names, arguments, defaults and types of results.

``mode`` is "reflect" (d c b a | a b c d | d c b a), "mirror" (d c b | a b c d | c b a), "nearest", "wrap" or
"constant" with ``cval``; "grid-mirror", "grid-wrap" and "grid-constant" are other names of three of them. It may be
one for each axis that is filtered. ``output`` is an array to write into, or the type of a new one. ``origin`` moves the
window, ``axes`` names the axes that are filtered, all by default.

float32 images are summed in float64, as SciPy sums. What else differs from SciPy is in docs/compatibility.md.
"""

import operator

import numpy as np

from . import _core
from ._arrays import array_there, numpy_array, results_of_the_same_kind
from ._image_rules import (axes_of, axis_of, check_cval, check_origins, copied, image_of, in_order_of, integers, is_complex, modes_of,
                           number, output_array, sequence, sums_of, write)

__all__ = [
    "convolve", "convolve1d", "correlate", "correlate1d", "gaussian_filter", "gaussian_filter1d",
    "gaussian_gradient_magnitude", "gaussian_laplace", "generic_gradient_magnitude", "generic_laplace", "grey_closing",
    "grey_dilation", "grey_erosion", "grey_opening", "laplace", "maximum_filter", "maximum_filter1d", "median_filter",
    "minimum_filter", "minimum_filter1d", "percentile_filter", "prewitt", "rank_filter", "sobel", "uniform_filter",
    "uniform_filter1d"
]


def _filter(flip, input, weights, output, mode, cval, origin, axes):
    input = image_of(input)
    weights = array_there(weights, "weights")
    check_cval(cval, input)
    axes = axes_of(axes, input.ndim)
    if weights.ndim != len(axes):
        raise RuntimeError(f"weights.ndim ({weights.ndim}) must match len(axes) ({len(axes)})")
    if weights.size == 0:
        raise RuntimeError("no filter weights given")
    if weights.dtype.kind in "bu" or weights.dtype == bool:
        weights = weights.astype(np.float64 if weights.dtype.kind == "u" else np.uint8)
    axes, origins, modes = in_order_of(axes, integers(origin, len(axes)), modes_of(mode, len(axes)))
    for shift, extent in zip(origins, weights.shape):
        # In the sense of correlate; convolve's is reversed.
        shift = -shift - (extent % 2 == 0) if flip else shift
        if not -(extent // 2) <= shift <= (extent - 1) // 2:
            raise ValueError("Invalid origin; origin must satisfy -(weights.shape[k] // 2) <= origin[k] <= "
                             "(weights.shape[k]-1) // 2")
    y = output_array(output, input, is_complex(input) or is_complex(weights))

    def compute(x, result):
        _core.image_filter(flip, x, weights, modes, number(cval), origins, axes, sums_of(input), result)

    return write(compute, input, y)


def correlate(input, weights, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    """Correlate an image of any rank with weights of the same rank.

    >>> correlate([1, 2, 3, 4], [1, 0, -1])
    array([-1, -2, -2, -1])
    """
    return _filter(False, input, weights, output, mode, cval, origin, axes)


def convolve(input, weights, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    """Convolve an image of any rank with weights of the same rank: correlate with the reversed weights.

    >>> convolve([1, 2, 3, 4], [1, 0, -1])
    array([1, 2, 2, 1])
    """
    return _filter(True, input, weights, output, mode, cval, origin, axes)


def _filter1d(flip, input, weights, axis, output, mode, cval, origin):
    input = image_of(input)
    weights = array_there(weights, "weights")
    check_cval(cval, input)
    if weights.ndim != 1 or weights.size == 0:
        raise RuntimeError("no filter weights given")
    return _filter(flip, input, weights, output, mode, cval, origin, (axis_of(axis, input.ndim),))


def correlate1d(input, weights, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
    """`correlate` along one axis.

    >>> correlate1d([2, 8, 0, 4, 1, 9, 9, 0], weights=[1, 3])
    array([ 8, 26,  8, 12,  7, 28, 36,  9])
    """
    return _filter1d(False, input, weights, axis, output, mode, cval, origin)


def convolve1d(input, weights, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
    """`convolve` along one axis.

    >>> convolve1d([2, 8, 0, 4, 1, 9, 9, 0], weights=[1, 3])
    array([14, 24,  4, 13, 12, 36, 27,  0])
    """
    return _filter1d(True, input, weights, axis, output, mode, cval, origin)


def _gaussian(function, input, sigma, order, output, mode, cval, truncate, radius, axes):
    input = image_of(input)
    axes = axes_of(axes, input.ndim)
    sigmas = [float(one) for one in sequence(sigma, len(axes))]
    orders = integers(order, len(axes))
    modes = modes_of(mode, len(axes))
    radii = [] if radius is None else list(sequence(radius, len(axes)))
    if any(one < 0 for one in orders):
        raise ValueError("order must be non-negative")
    if any(one < 0 or one != int(one) for one in radii):
        raise ValueError("Radius must be a nonnegative integer.")
    y = output_array(output, input, is_complex(input))

    radii = [int(one) for one in radii]
    # SciPy's gaussian_filter passes over axes with a sigma of nothing, whatever their order.
    kept = [i for i, one in enumerate(sigmas) if one > 1e-15]
    if function is _core.gaussian and len(kept) < len(axes):
        sigmas, orders, modes, axes, radii = ([values[i] for i in kept] if values else values
                                              for values in (sigmas, orders, modes, axes, radii))
    if not axes:
        return copied(input, y)

    def compute(x, result):
        function(x, sigmas, orders, modes, number(cval), float(truncate), radii, axes, sums_of(input), result)

    return write(compute, input, y)


def gaussian_filter1d(input, sigma, axis=-1, order=0, output=None, mode="reflect", cval=0.0, truncate=4.0, *,
                      radius=None):
    """Smooth along one axis by a Gaussian of standard deviation `sigma`, or by its derivative of that order.

    >>> gaussian_filter1d([1.0, 2.0, 3.0, 4.0, 5.0], 1).round(3)
    array([1.427, 2.068, 3.   , 3.932, 4.573])
    """
    input = image_of(input)
    if sigma <= 0 and not order:
        raise ValueError(f"sigma is {sigma}; it must be more than 0")
    return _gaussian(_core.gaussian, input, sigma, order, output, mode, cval, truncate, radius,
                     (axis_of(axis, input.ndim),))


def gaussian_filter(input, sigma, order=0, output=None, mode="reflect", cval=0.0, truncate=4.0, *, radius=None,
                    axes=None):
    """Smooth by a Gaussian of standard deviation `sigma`, one for all axes or one for each, or by a derivative.

    >>> gaussian_filter(np.eye(3), 1).round(2)
    array([[0.5 , 0.33, 0.17],
           [0.33, 0.34, 0.33],
           [0.17, 0.33, 0.5 ]])
    """
    return _gaussian(_core.gaussian, input, sigma, order, output, mode, cval, truncate, radius, axes)


def gaussian_laplace(input, sigma, output=None, mode="reflect", cval=0.0, *, axes=None, truncate=4.0, radius=None):
    """The sum of the second Gaussian derivatives along the axes.

    >>> gaussian_laplace(np.eye(3), 1).shape
    (3, 3)
    """
    return _gaussian(_core.gaussian_laplace, input, sigma, 0, output, mode, cval, truncate, radius, axes)


def gaussian_gradient_magnitude(input, sigma, output=None, mode="reflect", cval=0.0, *, axes=None, truncate=4.0,
                                radius=None):
    """The square root of the sum of the squares of the first Gaussian derivatives.

    >>> gaussian_gradient_magnitude(np.zeros((3, 3)), 1).max()
    np.float64(0.0)
    """
    return _gaussian(_core.gaussian_gradient_magnitude, input, sigma, 0, output, mode, cval, truncate, radius, axes)


def uniform_filter(input, size=3, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    """The mean of the window of `size` elements around each element.

    >>> uniform_filter([0., 3., 6., 9.])
    array([1., 3., 6., 8.])
    """
    input = image_of(input)
    axes = axes_of(axes, input.ndim)
    sizes, origins, modes = integers(size, len(axes)), integers(origin, len(axes)), modes_of(mode, len(axes))
    y = output_array(output, input, is_complex(input))
    # As in SciPy windows of one element, and of none, do nothing.
    kept = [i for i, one in enumerate(sizes) if one > 1]
    sizes, origins, modes, axes = ([values[i] for i in kept] for values in (sizes, origins, modes, axes))
    check_origins(origins, sizes)
    if not axes:
        return copied(input, y)

    def compute(x, result):
        _core.uniform(x, sizes, modes, number(cval), origins, axes, sums_of(input), result)

    return write(compute, input, y)


def uniform_filter1d(input, size, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
    """`uniform_filter` along one axis.

    >>> uniform_filter1d([2, 8, 0, 4, 1, 9, 9, 0], size=3)
    array([4, 3, 4, 1, 4, 6, 6, 3])
    """
    input = image_of(input)
    if size < 1:
        raise RuntimeError("incorrect filter size")
    return uniform_filter(input, size, output, mode, cval, origin, axes=(axis_of(axis, input.ndim),))


def _derivative(function, input, axis, output, mode, cval):
    input = image_of(input)
    axis = axis_of(axis, input.ndim)
    modes = modes_of(mode, input.ndim)
    y = output_array(output, input, is_complex(input))
    return write(lambda x, result: function(x, axis, modes, number(cval), sums_of(input), result), input, y)


def sobel(input, axis=-1, output=None, mode="reflect", cval=0.0):
    """-1 0 1 along `axis`, then 1 2 1 along every other axis.

    >>> sobel([[1, 0, 0], [0, 2, 0]])
    array([[-1, -3, -2],
           [ 5, -1, -6]])
    """
    return _derivative(_core.sobel, input, axis, output, mode, cval)


def prewitt(input, axis=-1, output=None, mode="reflect", cval=0.0):
    """-1 0 1 along `axis`, then 1 1 1 along every other axis.

    >>> prewitt([[1, 0, 0], [0, 2, 0]])
    array([[ 0, -2, -2],
           [ 3, -1, -4]])
    """
    return _derivative(_core.prewitt, input, axis, output, mode, cval)


def laplace(input, output=None, mode="reflect", cval=0.0, *, axes=None):
    """The sum over the axes of 1 -2 1 along that axis.

    >>> laplace([0., 0., 1., 0., 0.])
    array([ 0.,  1., -2.,  1.,  0.])
    """
    input = image_of(input)
    axes = axes_of(axes, input.ndim)
    modes = modes_of(mode, len(axes))
    y = output_array(output, input, is_complex(input))
    if not axes:
        return copied(input, y)
    return write(lambda x, result: _core.laplace(x, modes, number(cval), axes, sums_of(input), result), input, y)


def _window(input, size, footprint, output, mode, cval, origin, axes, sizes_too=False):
    """What all filters by rank have in common: input, axes, sizes, footprint, origins, modes and result.

    sizes_too : sizes are in the order in which the axes are named, and not in that of a footprint.
    """
    if size is None and footprint is None:
        raise RuntimeError("no footprint or filter size provided")
    input = image_of(input)
    if is_complex(input):
        raise TypeError("Complex type not supported")
    axes = axes_of(axes, input.ndim)
    sizes = []
    if footprint is None:
        sizes = integers(size, len(axes))
        if any(one < 1 for one in sizes):
            raise RuntimeError("filter footprint array has incorrect shape.")
        extents = sizes
    else:
        footprint = np.asarray(numpy_array(footprint, "footprint"), dtype=bool).view(np.uint8)
        if footprint.ndim != len(axes):
            raise RuntimeError(f"footprint.ndim ({footprint.ndim}) must match len(axes) ({len(axes)})")
        if not footprint.any():
            raise ValueError("All-zero footprint is not supported.")
        extents = footprint.shape
    axes, origins, modes, named = in_order_of(axes, integers(origin, len(axes)), modes_of(mode, len(axes)), extents)
    if sizes_too and footprint is None:
        sizes = extents = named
    check_origins(origins, extents)
    y = output_array(output, input)
    return input, axes, sizes, footprint, origins, modes, y


def _ranked(input, rank, size, footprint, output, mode, cval, origin, axes, sizes_too=False):
    input, axes, sizes, footprint, origins, modes, y = _window(input, size, footprint, output, mode, cval, origin, axes,
                                                               sizes_too)
    count = int(np.prod(sizes)) if footprint is None else int(footprint.sum())
    if not -count <= rank < count:
        raise RuntimeError("rank not within filter footprint size")
    rank %= count
    if not axes:
        return copied(input, y)
    return write(lambda x, result: _core.rank_filter(x, rank, sizes, footprint, modes, number(cval), origins, axes,
                                                     result), input, y)


def rank_filter(input, rank, size=None, footprint=None, output=None, mode="reflect", cval=0.0, origin=0, *,
                axes=None):
    """The element of that rank, from 0 for the least or from -1 for the greatest, of the window.

    >>> rank_filter([3, 1, 2, 5], rank=-1, size=3)
    array([3, 3, 5, 5])
    """
    return _ranked(input, operator.index(rank), size, footprint, output, mode, cval, origin, axes)


def median_filter(input, size=None, footprint=None, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    """The median of the window; of an even number of elements the upper one.

    >>> median_filter([1, 9, 2, 3, 8], size=3)
    array([1, 2, 3, 3, 8])
    """
    input, axes, sizes, footprint, origins, modes, y = _window(input, size, footprint, output, mode, cval, origin, axes)
    if not axes:
        return copied(input, y)
    return write(lambda x, result: _core.median_filter(x, sizes, footprint, modes, number(cval), origins, axes,
                                                        result), input, y)


def percentile_filter(input, percentile, size=None, footprint=None, output=None, mode="reflect", cval=0.0, origin=0, *,
                      axes=None):
    """The element below which that percentage of the window lies; negative ones count from 100.

    >>> percentile_filter([1, 9, 2, 3, 8], 100, size=3)
    array([9, 9, 9, 8, 8])
    """
    input, axes, sizes, footprint, origins, modes, y = _window(input, size, footprint, output, mode, cval, origin, axes)
    percentile = percentile + 100.0 if percentile < 0 else percentile
    if not 0 <= percentile <= 100:
        raise RuntimeError("invalid percentile")
    if not axes:
        return copied(input, y)
    return write(lambda x, result: _core.percentile_filter(x, float(percentile), sizes, footprint, modes,
                                                            number(cval), origins, axes, result), input, y)


def full(size, footprint):
    """A footprint without holes is a size."""
    if footprint is not None and np.all(footprint):
        return np.shape(footprint), None
    return size, footprint


def minimum_filter(input, size=None, footprint=None, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    """The least element of the window.

    >>> minimum_filter([3, 1, 2, 5], size=3)
    array([1, 1, 1, 2])
    """
    size, footprint = full(size, footprint)
    return _ranked(input, 0, size, footprint, output, mode, cval, origin, axes, sizes_too=True)


def maximum_filter(input, size=None, footprint=None, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    """The greatest element of the window.

    >>> maximum_filter([3, 1, 2, 5], size=3)
    array([3, 3, 5, 5])
    """
    size, footprint = full(size, footprint)
    return _ranked(input, -1, size, footprint, output, mode, cval, origin, axes, sizes_too=True)


def minimum_filter1d(input, size, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
    """`minimum_filter` along one axis.

    >>> minimum_filter1d([3, 1, 2, 5], 3)
    array([1, 1, 1, 2])
    """
    input = image_of(input)
    return minimum_filter(input, size, None, output, mode, cval, origin, axes=(axis_of(axis, input.ndim),))


def maximum_filter1d(input, size, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
    """`maximum_filter` along one axis.

    >>> maximum_filter1d([3, 1, 2, 5], 3)
    array([3, 3, 5, 5])
    """
    input = image_of(input)
    return maximum_filter(input, size, None, output, mode, cval, origin, axes=(axis_of(axis, input.ndim),))


# Made of those above, so they stand in a module of their own.
from ._morphology import (generic_gradient_magnitude, generic_laplace, grey_closing, grey_dilation,  # noqa: E402, F401
                          grey_erosion, grey_opening)

results_of_the_same_kind(globals(), __all__)
