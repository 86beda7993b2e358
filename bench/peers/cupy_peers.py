"""CuPy's signal and ndimage functions, with plans and kernels made in the warm-up runs."""

MOST_DIRECT_PRODUCTS = 1e13


def _types():
    import cupy

    return {"f32": cupy.float32, "f64": cupy.float64, "c64": cupy.complex64, "c128": cupy.complex128,
            "u8": cupy.uint8}


def _array(shape, dtype):
    import cupy

    if cupy.dtype(dtype).kind == "u":
        return cupy.random.randint(0, 13, shape).astype(dtype)
    return cupy.random.uniform(-1, 1, shape, dtype=cupy.float32).astype(dtype)


def _products(problem):
    count = float(problem.batch)
    for extent, taps in zip(problem.extent, problem.taps):
        count *= extent * taps
    return count


def signal(problem):
    import cupyx.scipy.signal as sp

    types = _types()
    if problem.op != "signal" or problem.dtype not in types:
        return
    batch = (problem.batch,) if problem.batch > 1 else ()
    x = _array(batch + problem.extent, types[problem.dtype])
    w = _array((1,) * len(batch) + problem.taps, types[problem.dtype])
    axes = tuple(range(len(batch), x.ndim))
    yield "cupy_fftconvolve", lambda: sp.fftconvolve(x, w, problem.mode, axes=axes)
    yield "cupy_oaconvolve", lambda: sp.oaconvolve(x, w, problem.mode, axes=axes)
    if not batch and _products(problem) < MOST_DIRECT_PRODUCTS:
        yield "cupy_direct", lambda: sp.convolve(x, w, problem.mode, method="direct")


def filters(problem):
    from cupyx.scipy import ndimage

    types = _types()
    if problem.op != "filter" or problem.dtype not in types or _products(problem) > MOST_DIRECT_PRODUCTS:
        return
    import cupy

    images = _array((problem.batch,) + problem.extent, types[problem.dtype])
    if problem.separable:
        # A Gaussian is the separable filter users have: truncate makes its length the problem's.
        radius = problem.taps[0] // 2
        sigma = (0,) + (radius / 4.0,) * problem.rank
        yield "cupy_gaussian", lambda: ndimage.gaussian_filter(images, sigma, mode=problem.boundary, truncate=4.0)
        return
    taps = _array(problem.taps, cupy.float64 if problem.dtype == "f64" else cupy.float32)
    out = cupy.empty_like(images)

    def each():
        for image, result in zip(images, out):
            ndimage.convolve(image, taps, output=result, mode=problem.boundary)

    yield "cupy_ndimage", each


ALL = (signal, filters)
