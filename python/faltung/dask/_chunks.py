"""Each chunk of a result is one call, on the stretch of the input that the chunk reads."""

import itertools
from functools import partial

import dask.array
import numpy as np
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph

from .._options import call_with, options_in_force


class Cut:
    """How the input of a chunk is put together, and where its result lies in what the function gives.

    slices : for each axis, what of each of the neighbouring chunks is taken.
    kept : for each axis, the stretch of the function's result.
    """

    def __init__(self, slices, kept):
        self.slices, self.kept = slices, kept

    def joined(self, blocks, axis=0, taken=()):
        """The stretch of the input out of nested lists of chunks, nothing copied of one chunk alone."""
        if axis == len(self.slices):
            return blocks[taken]
        parts = [self.joined(block, axis + 1, (*taken, part)) for block, part in zip(blocks, self.slices[axis])]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis)


def _run(function, blocks, cut):
    return function(cut.joined(blocks), cut.kept)


def _located(edges, stretches):
    """The chunks that stretches of an axis lie in, and what of them: indices and slices in two lists."""
    chunks, slices = [], []
    for start, stop in stretches:
        chunk = int(np.searchsorted(edges, start, side="right")) - 1
        while start < stop:
            end = min(stop, edges[chunk + 1])
            if start < end:
                chunks.append(chunk)
                slices.append(slice(start - edges[chunk], end - edges[chunk]))
            start, chunk = end, chunk + 1
    return chunks, slices


def checked(x):
    """A chunked array whose extents are known."""
    if not isinstance(x, dask.array.Array):
        raise TypeError(f"input is of type {type(x).__name__}; faltung.dask takes dask.array.Array, made by "
                        "dask.array.from_array or from_zarr; for whole arrays there are faltung.signal and ndimage")
    if any(np.isnan(extent) for extent in x.shape):
        raise ValueError(f"input has chunks of unknown extent, shape {x.shape}; call its compute_chunk_sizes()")
    return x


def whole(call, x):
    """The result of a small or empty array as a chunked one: computed when it is asked for, of one chunk."""
    like = call(np.zeros(x.shape, x.dtype))
    given = options_in_force()
    name = f"faltung-whole-{tokenize(call, x, given)}"
    later = call if not given else partial(call_with, given, call)
    return dask.array.map_blocks(later, x.rechunk(-1), name=name, dtype=like.dtype, chunks=tuple((n,) for n in like.shape),
                                 meta=np.empty((0,) * like.ndim, like.dtype))


def edges_of(chunks):
    return [0, *itertools.accumulate(chunks)]


def around_the_ends(start, stop, n):
    """The stretches of an axis of n elements, repeated, that are start..stop."""
    stretches = []
    while start < stop:
        first = start % n
        last = min(n, first + stop - start)
        stretches.append((first, last))
        start += last - first
    return stretches


def chunked(label, function, x, plans, dtype):
    """The array whose chunks are function(stretch of x, kept).

    plans : for each axis a list with, for each chunk of the result, the stretches of x that are joined, as pairs of
        start and stop, and the part of the function's result that is the chunk, as such a pair.
    """
    given = options_in_force()
    name = f"{label}-{tokenize(x, function, plans, given)}"
    located = []
    for chunks, plan in zip(x.chunks, plans):
        edges = edges_of(chunks)
        located.append([(*_located(edges, stretches), slice(*kept)) for stretches, kept in plan])

    def keys(indices, before=()):
        if not indices:
            return (x.name, *before)
        return [keys(indices[1:], (*before, i)) for i in indices[0]]

    # Once for all chunks, so that a long filter goes to each worker once.
    graph = {f"{name}-function": function if not given else partial(call_with, given, function)}
    for index in itertools.product(*(range(len(plan)) for plan in plans)):
        parts = [located[axis][i] for axis, i in enumerate(index)]
        cut = Cut([slices for _, slices, _ in parts], tuple(kept for _, _, kept in parts))
        graph[(name, *index)] = (_run, f"{name}-function", keys([chunks for chunks, _, _ in parts]), cut)
    extents = tuple(tuple(stop - start for _, (start, stop) in plan) for plan in plans)
    return dask.array.Array(HighLevelGraph.from_collections(name, graph, dependencies=[x]), name, extents,
                            meta=np.empty((0,) * x.ndim, dtype))
