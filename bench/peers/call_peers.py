"""SciPy and OpenCV for the calls that suites name. Each function yields (name, call) for those it can do."""

import numpy as np

from .cpu_peers import TYPES, random_array


def _image(call, rng):
    """Of the whole range of 8 and 16 bits, as ours."""
    dtype = np.dtype(TYPES[call.dtype])
    if dtype.kind in "iu" and dtype.itemsize <= 2:
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, call.extent, dtype, endpoint=True)
    return random_array(rng, call.extent, dtype)


def scipy_rank(call, rng):
    from scipy import ndimage

    if call.function not in ("image.median_filter", "image.percentile_filter"):
        return
    x = _image(call, rng)
    if call.function == "image.median_filter":
        yield "scipy_ndimage", lambda: ndimage.median_filter(x, call.window)
    else:
        yield "scipy_ndimage", lambda: ndimage.percentile_filter(x, call.percentile, call.window)


def opencv_median(call, rng):
    import cv2

    size = call.window[0]
    square = len(call.extent) == 2 and set(call.window) == {size} and size % 2 == 1
    small = size in (3, 5) and call.dtype in ("u8", "u16", "f32")
    if call.function == "image.median_filter" and square and (small or call.dtype == "u8"):
        x = _image(call, rng)
        yield "opencv_median", lambda: cv2.medianBlur(x, size)


def scipy_uniform(call, rng):
    from scipy import ndimage

    if call.function == "image.uniform":
        x = _image(call, rng)
        yield "scipy_ndimage", lambda: ndimage.uniform_filter(x, call.window)


def opencv_blur(call, rng):
    import cv2

    if call.function == "image.uniform" and len(call.extent) == 2 and call.dtype in ("u8", "u16", "i16", "f32", "f64"):
        x = _image(call, rng)
        yield "opencv_blur", lambda: cv2.blur(x, call.window[::-1], borderType=cv2.BORDER_REFLECT)


def scipy_sepfir2d(call, rng):
    from scipy import ndimage
    from scipy import signal as sp

    if call.function != "signal.sepfir2d":
        return
    dtype = TYPES[call.dtype]
    x = random_array(rng, call.extent, dtype)
    column, row = (random_array(rng, (n,), dtype) for n in call.window)
    yield "scipy_sepfir2d", lambda: sp.sepfir2d(x, row, column)
    yield "scipy_ndimage", lambda: ndimage.convolve1d(ndimage.convolve1d(x, row, 1), column, 0)


def opencv_sepfir2d(call, rng):
    import cv2

    if call.function != "signal.sepfir2d":
        return
    dtype = TYPES[call.dtype]
    x = random_array(rng, call.extent, dtype)
    column, row = (random_array(rng, (n,), dtype) for n in call.window)
    yield "opencv_sepfilter", lambda: cv2.sepFilter2D(x, -1, row, column, borderType=cv2.BORDER_REFLECT)


def scipy_upfirdn(call, rng):
    from scipy import signal as sp

    if call.function != "signal.upfirdn":
        return
    x = random_array(rng, call.extent, TYPES[call.dtype])
    h = random_array(rng, call.window, TYPES[call.dtype])
    yield "scipy_upfirdn", lambda: sp.upfirdn(h, x, call.up, call.down)


OPENCV = (opencv_median, opencv_blur, opencv_sepfir2d)
ALL = (scipy_rank, opencv_median, scipy_uniform, opencv_blur, scipy_sepfir2d, opencv_sepfir2d, scipy_upfirdn)
