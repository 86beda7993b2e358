"""What the filters of faltung.ndimage ask of their arguments, with SciPy's errors."""

import contextlib
import operator
import threading
import warnings

import numpy as np

from . import _core
from ._arrays import array_there, is_bfloat16, plain

_MODES = {
    "reflect": "reflect", "grid-mirror": "reflect", "mirror": "mirror", "nearest": "nearest", "wrap": "wrap",
    "grid-wrap": "wrap", "constant": "constant", "grid-constant": "constant"
}


def mode_of(mode):
    try:
        return _MODES[mode]
    except (KeyError, TypeError):
        raise RuntimeError(f"boundary mode {mode!r} not supported; there are {', '.join(_MODES)}") from None


def modes_of(mode, axes):
    """One mode, or one for each of `axes` axes."""
    return [mode_of(one) for one in sequence(mode, axes)]


def sequence(value, axes):
    """A value for each axis, out of one for all or of a sequence."""
    if isinstance(value, str) or not np.iterable(value):
        return [value] * axes
    values = list(value)
    if len(values) != axes:
        raise RuntimeError("sequence argument must have length equal to input rank")
    return values


def integers(value, axes):
    return [operator.index(one) for one in sequence(value, axes)]


def axes_of(axes, rank):
    """The axes from 0, in the given order."""
    if axes is None:
        return list(range(rank))
    listed = [axes] if np.isscalar(axes) else list(axes)
    listed = [operator.index(axis) for axis in listed]
    for axis in listed:
        if not -rank <= axis < rank:
            raise ValueError(f"specified axis: {axis} is out of range")
    listed = [axis % rank for axis in listed]
    if len(set(listed)) != len(listed):
        raise ValueError("axes must be unique")
    return listed


def axis_of(axis, rank):
    if not -rank <= axis < rank:
        raise np.exceptions.AxisError(axis, rank)
    return axis % rank


def is_complex(array):
    return array.dtype.kind == "c"


def empty_like(input, dtype):
    """A new array of the shape of the input, where that lies."""
    if isinstance(input, np.ndarray):
        return np.empty(input.shape, dtype)
    from ._devices import empty  # for GPUs alone

    return empty(input.shape, dtype, input)


def output_array(output, input, complex_result=False):
    """The array that is returned, of the input's shape."""
    if output is None or isinstance(output, (type, np.dtype, str)):
        dtype = np.dtype(input.dtype if output is None else output)
        if complex_result and dtype.kind != "c":
            if isinstance(output, str):
                raise RuntimeError("output must have complex dtype")
            if output is not None:
                warnings.warn("promoting specified output dtype to complex", stacklevel=4)
            dtype = np.promote_types(dtype, np.complex64)
        if dtype.kind not in "biufc" and not is_bfloat16(dtype):
            raise RuntimeError("output must have numeric dtype")
        return empty_like(input, dtype)
    output = array_there(output, "output", writes=True)
    if output.shape != input.shape:
        raise RuntimeError("output shape not correct")
    if complex_result and output.dtype.kind != "c":
        raise RuntimeError("output must have complex dtype")
    return output


def number(cval):
    return complex(cval)


def check_cval(cval, input):
    if np.iscomplexobj(cval) and not is_complex(input):
        raise ValueError("Cannot provide a complex-valued cval when the input is real.")


def check_origins(origins, extents):
    for shift, extent in zip(origins, extents):
        if not -(extent // 2) <= shift <= (extent - 1) // 2:
            raise ValueError("invalid origin")


_OURS = frozenset("bBhHiIlLqQefdFD")


def write(compute, input, output):
    """Has `compute(input, y)` write into `output`, by way of another array where that overlaps the input, or has a
    type or a byte order that Faltung has not."""
    if output.size == 0:
        return output
    if not isinstance(output, np.ndarray):
        compute(input, output)
        return output
    ours = output.dtype.char in _OURS or is_bfloat16(output.dtype)
    direct = ours and output.dtype.isnative and output.flags.aligned
    if direct and not (isinstance(input, np.ndarray) and np.may_share_memory(input, output)):
        compute(input, output)
        return output
    y = np.empty(output.shape, output.dtype if direct else np.float64 if output.dtype.kind == "f" else input.dtype)
    compute(input, y)
    output[...] = y
    return output


def copied(input, output):
    """`output`, with the elements of the input: what a filter along no axis does."""
    if isinstance(input, np.ndarray) and isinstance(output, np.ndarray):
        output[...] = input
        return output
    if not input.ndim:
        raise ValueError(f"an image of one element on {input.device} has no axis to filter along; filter it on the CPU")
    return write(lambda x, y: _core.image_filter(False, x, np.ones(1), ["nearest"], 0, [0], [0], (False, []), y), input, output)


def image_of(input):
    """The input as an array; truth values as the numbers 0 and 1."""
    input = plain(input)
    return input.view(np.uint8) if input.dtype == bool else input


_parts = threading.local()


@contextlib.contextmanager
def part_of(shape):
    """Inside, calls of this thread are of a part of an image of that shape, and have its bits."""
    _parts.shape = list(shape)
    try:
        yield
    finally:
        _parts.shape = []


def sums_of(input):
    """Whether data are summed in float64 though they are float32, as SciPy does (complex ones in complex128), and the
    shape for which engines are chosen."""
    return input.dtype.char in "fe" or is_bfloat16(input.dtype), getattr(_parts, "shape", [])


def in_order_of(axes, *options):
    """The axes sorted, and options that have one value for each in the same order.

    As in SciPy an axis of weights or of a footprint stands for the axes in their natural order, while origins and
    modes are in the order in which the axes are named.
    """
    order = sorted(range(len(axes)), key=axes.__getitem__)
    return [[values[i] for i in order] for values in (axes, *options)]
