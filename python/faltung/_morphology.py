"""Filters of faltung.ndimage that are made of others: grey morphology by flat elements, and generic derivatives."""

import numpy as np

from . import ndimage
from ._arrays import check_memory, numpy_array
from ._image_rules import axes_of, image_of, integers, output_array, sequence


def flat(size, footprint, structure):
    """The footprint that a size, a footprint or a structure of zeros stands for."""
    if size is None and footprint is None and structure is None:
        raise ValueError("size, footprint, or structure must be specified")
    if structure is None:
        return size, footprint
    structure = numpy_array(structure, "structure")
    if np.any(structure != 0):
        raise ValueError("structure has elements other than 0; here structuring elements are flat: name their shape by "
                         "size or footprint, or use scipy.ndimage")
    return None, np.ones(structure.shape, bool) if footprint is None else footprint


def reflected(size, footprint, structure, origin, axes):
    """Size, footprint and origins of the reflected element, for so many axes."""
    size, footprint = flat(size, footprint, structure)
    if footprint is not None:
        footprint = np.flip(numpy_array(footprint, "footprint"))
        extents = footprint.shape
    else:
        extents = integers(size, axes)
    # A reflected element of even extent has its centre one further.
    return size, footprint, [-shift - (extent % 2 == 0) for shift, extent in zip(integers(origin, axes), extents)]


def grey_erosion(input, size=None, footprint=None, structure=None, output=None, mode="reflect", cval=0.0, origin=0, *,
                 axes=None):
    """The least element under a flat structuring element. `structure` may be zeros of its shape.

    >>> grey_erosion([3, 1, 2, 5, 4], size=2)
    array([3, 1, 1, 2, 4])
    """
    size, footprint = flat(size, footprint, structure)
    return ndimage.minimum_filter(input, size, footprint, output, mode, cval, origin, axes=axes)


def grey_dilation(input, size=None, footprint=None, structure=None, output=None, mode="reflect", cval=0.0, origin=0, *,
                  axes=None):
    """The greatest element under the reflected structuring element: `grey_erosion` of what is below, upside down.

    >>> grey_dilation([3, 1, 2, 5, 4], size=2)
    array([3, 2, 5, 5, 4])
    """
    input = image_of(input)
    axes = axes_of(axes, input.ndim)
    size, footprint, origins = reflected(size, footprint, structure, origin, len(axes))
    return ndimage.maximum_filter(input, size, footprint, output, mode, cval, origins, axes=axes)


def grey_opening(input, size=None, footprint=None, structure=None, output=None, mode="reflect", cval=0.0, origin=0, *,
                 axes=None):
    """Erosion, then dilation: peaks narrower than the element vanish.

    >>> grey_opening([1, 9, 1, 5, 5, 5], size=3)
    array([1, 1, 1, 5, 5, 5])
    """
    eroded = grey_erosion(input, size, footprint, structure, None, mode, cval, origin, axes=axes)
    return grey_dilation(eroded, size, footprint, structure, output, mode, cval, origin, axes=axes)


def grey_closing(input, size=None, footprint=None, structure=None, output=None, mode="reflect", cval=0.0, origin=0, *,
                 axes=None):
    """Dilation, then erosion: gaps narrower than the element are filled.

    >>> grey_closing([5, 1, 5, 2, 2, 2], size=3)
    array([5, 5, 5, 2, 2, 2])
    """
    dilated = grey_dilation(input, size, footprint, structure, None, mode, cval, origin, axes=axes)
    return grey_erosion(dilated, size, footprint, structure, output, mode, cval, origin, axes=axes)


def _sum_over_axes(input, derivative, output, mode, cval, extra_arguments, extra_keywords, axes, term):
    """The sum over the axes of `term` of a derivative along the axis."""
    check_memory(input, "input")
    input = image_of(input)
    y = output_array(output, input)
    axes = axes_of(axes, input.ndim)
    total = None
    for axis, rule in zip(axes, sequence(mode, len(axes))):
        along = derivative(input, axis, y.dtype, rule, cval, *extra_arguments, **(extra_keywords or {}))
        total = term(along) if total is None else total + term(along)
    return y, input if total is None else total, total is not None


def generic_laplace(input, derivative2, output=None, mode="reflect", cval=0.0, extra_arguments=(), extra_keywords=None,
                    *, axes=None):
    """The sum over the axes of derivative2(input, axis, output, mode, cval, ...), output being a type.

    >>> second = lambda x, axis, output, mode, cval: ndimage.correlate1d(x, [1, -2, 1], axis, output, mode, cval)
    >>> generic_laplace([0., 0., 1., 0., 0.], second)
    array([ 0.,  1., -2.,  1.,  0.])
    """
    y, total, _ = _sum_over_axes(input, derivative2, output, mode, cval, extra_arguments, extra_keywords, axes,
                                 lambda along: along)
    y[...] = total
    return y


def generic_gradient_magnitude(input, derivative, output=None, mode="reflect", cval=0.0, extra_arguments=(),
                               extra_keywords=None, *, axes=None):
    """The square root of the sum of the squares of derivative(input, axis, output, mode, cval, ...).

    >>> generic_gradient_magnitude([[0., 0.], [3., 3.]], ndimage.prewitt)
    array([[9., 9.],
           [9., 9.]])
    """
    y, total, is_sum = _sum_over_axes(input, derivative, output, mode, cval, extra_arguments, extra_keywords, axes,
                                      lambda along: along * along)
    y[...] = np.sqrt(total) if is_sum else total
    return y
