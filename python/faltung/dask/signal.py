"""The functions of faltung.signal for chunked arrays."""

from functools import partial

import numpy as np

from .. import _core, signal
from .._arrays import plain
from .._options import method_in_force
from ._chunks import around_the_ends, checked, chunked, edges_of, whole

__all__ = ["convolve", "convolve2d", "correlate", "correlate2d", "fftconvolve", "oaconvolve"]


class _Call:
    """A function of faltung.signal with all of its arguments, but for the input."""

    def __init__(self, name, k, mode, **options):
        self.name, self.k, self.mode, self.options = name, k, mode, options

    def of(self, x, mode):
        """The function's result for a stretch of the input."""
        return getattr(signal, self.name)(x, self.k, mode, **self.options)

    def __call__(self, x, kept=()):
        return self.of(x, self.mode)

    def __dask_tokenize__(self):
        from dask.base import normalize_token
        return "faltung", type(self).__name__, normalize_token((self.name, self.k, self.mode, self.options))


class _Convolution(_Call):
    """What is done with each stretch of the input: all that its elements meet, or all whose products lie in it."""

    def __call__(self, x, kept):
        if all(m <= n and part == slice(m - 1, n) for n, m, part in zip(x.shape, self.k.shape, kept)):
            return self.of(x, "valid")
        # A copy, so that the rest does not stay in memory.
        return self.of(x, "full")[kept].copy()


def _cuts(chunks, m, mode, middle):
    """Where the chunks of the result begin and end among the N + M - 1 elements of "full", as long as those of the input.

    middle : the element of "full" that "same" begins with.
    """
    edges = edges_of(chunks)
    n = edges[-1]
    begin, end = {"full": (0, n + m - 1), "same": (middle, middle + n), "valid": (min(n, m) - 1, max(n, m))}[mode]
    # Centred on those of the input but for "full", which goes on behind it in chunks of the same size.
    inner = [edge + (0 if mode == "full" else middle) for edge in edges]
    inner += range(inner[-1] + max(chunks), end, max(chunks))
    cuts = sorted({begin, end, *(edge for edge in inner if begin < edge < end)})
    return list(zip(cuts, cuts[1:]))


