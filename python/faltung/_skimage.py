"""scikit-image's filters, with its arguments and meaning, computed by faltung. `faltung_skimage` says which."""

import numpy as np
from skimage.util import img_as_float

from . import ndimage
from .restoration import richardson_lucy, wiener  # noqa: F401  (scikit-image's already)

_DIFFERENCE = np.array([1.0, 0.0, -1.0])
# Farid and Simoncelli, IEEE Trans. Image Processing 13 (2004) 496, table 1, five taps, normalised as scikit-image has
# them.
_FARID = np.array([0.0376593171958126, 0.249153396177344, 0.426374573253687, 0.249153396177344, 0.0376593171958126])
_FARID_DIFFERENCE = np.array([0.109603762960254, 0.276690988455557, 0, -0.276690988455557, -0.109603762960254])


def _floating(image, preserve_range=False):
    """float16 and float32 as float32, float64 as it is, integers scaled to 0..1 or -1..1 unless their range is kept."""
    if image.dtype.char in "ef":
        return image.astype(np.float32, copy=False)
    return image.astype(np.float64, copy=False) if preserve_range else img_as_float(image)


def gaussian(image, sigma=1.0, *, mode="nearest", cval=0, preserve_range=False, truncate=4.0, channel_axis=None,
             out=None):
    if np.any(np.asarray(sigma) < 0.0):
        raise ValueError("Sigma values less than zero are not valid")
    if channel_axis is not None:
        sigma = [sigma] * (image.ndim - 1) if np.ndim(sigma) == 0 else list(sigma)
        if len(sigma) == image.ndim - 1:
            sigma.insert(channel_axis % image.ndim, 0)
    if out is not None and not np.issubdtype(out.dtype, np.floating):
        raise ValueError(f"dtype of `out` must be float; got {out.dtype!r}.")
    return ndimage.gaussian_filter(_floating(image, preserve_range), sigma, output=out, mode=mode, cval=cval,
                                   truncate=truncate)


def difference_of_gaussians(image, low_sigma, high_sigma=None, *, mode="nearest", cval=0, channel_axis=None,
                            truncate=4.0):
    image = img_as_float(image)
    axes = image.ndim - (channel_axis is not None)
    low = np.array(low_sigma, dtype=float, ndmin=1)
    high = low * 1.6 if high_sigma is None else np.array(high_sigma, dtype=float, ndmin=1)
    for name, sigma in ("low_sigma", low), ("high_sigma", high):
        if len(sigma) not in (1, axes):
            raise ValueError(f"{name} must have length equal to number of spatial dimensions of input")
    low, high = low * np.ones(axes), high * np.ones(axes)
    if np.any(high < low):
        raise ValueError("high_sigma must be equal to or larger than low_sigma for all axes")
    more = {"mode": mode, "cval": cval, "channel_axis": channel_axis, "truncate": truncate}
    return gaussian(image, low, **more) - gaussian(image, high, **more)


def _masked(result, mask):
    """Zeros where the mask, or a neighbour in it, is not set."""
    if mask is not None:
        result *= ndimage.minimum_filter(np.asarray(mask, bool).view(np.uint8), 3, mode="constant").astype(bool)
    return result


def _edges(image, mask, axis, mode, cval, smooth, difference=_DIFFERENCE):
    """The difference along one axis, smoothed along the others, or the magnitude of those along several."""
    image = _floating(image)
    axes = range(image.ndim) if axis is None else [axis] if np.isscalar(axis) else axis

    def along(edge):
        kernel = np.ones(())
        for i in range(image.ndim):
            kernel = np.multiply.outer(kernel, difference if i == edge % image.ndim else smooth)
        return ndimage.convolve(image, kernel, mode=mode, cval=cval)

    if len(axes) == 1:
        return _masked(along(axes[0]), mask)
    squares = sum(along(edge)**2 for edge in axes)
    return _masked(np.sqrt(squares) / np.sqrt(image.ndim, dtype=squares.dtype), mask)


def _filters_of_edges(smooth, difference=_DIFFERENCE):
    def both(image, mask=None, *, axis=None, mode="reflect", cval=0.0):
        return _edges(image, mask, axis, mode, cval, smooth, difference)

    def horizontal(image, mask=None):
        return _edges(image, mask, 0, "reflect", 0.0, smooth, difference)

    def vertical(image, mask=None):
        return _edges(image, mask, 1, "reflect", 0.0, smooth, difference)

    return both, horizontal, vertical


sobel, sobel_h, sobel_v = _filters_of_edges(np.array([1.0, 2, 1]) / 4)
scharr, scharr_h, scharr_v = _filters_of_edges(np.array([3.0, 10, 3]) / 16)
prewitt, prewitt_h, prewitt_v = _filters_of_edges(np.full(3, 1 / 3))
farid, farid_h, farid_v = _filters_of_edges(_FARID, _FARID_DIFFERENCE)


def laplace(image, ksize=3, mask=None):
    image = _floating(image)
    # The kernel has three taps along each axis, whatever ksize: so it is in scikit-image.
    return _masked(-ndimage.laplace(image), mask)


def unsharp_mask(image, radius=1.0, amount=1.0, preserve_range=False, *, channel_axis=None):
    image = _floating(image, preserve_range)
    # Sigmas of a sequence are of the axes but for the channels.
    blurred = gaussian(image, radius, mode="reflect", channel_axis=channel_axis)
    result = image + (image - blurred) * amount
    if preserve_range:
        return result
    return np.clip(result, -1.0 if np.any(image < 0) else 0.0, 1.0, out=result)
