"""The functions of faltung.signal for chunked arrays."""

from functools import partial

import numpy as np

from .. import signal
from .._arrays import plain
from ._chunks import checked, chunked, edges_of, whole

__all__ = ["convolve", "correlate"]


class _Convolution:
    """What is done with each stretch of the input: all that its elements meet, or all whose products lie in it."""

    def __init__(self, name, k, method):
        self.name, self.k, self.method = name, k, method

    def __call__(self, x, kept):
        call = getattr(signal, self.name)
        if all(m <= n and part == slice(m - 1, n) for n, m, part in zip(x.shape, self.k.shape, kept)):
            return call(x, self.k, "valid", self.method)
        # A copy, so that the rest does not stay in memory.
        return call(x, self.k, "full", self.method)[kept].copy()

    def __dask_tokenize__(self):
        from dask.base import normalize_token
        return "faltung", self.name, normalize_token(self.k), self.method


def _result(n, m, mode):
    """Where the result begins and ends among the N + M - 1 elements of "full"."""
    if mode == "full":
        return 0, n + m - 1
    if mode == "same":
        return (m - 1) // 2, (m - 1) // 2 + n
    return min(n, m) - 1, max(n, m)


def _plan(chunks, m, mode, all_of_it):
    """For each chunk of the result what it reads, chunks as long as those of the input.

    A stretch is no shorter than the filter, for the library sums over the smaller operand, and another order of a sum
    is another rounding. Of a filter that is longer than the array along some axis but not larger, all chunks read all.
    """
    edges = edges_of(chunks)
    n = edges[-1]
    begin, end = _result(n, m, mode)
    # Centred on those of the input but for "full", which goes on behind it in chunks of the same size.
    inner = [edge + (0 if mode == "full" else (m - 1) // 2) for edge in edges]
    inner += range(inner[-1] + max(chunks), end, max(chunks))
    cuts = sorted({begin, end, *(edge for edge in inner if begin < edge < end)})
    plan = []
    for start, stop in zip(cuts, cuts[1:]):
        first, last = (0, n) if all_of_it else (max(0, start - m + 1), min(n, stop))
        first, last = max(0, min(first, last - m)), min(n, max(last, first + m))
        plan.append(([(first, last)], (start - first, stop - first)))
    return plan


def _filtered(name, in1, in2, mode, method):
    x = checked(in1)
    if hasattr(in2, "dask"):
        raise ValueError("in2 is a dask array, and every chunk needs all of it; pass in2.compute()")
    k = plain(in2)
    if x.ndim != k.ndim:
        raise ValueError(f"{name}: in1 and in2 should have the same dimensionality, not {x.ndim} and {k.ndim}")
    if mode not in ("full", "same", "valid"):
        raise ValueError("acceptable mode flags are 'valid', 'same', or 'full'")
    if mode == "valid" and any(n < m for n, m in zip(x.shape, k.shape)) and \
            any(n > m for n, m in zip(x.shape, k.shape)):
        raise ValueError("For 'valid' mode, one must be at least as large as the other in every dimension")
    if not x.ndim or 0 in x.shape or 0 in k.shape:
        return whole(partial(getattr(signal, name), in2=k, mode=mode, method=method), x)
    dtype = getattr(signal, name)(np.zeros((1,) * x.ndim, x.dtype), k[(slice(1),) * k.ndim], "full", method).dtype
    all_of_it = k.size <= x.size and any(m > n for m, n in zip(k.shape, x.shape))
    plans = [_plan(chunks, m, mode, all_of_it) for chunks, m in zip(x.chunks, k.shape)]
    return chunked(f"faltung-{name}", _Convolution(name, k, method), x, plans, dtype)


def convolve(in1, in2, mode="full", method="auto"):
    """`faltung.signal.convolve` of a chunked array and a filter in memory, which may be longer than a chunk.

    Nothing is computed before the result is asked for. With method="direct" it is the same bit for bit as of the
    whole array; by FFT each chunk has its own rounding.

    >>> x = dask.array.arange(10, chunks=4)
    >>> convolve(x, [1, 10]).compute()
    array([ 0,  1, 12, 23, 34, 45, 56, 67, 78, 89, 90])
    >>> convolve(x, [1, 10], mode="valid").chunks
    ((3, 4, 2),)
    """
    return _filtered("convolve", in1, in2, mode, method)


def correlate(in1, in2, mode="full", method="auto"):
    """As `convolve`, with in2 reversed and conjugated.

    >>> correlate(dask.array.arange(5, chunks=2), [1, 10], mode="same").compute()
    array([ 0, 10, 21, 32, 43])
    """
    return _filtered("correlate", in1, in2, mode, method)
