"""NumPy, SciPy and OpenCV. Each function yields (name, call) for the problems it can do."""

import numpy as np

TYPES = {"f32": np.float32, "f64": np.float64, "c64": np.complex64, "c128": np.complex128, "u8": np.uint8,
         "i16": np.int16, "i32": np.int32, "u16": np.uint16, "i64": np.int64, "i8": np.int8}
# Beyond this many products one direct run takes minutes.
MOST_DIRECT_PRODUCTS = 2e10


def random_array(rng, shape, dtype):
    kind = np.dtype(dtype).kind
    if kind == "c":
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)
    if kind == "f":
        return rng.random(shape, np.float32).astype(dtype) * 2 - 1
    return rng.integers(0, 13, shape).astype(dtype)


def _products(problem):
    return problem.batch * float(np.prod(problem.extent, dtype=float)) * float(np.prod(problem.taps, dtype=float))


def signal(problem, rng):
    from scipy import ndimage
    from scipy import signal as sp

    if problem.op != "signal" or problem.dtype not in TYPES:
        return
    dtype = TYPES[problem.dtype]
    batch = (problem.batch,) if problem.batch > 1 else ()
    x = random_array(rng, batch + problem.extent, dtype)
    h = random_array(rng, problem.taps, dtype)
    wide = h.reshape((1,) * len(batch) + problem.taps)
    axes = tuple(range(len(batch), x.ndim))
    if np.dtype(dtype).kind in "fc":
        yield "scipy_fftconvolve", lambda: sp.fftconvolve(x, wide, problem.mode, axes=axes)
        yield "scipy_oaconvolve", lambda: sp.oaconvolve(x, wide, problem.mode, axes=axes)
    if not batch:  # it chooses between FFT and direct sums itself
        yield "scipy_convolve", lambda: sp.convolve(x, h, problem.mode)
    if _products(problem) > MOST_DIRECT_PRODUCTS:
        return
    if not batch and problem.rank == 1:
        yield "numpy_convolve", lambda: np.convolve(x, h, problem.mode)
    if problem.rank == 1 and problem.mode == "same" and np.dtype(dtype).kind in "f":
        yield "scipy_ndimage", lambda: ndimage.convolve1d(x, h, mode="constant")


def scipy_filter(problem, rng):
    from scipy import ndimage

    if problem.op != "filter" or problem.dtype not in TYPES or _products(problem) > MOST_DIRECT_PRODUCTS:
        return
    images = random_array(rng, (problem.batch,) + problem.extent, TYPES[problem.dtype])
    if problem.separable:
        taps = [random_array(rng, (n,), np.float64) for n in problem.taps]

        def passes():
            for image in images:
                for axis, row in enumerate(taps):
                    image = ndimage.convolve1d(image, row, axis, mode=problem.boundary)

        yield "scipy_ndimage", passes
    else:
        taps = random_array(rng, problem.taps, np.float64)
        yield "scipy_ndimage", lambda: [ndimage.convolve(i, taps, mode=problem.boundary) for i in images]


def opencv_filter(problem, rng):
    import cv2

    borders = {"reflect": cv2.BORDER_REFLECT, "mirror": cv2.BORDER_REFLECT_101, "nearest": cv2.BORDER_REPLICATE,
               "constant": cv2.BORDER_CONSTANT, "zero": cv2.BORDER_CONSTANT}
    types = {"u8", "u16", "i16", "f32", "f64"}
    if problem.op != "filter" or problem.rank != 2 or problem.dtype not in types or problem.boundary not in borders:
        return
    border = borders[problem.boundary]
    dtype = TYPES[problem.dtype]
    images = random_array(rng, (problem.batch,) + problem.extent, dtype)
    taps_type = np.float64 if problem.dtype == "f64" else np.float32
    if problem.separable:
        column, row = (random_array(rng, (n,), taps_type) for n in problem.taps)
        yield "opencv_sepfilter", lambda: [cv2.sepFilter2D(i, -1, row, column, borderType=border) for i in images]
    else:
        taps = random_array(rng, problem.taps, taps_type)
        yield "opencv_filter2d", lambda: [cv2.filter2D(i, -1, taps, borderType=border) for i in images]


ALL = (signal, scipy_filter, opencv_filter)