def _plan(chunks, m, mode, all_of_it, middle=None):
    """For each chunk of the result what it reads.

    A stretch is no shorter than the filter, for the library sums over the smaller operand, and another order of a sum
    is another rounding. Of a filter that is longer than the array along some axis but not larger, all chunks read all.
    """
    n = sum(chunks)
    plan = []
    for start, stop in _cuts(chunks, m, mode, (m - 1) // 2 if middle is None else middle):
        first, last = (0, n) if all_of_it else (max(0, start - m + 1), min(n, stop))
        first, last = max(0, min(first, last - m)), min(n, max(last, first + m))
        plan.append(([(first, last)], (start - first, stop - first)))
    return plan


def _operands(name, in1, in2, mode):
    """The chunked array and the filter in memory, of the same rank."""
    x = checked(in1)
    if hasattr(in2, "dask"):
        raise ValueError("in2 is a dask array, and every chunk needs all of it; pass in2.compute()")
    k = plain(in2)
    if x.ndim != k.ndim:
        raise ValueError(f"{name}: in1 and in2 should have the same dimensionality, not {x.ndim} and {k.ndim}")
    if mode not in ("full", "same", "valid"):
        raise ValueError("acceptable mode flags are 'valid', 'same', or 'full'")
    return x, k


def _check_one_is_larger(x, k, mode):
    pairs = list(zip(x.shape, k.shape))
    if mode == "valid" and any(n < m for n, m in pairs) and any(n > m for n, m in pairs):
        raise ValueError("For 'valid' mode, one must be at least as large as the other in every dimension")


def _filtered(name, in1, in2, mode, **options):
    x, k = _operands(name, in1, in2, mode)
    _check_one_is_larger(x, k, mode)
    if not x.ndim or 0 in x.shape or 0 in k.shape:
        return whole(_Call(name, k, mode, **options), x)
    if options["method"] == "auto":
        options["method"] = method_in_force()
    if options["method"] == "auto":
        # Of the whole array, which need not be there for it.
        options["method"] = signal.choose_conv_method(np.broadcast_to(np.zeros((), x.dtype), x.shape), k, mode)
    call = _Convolution(name, k, mode, **options)
    dtype = getattr(signal, name)(np.zeros((1,) * x.ndim, x.dtype), k[(slice(1),) * k.ndim], "full", **options).dtype
    all_of_it = k.size <= x.size and any(m > n for m, n in zip(k.shape, x.shape))
    plans = [_plan(chunks, m, mode, all_of_it) for chunks, m in zip(x.chunks, k.shape)]
    return chunked(f"faltung-{name}", call, x, plans, dtype)


def convolve(in1, in2, mode="full", method="auto"):
    """`faltung.signal.convolve` of a chunked array and a filter in memory, which may be longer than a chunk.

    Nothing is computed before the result is asked for. `method` is chosen for the whole array. Direct sums are the same
    bit for bit as of the whole array; by FFT each chunk has its own rounding.

    >>> x = dask.array.arange(10, chunks=4)
    >>> convolve(x, [1, 10]).compute()
    array([ 0,  1, 12, 23, 34, 45, 56, 67, 78, 89, 90])
    >>> convolve(x, [1, 10], mode="valid").chunks
    ((3, 4, 2),)
    """
    return _filtered("convolve", in1, in2, mode, method=method)


def correlate(in1, in2, mode="full", method="auto"):
    """As `convolve`, with in2 reversed and conjugated.

    >>> correlate(dask.array.arange(5, chunks=2), [1, 10], mode="same").compute()
    array([ 0, 10, 21, 32, 43])
    """
    return _filtered("correlate", in1, in2, mode, method=method)


class _ByFft(_Convolution):
    """Along some axes; along the others an element meets one element."""

    def __init__(self, name, k, mode, axes, dtype):
        super().__init__(name, k, mode, axes=axes)
        self.dtype = dtype

    def __call__(self, x, kept):
        # A stretch and a filter of one element are multiplied, whatever their type.
        return self.of(x, "full")[kept].astype(self.dtype)


def _by_fft(name, in1, in2, mode, axes):
    x, k = _operands(name, in1, in2, mode)
    axes = signal._axes(axes, x.ndim)
    if not x.ndim or 0 in x.shape or 0 in k.shape or x.size == k.size == 1:
        return whole(_Call(name, k, mode, axes=axes), x)
    others = [axis for axis in range(x.ndim) if axis not in axes]
    if any(x.shape[axis] != k.shape[axis] and 1 not in (x.shape[axis], k.shape[axis]) for axis in others):
        raise ValueError(f"incompatible shapes for in1 and in2: {x.shape} and {k.shape}")
    _check_one_is_larger(np.empty([x.shape[axis] for axis in axes]), np.empty([k.shape[axis] for axis in axes]), mode)
    x = x.rechunk({axis: -1 for axis in others if k.shape[axis] > 1})
    few = tuple(slice(2) if axis in axes else slice(1) for axis in range(x.ndim))
    dtype = signal.fftconvolve(np.zeros([2 if axis in axes else 1 for axis in range(x.ndim)], x.dtype), k[few], axes=axes).dtype
    plans = []
    for axis, (chunks, m) in enumerate(zip(x.chunks, k.shape)):
        if axis in axes:
            plans.append(_plan(chunks, m, mode, False))
        else:
            edges = edges_of(chunks)
            plans.append([([(start, stop)], (0, max(stop - start, m))) for start, stop in zip(edges, edges[1:])])
    return chunked(f"faltung-{name}", _ByFft(name, k, mode, axes, dtype), x, plans, dtype)


def fftconvolve(in1, in2, mode="full", axes=None):
    """`faltung.signal.fftconvolve` of a chunked array and a filter in memory, each chunk rounded by the norm of what it
    reads.

    >>> abs(fftconvolve(dask.array.arange(4.0, chunks=2), [1.0, 10.0]).compute()).round(9)
    array([ 0.,  1., 12., 23., 30.])
    """
    return _by_fft("fftconvolve", in1, in2, mode, axes)


def oaconvolve(in1, in2, mode="full", axes=None):
    """As `fftconvolve`.

    >>> abs(oaconvolve(dask.array.arange(4.0, chunks=2), [1.0, 10.0]).compute()).round(9)
    array([ 0.,  1., 12., 23., 30.])
    """
    return _by_fft("oaconvolve", in1, in2, mode, axes)


_PADS = {"fill": "constant", "symm": "symmetric", "wrap": "wrap"}


class _In2d(_Convolution):
    """convolve2d and correlate2d, with the method that is chosen for the whole array."""

    def of(self, x, mode, boundary=None):
        o = self.options
        return signal.in_2d(getattr(_core, self.name), x, self.k, mode, boundary or o["boundary"], o["fillvalue"], o["method"])


class _Continued(_In2d):
    """Of stretches that reach beyond an end of the array where the result needs more than is there."""

    def __init__(self, name, k, mode, dtype, **options):
        super().__init__(name, k, mode, **options)
        self.dtype = dtype

    def __call__(self, x, kept):
        before = [part.start - m + 1 for part, m in zip(kept, self.k.shape)]
        pads = [(max(0, -start), max(0, part.stop - n)) for start, part, n in zip(before, kept, x.shape)]
        if any(map(any, pads)):
            mode, more = _PADS[self.options["boundary"]], {}
            if mode == "constant":
                # In a type that holds the value.
                x, more = x.astype(self.dtype, copy=False), {"constant_values": self.options["fillvalue"]}
            x = np.pad(x, pads, mode, **more)
        ends = [max(0, start) + part.stop - part.start + m - 1 for start, part, m in zip(before, kept, self.k.shape)]
        return self.of(x[tuple(slice(max(0, start), end) for start, end in zip(before, ends))], "valid", "fill")


def _continued_plan(chunks, m, mode, boundary, middle):
    """As `_plan`, each chunk of what it reads of the continued array, as far as that is in the array."""
    edges = edges_of(chunks)
    n = edges[-1]
    plan = []
    for start, stop in _cuts(chunks, m, mode, middle):
        first, last = start - m + 1, stop
        if boundary == "wrap" and (first < 0 or last > n):
            plan.append((around_the_ends(first, last, n), (m - 1, m - 1 + stop - start)))
            continue
        if boundary == "symm":
            # Beyond an end by e elements: the e elements inside it.
            first, last = min(first, 2 * n - last), max(last, -first)
        first, last = max(0, min(first, n - 1)), min(n, max(last, 1))
        plan.append(([(first, last)], (start - first, stop - first)))
    return plan


def _in_2d(name, in1, in2, mode, boundary, fillvalue):
    x, k = _operands(name, in1, in2, mode)
    _check_one_is_larger(x, k, mode)
    boundary = {"circular": "wrap", "symmetric": "symm"}.get(boundary, boundary)
    options = {"boundary": boundary, "fillvalue": fillvalue}
    call = _Call(name, k, mode, **options)
    # The function itself checks its arguments.
    dtype = call.of(np.zeros((1,) * x.ndim, x.dtype), "full").dtype
    # The array is the filter of one that is larger, and no larger than what is in memory.
    if 0 in x.shape or 0 in k.shape or (mode == "valid" and any(n < m for n, m in zip(x.shape, k.shape))):
        return whole(call, x)
    like = np.broadcast_to(np.zeros((), x.dtype), x.shape)
    options["method"] = signal.in_2d(_core.method_in_2d, like, k, mode, boundary, fillvalue)
    # Where correlate2d is centred.
    middles = [m // 2 if name == "correlate2d" else (m - 1) // 2 for m in k.shape]
    if mode == "valid" or (boundary == "fill" and np.all(np.asarray(fillvalue) == 0)):
        all_of_it = k.size <= x.size and any(m > n for m, n in zip(k.shape, x.shape))
        plans = [_plan(chunks, m, mode, all_of_it, middle) for chunks, m, middle in zip(x.chunks, k.shape, middles)]
        return chunked(f"faltung-{name}", _In2d(name, k, mode, **options), x, plans, dtype)
    plans = [_continued_plan(chunks, m, mode, boundary, middle) for chunks, m, middle in zip(x.chunks, k.shape, middles)]
    return chunked(f"faltung-{name}", _Continued(name, k, mode, dtype, **options), x, plans, dtype)


def convolve2d(in1, in2, mode="full", boundary="fill", fillvalue=0):
    """`faltung.signal.convolve2d` of a chunked array and a filter in memory, summed as it is for the whole array.

    >>> x = dask.array.ones((4, 4), chunks=2)
    >>> convolve2d(x, [[1, 1]], mode="same", boundary="wrap").compute().max()
    np.float64(2.0)
    """
    return _in_2d("convolve2d", in1, in2, mode, boundary, fillvalue)


def correlate2d(in1, in2, mode="full", boundary="fill", fillvalue=0):
    """As `convolve2d`, with in2 reversed and conjugated.

    >>> correlate2d(dask.array.ones((4, 4), chunks=2), [[1, 10]], mode="valid").shape
    (4, 3)
    """
    return _in_2d("correlate2d", in1, in2, mode, boundary, fillvalue)
