"""scipy.signal and numpy: convolve, correlate, fftconvolve, oaconvolve, convolve2d, correlate2d,
correlation_lags, upfirdn, resample_poly, convolution_matrix."""

import warnings
from functools import partial

import numpy as np
import scipy.linalg
import scipy.signal

from checking import (INTEGERS, accumulator_roundoff, check, check_refusal, fft_bound, main,
                      roundoff, sum_bound, wide)
from client import DTYPES, NAMES, Unavailable

TYPES = [*INTEGERS, "f32", "f64", "c64", "c128"]
BOUNDARIES = {"fill": "zero", "wrap": "wrap", "symm": "reflect"}


def norms(x, w, points):
    """|x|_2 |w|_2 for an x extended to `points` elements."""
    largest = np.abs(wide(x)).max(initial=0)
    return largest * np.sqrt(points), np.linalg.norm(wide(w).ravel())


def bound(x, w, expected, method="auto", dtype=None):
    """Ours plus theirs: both sum min(|x|, |w|) products, or transform N + M - 1 points, in a type
    that is that of the result unless another is given."""
    dtype = dtype or expected.dtype
    if dtype.kind in "iu":
        return 0.0
    terms = min(x.size, w.size)
    points = np.prod(np.add(x.shape, w.shape))
    # Every output's sum |x||w| is at most the largest |x| times the sum of |w|, and vice versa.
    ax, aw = np.abs(wide(x)), np.abs(wide(w))
    magnitude = min(ax.max(initial=0) * aw.sum(), aw.max(initial=0) * ax.sum())
    limit = sum_bound(terms, magnitude, dtype, expected)
    if method != "direct":
        limit = limit + fft_bound(points, *norms(x, w, points), dtype)
    return 2 * limit


def would_round(x, w):
    """Whether NumPy sends these integers to f64. We refuse: integers are exact or refused."""
    return x.dtype.kind in "iu" and w.dtype.kind in "iu" and np.result_type(x, w).kind == "f"


def meets_in_f64(x, w):
    """The same for functions that always return floating results: 64-bit integers are refused."""
    return {x.dtype.kind, w.dtype.kind} <= set("iu") and 8 in (x.itemsize, w.itemsize)


def transformed(operand):
    """As fftconvolve turns it before the transform."""
    return operand.astype({"f16": np.float32}.get(NAMES[operand.dtype], operand.dtype)
                          if operand.dtype.kind in "fc" else np.float64)


def operands(draw, rank, largest, mode, types=TYPES):
    one, other = draw.extents(rank, largest), draw.extents(rank, largest)
    if mode == "valid":
        pairs = [(max(pair), min(pair)) for pair in zip(one, other)]
        one, other = zip(*pairs) if pairs else ((), ())
        if draw.chance(0.3):
            one, other = other, one
    x = draw.array(one, DTYPES[draw.one_of(types)])
    w = draw.array(other, DTYPES[draw.one_of(types)])
    return x, w


def describe(problem, name, x, w, **options):
    problem.update(call=name, x=f"{NAMES[x.dtype]}{x.shape}", w=f"{NAMES[w.dtype]}{w.shape}",
                   **options)


def nd(faltung, draw, problem):
    rank = draw.one_of([0, 1, 1, 1, 2, 2, 3, 4])
    mode = draw.one_of(["full", "same", "valid"])
    method = draw.one_of(["auto", "direct"])
    name = draw.one_of(["convolve", "correlate"])
    x, w = operands(draw, rank, [1, 60, 13, 7, 4][rank], mode)
    describe(problem, name, x, w, mode=mode, method=method)
    if would_round(x, w):
        check_refusal(faltung.call, f"signal.{name}", x, w, mode=mode, method=method)
        return
    theirs = getattr(scipy.signal, name)(x, w, mode=mode, method="direct")
    call = faltung.call if method == "direct" else partial(faltung.call_some_engine, draw)
    ours = call(f"signal.{name}", x, w, mode=mode, method=method)
    check(ours, theirs, bound(x, w, ours, method))


