"""Arrays in the memory of GPUs: read by DLPack or ``__cuda_array_interface__``, and results of either kind.

Work is queued in the current stream of the library that an array is of; of others, in the stream that their interface
names, or the default one. Numbers of streams are cudaStream_t; 0 and 1 are the legacy default stream.

Sources: https://dmlc.github.io/dlpack/latest/python_spec.html,
https://numba.readthedocs.io/en/stable/cuda/cuda_array_interface.html (version 3).
"""

import ctypes
import functools
import sys

import numpy as np

from . import _core
from ._arrays import READ_BY_THE_CPU, check_memory, exchanged, is_bfloat16

CUDA = 2  # of DLPack's devices


@functools.cache
def _driver():
    return ctypes.CDLL("libcuda.so.1")


def device_of(address, name):
    """The ordinal of the GPU in whose memory an address lies."""
    ordinal = ctypes.c_int()
    try:
        failed = _driver().cuPointerGetAttribute(ctypes.byref(ordinal), 9, ctypes.c_uint64(address))  # DEVICE_ORDINAL
    except OSError as error:
        raise TypeError(f"{name} lies in the memory of a CUDA device, and the driver cannot be asked of which: {error}") from None
    if failed:
        raise TypeError(f"{name} says that its memory, at {address:#x}, is of a CUDA device; the driver knows none there "
                        f"(error {failed})")
    return ordinal.value


def wait_for(stream):
    """Waits until all is done that was queued in a stream."""
    failed = _driver().cuStreamSynchronize(ctypes.c_void_p(stream))
    if failed:
        raise _core.DeviceError(f"wait for stream {stream:#x}: the driver answers with error {failed}")


def current_stream(array, device):
    """The stream that the library of an array would queue work in now."""
    library = type(array).__module__.partition(".")[0]
    if library == "torch":
        return sys.modules["torch"].cuda.current_stream(device).cuda_stream
    if library == "cupy":
        return sys.modules["cupy"].cuda.get_current_stream().ptr
    return array._stream if type(array) is DeviceArray else 0


def _by_interface(array, name):
    said = array.__cuda_array_interface__
    if said.get("mask") is not None:
        raise TypeError(f"{name} has a mask, which is not read; fill the elements in it and pass the array without")
    stream = said.get("stream")
    if stream == 0:
        raise TypeError(f"{name} has the stream 0, which its interface forbids as ambiguous: 1 is the legacy default stream, "
                        "2 the default one of each thread")
    dtype, shape = np.dtype(said["typestr"]), tuple(said["shape"])
    if not dtype.isnative:
        raise TypeError(f"{name} is of another byte order, {said['typestr']}; convert it")
    strides, step = said.get("strides"), dtype.itemsize
    if strides is None:
        steps = [int(np.prod(shape[axis + 1:], dtype=np.int64)) for axis in range(len(shape))]
    elif any(stride % step for stride in strides):
        raise TypeError(f"{name} has strides of {strides} bytes, which are not whole elements of {step}; copy it")
    else:
        steps = [stride // step for stride in strides]
    address = said["data"][0]
    device = device_of(address, name) if address else 0
    return array, address, dtype, shape, steps, device, stream or 0


def found(array, name):
    """What the extension module reads of an array on a GPU: (capsule of DLPack, stream), or (array, address, type, shape,
    strides in elements, device, stream). None for all other arrays.

    :raises TypeError: for devices other than CUDA's, and for what no view can say.
    """
    if hasattr(array, "__dlpack_device__"):
        kind, device = array.__dlpack_device__()
        if int(kind) in READ_BY_THE_CPU:
            return None
        if int(kind) != CUDA:
            check_memory(array, name)
        stream = current_stream(array, device)
        return exchanged(array, stream=stream or 1), stream
    return _by_interface(array, name) if hasattr(array, "__cuda_array_interface__") else None


class DeviceArray:
    """A compact array in the memory of a GPU, which others take by DLPack or ``__cuda_array_interface__``.

    ``torch.from_dlpack`` and ``cupy.from_dlpack`` make theirs of it, in the same memory.
    """

    def __init__(self, owner, address, dtype, shape, device, stream):
        self.dtype, self.shape, self.device = dtype, shape, f"cuda:{device}"
        self._owner, self._address, self._index, self._stream = owner, address, device, stream

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: int(np.prod(self.shape, dtype=np.int64)))

    def __repr__(self):
        return f"DeviceArray(shape={self.shape}, dtype={self.dtype}, device={self.device!r})"

    def __dlpack_device__(self):
        return CUDA, self._index

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        """:raises BufferError: for a copy, or another device."""
        if copy or dl_device not in (None, (CUDA, self._index)):
            raise BufferError(f"DeviceArray is exchanged where it lies, on {self.device}, without a copy")
        # Who names -1 takes care of order. None is the legacy default stream.
        if stream != -1 and (1 if stream is None else stream) != (self._stream or 1):
            wait_for(self._stream)
        # Of the version without flags, which all take, whatever the latest is that they know.
        return _core.exchanged(self._owner, self._address, self.dtype, list(self.shape), self._index)

    @property
    def __cuda_array_interface__(self):
        if is_bfloat16(self.dtype):
            raise AttributeError("the CUDA array interface has no bfloat16; take the array by DLPack")
        return {"shape": self.shape, "typestr": self.dtype.str, "data": (self._address if self.size else 0, False),
                "strides": None, "version": 3, "stream": self._stream or 1}
