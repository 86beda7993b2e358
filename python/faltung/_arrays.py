"""Arrays that the extension module does not take as they are, and results of the kind of their operands."""

import functools
import importlib

import numpy as np


def numpy_array(array, name="an operand"):
    """The array as NumPy's, in the same memory if that is the CPU's and if it speaks DLPack or ``__array_interface__``."""
    if not isinstance(array, np.ndarray):
        check_memory(array, name)
        if hasattr(array, "__dlpack__") and not hasattr(array, "__array__"):
            return np.from_dlpack(array)
    return np.asarray(array)


def array_there(array, name="an operand", writes=False):
    """The array as NumPy's, or as a `DeviceArray` if it lies in the memory of a GPU: in the same memory.

    writes : it is to be written into.
    """
    if not isinstance(array, np.ndarray) and (hasattr(array, "__dlpack_device__") or hasattr(array, "__cuda_array_interface__")):
        from ._devices import found  # which imports this module

        on_device = found(array, name, writes)
        if on_device is not None:
            return on_device
    return numpy_array(array, name)


def is_bfloat16(dtype):
    """Whether elements are ml_dtypes' bfloat16, which to NumPy are of no kind of number."""
    return dtype.kind == "V" and dtype.name == "bfloat16"


def plain(array, name="an operand"):
    """The same numbers as a NumPy array of native byte order, whose strides are whole elements: not a copy if it is so
    already. What lies in the memory of a GPU stays there, as a `DeviceArray`."""
    array = array_there(array, name)
    if isinstance(array, np.ndarray) and (array.dtype.kind in "biufc" or is_bfloat16(array.dtype)):
        native = array.dtype.newbyteorder("=")
        stepped = all(step % array.dtype.itemsize == 0 for step in array.strides)
        if array.dtype != native or not stepped or not array.flags.aligned:
            return array.astype(native, copy=True)
    return array


# DLPack's numbers of devices whose memory the CPU reads: its own, pinned and managed memory of CUDA and of ROCm.
READ_BY_THE_CPU = {1, 3, 11, 13}


def check_memory(array, name):
    """Refuses an array in the memory of a GPU.

    :raises TypeError: which says where it lies, and how it comes to the CPU.
    """
    if hasattr(array, "__dlpack_device__"):
        if int(array.__dlpack_device__()[0]) not in READ_BY_THE_CPU:
            refuse_memory(array, name)
    elif hasattr(array, "__cuda_array_interface__"):
        refuse_memory(array, name)


def refuse_memory(array, name):
    """:raises TypeError: which says where an array lies, and how it comes to the CPU."""
    place = str(getattr(array, "device", "a CUDA device" if hasattr(array, "__cuda_array_interface__") else "another device"))
    raise TypeError(f"{name} lies in the memory of {place}, and is read on the CPU alone here: copy it there, by .cpu() "
                    "(PyTorch), .get() (CuPy) or numpy.asarray (JAX, faltung.DeviceArray)")


def exchanged(array, **options):
    """A capsule of DLPack, of the version that has flags where the array's library knows it."""
    try:
        return array.__dlpack__(max_version=(1, 1), **options)
    except TypeError:
        return array.__dlpack__(**options)


def readable(array, name):
    """What the extension module reads in the place of `array`: a capsule of DLPack, or an array of NumPy's."""
    if not isinstance(array, np.ndarray) and hasattr(array, "__dlpack__"):
        check_memory(array, name)
        return exchanged(array)
    return plain(array, name)


def writable(array, name):
    """A capsule of DLPack, to write into."""
    if not hasattr(array, "__dlpack__"):
        raise TypeError(f"{name} is a {type(array).__name__}, which cannot be written; pass an array")
    check_memory(array, name)
    return exchanged(array)


def _to_torch(result):
    torch = importlib.import_module("torch")
    if isinstance(result, np.ndarray) and is_bfloat16(result.dtype):
        return torch.from_dlpack(result.view(np.int16)).view(torch.bfloat16)  # NumPy exchanges no others
    return torch.as_tensor(result) if isinstance(result, np.generic) else torch.from_dlpack(result)


def _to_jax(result):
    if isinstance(result, (np.ndarray, np.generic)):
        return importlib.import_module("jax.numpy").asarray(result)
    return importlib.import_module("jax.dlpack").from_dlpack(result)


def _to_cupy(result):
    return importlib.import_module("cupy").from_dlpack(result)


_CONVERTERS = {"torch": _to_torch, "jax": _to_jax, "jaxlib": _to_jax, "cupy": _to_cupy}


@functools.cache
def converter(kind):
    """What makes results of NumPy's into arrays of the library of the type `kind`; None for NumPy's own and all else."""
    for base in kind.__mro__:
        found = _CONVERTERS.get(base.__module__.partition(".")[0])
        if found and hasattr(kind, "__dlpack__"):
            return found
    return None


def _converted(result, convert):
    if isinstance(result, tuple):
        return tuple(_converted(each, convert) for each in result)
    ours = isinstance(result, (np.ndarray, np.generic)) or type(result).__module__ == "faltung._devices"
    return convert(result) if ours else result


# What most operands and options are, and no converter is for.
_OF_NO_LIBRARY = frozenset((np.ndarray, str, int, float, bool, tuple, list, type(None)))


def same_kind(function):
    """The function, whose result is PyTorch's, JAX's or CuPy's if an operand is; NumPy's otherwise.

    :raises TypeError: where operands are of two of them.
    """

    @functools.wraps(function)
    def call(*operands, **named):
        convert = None
        for operand in (*operands, *named.values()) if named else operands:
            kind = type(operand)
            if kind in _OF_NO_LIBRARY:
                continue
            found = converter(kind)
            if found and convert not in (None, found):
                raise TypeError(f"{function.__name__.lstrip('_')}: operands of two of PyTorch, JAX and CuPy; convert one of them")
            convert = found or convert
        result = function(*operands, **named)
        return result if convert is None else _converted(result, convert)

    return call


def results_of_the_same_kind(module, names):
    """Wraps the functions of these names, among the global names of a module."""
    for name in names:
        module[name] = same_kind(module[name])