def long_1d(faltung, draw, problem):
    """Lengths at which the planner may choose an FFT, exact in the direct method."""
    mode = draw.one_of(["full", "same", "valid"])
    dtype = draw.one_of(["f32", "f64", "c64", "c128", "i32", "i64"])
    x = draw.array([draw.integer(200, 3000)], DTYPES[dtype], whole=True)
    w = draw.array([draw.integer(30, 199)], DTYPES[dtype], whole=True)
    describe(problem, "convolve", x, w, mode=mode)
    theirs = scipy.signal.convolve(x, w, mode=mode, method="direct")
    # Whole numbers below 16 in magnitude: sums of 199 products stay below 2^24, so exact.
    check(faltung.call("signal.convolve", x, w, mode=mode, method="direct"), theirs)
    check(faltung.call("signal.convolve", x, w, mode=mode), theirs, bound(x, w, theirs))


def half(faltung, draw, problem):
    """SciPy has f16 only in one dimension, so the reference is f64."""
    mode = draw.one_of(["full", "same"])
    dtype = DTYPES[draw.one_of(["f16", "bf16"])]
    rank = draw.integer(1, 2)
    x = draw.array(draw.extents(rank, 12), dtype)
    w = draw.array(draw.extents(rank, 12), dtype)
    describe(problem, "convolve", x, w, mode=mode)
    ours = faltung.call("signal.convolve", x, w, mode=mode, method="direct")
    theirs = scipy.signal.convolve(wide(x), wide(w), mode=mode, method="direct")
    check(ours, theirs, bound(x, w, ours, "direct"), same_type=False)
    if ours.dtype != dtype:
        check(ours, theirs.astype(dtype), np.inf)


def numpy_1d(faltung, draw, problem):
    mode = draw.one_of(["full", "same", "valid"])
    name = draw.one_of(["convolve", "correlate"])
    x = draw.array(draw.extents(1, 40), DTYPES[draw.one_of([*TYPES, "f16"])])
    w = draw.array(draw.extents(1, 40), DTYPES[draw.one_of([*TYPES, "f16"])])
    describe(problem, f"numpy.{name}", x, w, mode=mode)
    if would_round(x, w):
        check_refusal(faltung.call, f"numpy.{name}", x, w, mode=mode)
        return
    theirs = getattr(np, name)(x, w, mode)
    ours = faltung.call_some_engine(draw, f"numpy.{name}", x, w, mode=mode)
    check(ours, theirs, bound(x, w, theirs))


def by_fft(faltung, draw, problem):
    """fftconvolve and oaconvolve along some axes, the others broadcast."""
    if not any(engine.endswith(".fft") for engine in faltung.engines):
        raise Unavailable("this build has no FFT engine")
    name = draw.one_of(["fftconvolve", "oaconvolve"])
    mode = draw.one_of(["full", "same", "valid"])
    rank = draw.integer(1, 3)
    axes = sorted(draw.rng.permutation(rank)[:draw.integer(1, rank)].tolist())
    x_shape, w_shape = draw.extents(rank, [60, 14, 8][rank - 1]), draw.extents(rank, 8)
    swap = draw.chance(0.3)
    for axis in range(rank):
        if axis not in axes:
            w_shape[axis] = draw.one_of([x_shape[axis], 1])
            if draw.chance(0.2):
                x_shape[axis] = 1
        elif mode == "valid":
            pair = sorted([x_shape[axis], w_shape[axis]], reverse=not swap)
            x_shape[axis], w_shape[axis] = pair
    x = draw.array(x_shape, DTYPES[draw.one_of([*TYPES, "f16"])])
    w = draw.array(w_shape, DTYPES[draw.one_of([*TYPES, "f16"])])
    sent_axes = [axis - rank if draw.chance(0.5) else axis for axis in axes]
    describe(problem, name, x, w, mode=mode, axes=sent_axes)
    if meets_in_f64(x, w):
        check_refusal(faltung.call, f"signal.{name}", x, w, mode=mode, axes=sent_axes)
        return
    function = getattr(scipy.signal, name)
    x_sent, w_sent = x, w
    # With a single element SciPy multiplies, and forgets to convert as its transforms do.
    x, w = transformed(x), transformed(w)
    if mode == "same":
        # SciPy drops the broadcast extent of the other axes in mode `same`; we keep it.
        theirs = function(x, w, mode="full", axes=axes)
        theirs = theirs[tuple(
            slice((w_shape[i] - 1) // 2, (w_shape[i] - 1) // 2 + x_shape[i]) if i in axes
            else slice(None) for i in range(rank))]
    else:
        theirs = function(x, w, mode=mode, axes=axes)
    ours = faltung.call_some_engine(draw, f"signal.{name}", x_sent, w_sent, mode=mode,
                                    axes=sent_axes)
    # SciPy transforms each operand in its own precision.
    coarsest = max(theirs.dtype, x.dtype, w.dtype, key=accumulator_roundoff)
    check(ours, theirs, bound(x, w, theirs, dtype=coarsest))


def two_d(faltung, draw, problem):
    """convolve2d and correlate2d under their three boundary rules."""
    name = draw.one_of(["convolve2d", "correlate2d"])
    mode = draw.one_of(["full", "same", "valid"])
    rule = draw.one_of(["fill", "wrap", "symm"])
    x, w = operands(draw, 2, 12, mode)
    if rule != "fill" and mode == "valid" and (w.shape[0] > x.shape[0] or w.shape[1] > x.shape[1]):
        x, w = w, x  # which operand the rule continues would depend on the swap: scipy#12685
    boundary, fill = BOUNDARIES[rule], 0
    result = np.result_type(x, w)
    if rule == "fill" and draw.chance(0.5):
        fill = draw.integer(0 if x.dtype.kind == "u" else -3, 3)
        boundary = f"constant({fill})"
    describe(problem, name, x, w, mode=mode, boundary=boundary)
    if would_round(x, w):
        check_refusal(faltung.call, f"signal.{name}", x, w, mode=mode, boundary=boundary)
        return
    theirs = getattr(scipy.signal, name)(x, w, mode=mode, boundary=rule, fillvalue=fill)
    if name == "correlate2d" and mode == "valid" and result.kind == "c" and (
            w.shape[0] > x.shape[0] or w.shape[1] > x.shape[1]):
        # SciPy swaps the operands and forgets to conjugate the result; conj(corr(w, x)) reversed
        # is corr(x, w), which we return.
        theirs = scipy.signal.correlate(x, w, mode="valid", method="direct").astype(result)
    ours = faltung.call_some_engine(draw, f"signal.{name}", x, w, mode=mode, boundary=boundary)
    reach = np.append(np.abs(wide(x)).ravel(), abs(fill))
    limit = 0.0
    if theirs.dtype.kind not in "iu":
        magnitude = reach.max() * np.abs(wide(w)).sum()
        points = np.prod(np.add(x.shape, w.shape))
        limit = 2 * (sum_bound(w.size, magnitude, theirs.dtype) + fft_bound(
            points, reach.max() * np.sqrt(points), np.linalg.norm(wide(w)), theirs.dtype))
        if mode == "valid" and w.size > x.size:
            limit += bound(x, w, theirs)
    check(ours, theirs, limit)


def lags(faltung, draw, problem):
    n, m, mode = draw.integer(1, 40), draw.integer(1, 40), draw.one_of(["full", "same", "valid"])
    problem.update(n=n, m=m, mode=mode)
    ours = faltung.call("signal.correlation_lags", n=n, m=m, mode=mode)
    theirs = scipy.signal.correlation_lags(n, m, mode)
    if mode == "same" and n % 2 and m % 2 == 0:
        # SciPy's lags are one off here. The lags of `full`, cropped as SciPy crops the data:
        theirs = scipy.signal.correlation_lags(n, m, "full")[(m - 1) // 2:][:n]
    check(ours, theirs.astype(np.int64))


def upfirdn(faltung, draw, problem):
    mode = draw.one_of(["constant", "symmetric", "reflect", "edge", "wrap", "smooth",
                        "antisymmetric", "antireflect", "line"])
    types = [*INTEGERS, "f16", "f32", "f64", "c64", "c128"]
    rank = draw.integer(1, 3)
    shape = draw.extents(rank, 12)
    axis = draw.integer(-rank, rank - 1)
    # One sample has no slope to continue.
    shape[axis] = max(shape[axis], 2)
    h = draw.array(draw.extents(1, 12), DTYPES[draw.one_of(types)])
    x = draw.array(shape, DTYPES[draw.one_of(types)])
    up, down = draw.integer(1, 5), draw.integer(1, 5)
    # SciPy drops it in other modes, we refuse it there.
    cval = draw.one_of([0, 0, -2.5, 3]) if mode == "constant" else 0
    options = dict(up=up, down=down, axis=axis, mode=mode, cval=cval)
    describe(problem, "upfirdn", x, h, **options)
    if meets_in_f64(x, h):
        check_refusal(faltung.call, "signal.upfirdn", h, x, **options)
        return
    theirs = scipy.signal.upfirdn(h, x, up=up, down=down, axis=axis, mode=mode, cval=cval)
    ours = faltung.call("signal.upfirdn", h, x, **options)
    # smooth, antireflect and line leave the range of x: by at most (taps + 2) steps of 2 max |x|.
    reach = max(np.abs(wide(x)).max(), abs(cval)) * (2 * len(h) + 5)
    magnitude = reach * np.abs(wide(h)).sum()
    points = x.shape[axis] * up + 2 * len(h)
    limit = 2 * (sum_bound(len(h) + 4, magnitude, theirs.dtype) + fft_bound(
        points, reach * np.sqrt(points), np.linalg.norm(wide(h)), theirs.dtype))
    check(ours, theirs, limit)


def resample(faltung, draw, problem):
    padtype = draw.one_of(["constant", "symmetric", "reflect", "edge", "wrap", "smooth",
                           "antisymmetric", "antireflect", "line", "mean", "median", "maximum",
                           "minimum"])
    rank = draw.integer(1, 3)
    shape = draw.extents(rank, 30)
    axis = draw.integer(-rank, rank - 1)
    shape[axis] = max(shape[axis], 2)
    x = draw.array(shape, DTYPES[draw.one_of([*INTEGERS, "f32", "f64", "c64", "c128"])])
    up, down = draw.integer(1, 12), draw.integer(1, 12)
    options = dict(up=up, down=down, axis=axis, padtype=padtype)
    if padtype == "constant" and draw.chance(0.5):
        options.update(cval=2.5)
    window, given = ("kaiser", 5.0), []
    if draw.chance(0.3):
        window = draw.array(draw.extents(1, 20), DTYPES[draw.one_of(["f32", "f64", "c128"])])
        given = [window]
    elif draw.chance(0.5):
        options.update(beta=draw.one_of([0.0, 2.5, 14.0]))
        window = ("kaiser", options["beta"])
    describe(problem, "resample_poly", x, window if given else np.zeros(0), **options)
    same = up == down
    # NumPy's differences of integers wrap before SciPy filters them.
    wraps = x.dtype.kind in "iu" and padtype in ("minimum", "maximum") and not same
    theirs = scipy.signal.resample_poly(x.astype(np.float64) if wraps else x, up, down, axis,
                                        window=window, padtype=padtype, cval=options.get("cval"))
    if wraps and given:
        theirs = theirs.astype(np.result_type(window, x, np.float32))
    ours = faltung.call("signal.resample_poly", x, *given, **options)
    if same:
        check(ours, x)
        return
    # SciPy designs in f64 and rounds to the type of x; the taps differ by a few units in the last
    # place at most, which count as products more.
    rate = max(up, down)
    taps = len(window) if given else 20 * rate + 1
    weights = up * (np.abs(wide(window)).sum() if given else 3.0 * taps / rate)
    reach = max(np.abs(wide(x)).max(), 2.5) * (2 * taps + 5)
    points = x.shape[axis] * up + 2 * taps
    limit = 2 * (sum_bound(taps + 12, reach * weights, theirs.dtype) + fft_bound(
        points, reach * np.sqrt(points), weights, theirs.dtype))
    # SciPy multiplies the taps by up, and subtracts means, in the operands' own types.
    own = roundoff(x.dtype) + (roundoff(window.dtype) if given else 0)
    check(ours, theirs, limit + 2 * own * reach * weights)


def toeplitz(faltung, draw, problem):
    a = draw.array(draw.extents(1, 12), DTYPES[draw.one_of(TYPES)])
    n, mode = draw.integer(1, 12), draw.one_of(["full", "same", "valid"])
    problem.update(a=f"{NAMES[a.dtype]}{a.shape}", n=n, mode=mode)
    check(faltung.call("signal.convolution_matrix", a, n=n, mode=mode),
          scipy.linalg.convolution_matrix(a, n, mode))


if __name__ == "__main__":
    warnings.simplefilter("ignore", RuntimeWarning)  # SciPy casts integers that wrap
    main("faltung.signal against SciPy and NumPy", [
        ("signal.nd", 500, nd), ("signal.long", 40, long_1d), ("signal.half", 60, half),
        ("numpy", 200, numpy_1d), ("signal.fft", 250, by_fft), ("signal.2d", 250, two_d),
        ("signal.lags", 100, lags), ("signal.upfirdn", 250, upfirdn),
        ("signal.resample_poly", 250, resample), ("signal.toeplitz", 60, toeplitz)])
