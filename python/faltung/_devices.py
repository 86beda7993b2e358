"""Arrays in the memory of GPUs: read by DLPack or ``__cuda_array_interface__``, and results of either kind.

Work is queued in the current stream of the library that an array is of; of others, in the stream that their interface
names, or the default one. Numbers of streams are cudaStream_t; 0 and 1 are the legacy default stream.

Sources: https://dmlc.github.io/dlpack/latest/python_spec.html,
https://numba.readthedocs.io/en/stable/cuda/cuda_array_interface.html (version 3).
"""

import contextlib
import ctypes
import functools
import math
import sys

import numpy as np

from . import _core
from ._arrays import READ_BY_THE_CPU, exchanged, is_bfloat16, refuse_memory

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


def _ask(name, *arguments):
    failed = getattr(_driver(), name)(*arguments)
    if failed:
        raise _core.DeviceError(f"{name}: the driver answers with error {failed}")


def wait_for(stream):
    """Waits until all is done that was queued in a stream, but for the legacy default one, which copies wait for."""
    if stream > 1:
        _ask("cuStreamSynchronize", ctypes.c_void_p(stream))


@contextlib.contextmanager
def _context_of(device):
    """The context that all libraries share on a device is the current one."""
    context, ordinal = ctypes.c_void_p(), ctypes.c_int()
    _ask("cuDeviceGet", ctypes.byref(ordinal), ctypes.c_int(device))
    _ask("cuDevicePrimaryCtxRetain", ctypes.byref(context), ordinal)
    try:
        _ask("cuCtxPushCurrent_v2", context)
        try:
            yield
        finally:
            _ask("cuCtxPopCurrent_v2", ctypes.byref(ctypes.c_void_p()))
    finally:
        _ask("cuDevicePrimaryCtxRelease_v2", ordinal)


def have_wait(stream, other, device):
    """Has work that is queued in a stream from now on begin when all is done that was queued in another, of that device.
    Nobody waits here."""
    with _context_of(device):
        event = ctypes.c_void_p()
        _ask("cuEventCreate", ctypes.byref(event), ctypes.c_uint(2))  # without times
        try:
            _ask("cuEventRecord", event, ctypes.c_void_p(other))
            _ask("cuStreamWaitEvent", ctypes.c_void_p(stream), event, ctypes.c_uint(0))
        finally:
            _ask("cuEventDestroy_v2", event)  # once it has come to pass


def current_stream(array, device):
    """The stream that the library of an array would queue work in now."""
    library = type(array).__module__.partition(".")[0]
    if library == "torch":
        return sys.modules["torch"].cuda.current_stream(device).cuda_stream
    return sys.modules["cupy"].cuda.get_current_stream().ptr if library == "cupy" else 0


def _by_interface(array, name, writes):
    said = array.__cuda_array_interface__
    if said.get("mask") is not None:
        raise TypeError(f"{name} has a mask, which is not read; fill the elements in it and pass the array without")
    stream = said.get("stream")
    if stream == 0:
        raise TypeError(f"{name} has the stream 0, which its interface forbids as ambiguous: 1 is the legacy default stream, "
                        "2 the default one of each thread")
    if writes and said["data"][1]:
        raise TypeError(f"{name} says that it is read only; pass another array")
    dtype, shape = np.dtype(said["typestr"]), tuple(said["shape"])
    if not dtype.isnative:
        raise TypeError(f"{name} is of another byte order, {said['typestr']}; convert it")
    strides, step = said.get("strides"), dtype.itemsize
    if strides is None:
        steps = None
    elif any(stride % step for stride in strides):
        raise TypeError(f"{name} has strides of {strides} bytes, which are not whole elements of {step}; copy it")
    else:
        steps = tuple(stride // step for stride in strides)
    address = said["data"][0]
    device = device_of(address, name) if address else 0
    return DeviceArray(array, address, _core.type_number(dtype), shape, device, stream or 0, steps)


def found(array, name, writes=False):
    """The array as a DeviceArray, in the same memory, if that is a GPU's; None of all other arrays.

    :raises TypeError: for devices other than CUDA's, and for what no view can say.
    """
    if type(array) is DeviceArray:
        return array
    if hasattr(array, "__dlpack_device__"):
        kind, device = array.__dlpack_device__()
        if int(kind) in READ_BY_THE_CPU:
            return None
        if int(kind) != CUDA:
            refuse_memory(array, name)
        stream = current_stream(array, device)
        owner, address, number, shape, strides, device = _core.described(exchanged(array, stream=stream or 1), name, writes)
        return DeviceArray(owner, address, number, shape, device, stream, strides)
    return _by_interface(array, name, writes) if hasattr(array, "__cuda_array_interface__") else None


def empty(shape, dtype, like):
    """A new array of that shape and type, uninitialised, where another lies: NumPy's or a DeviceArray."""
    if type(like) is DeviceArray:
        return _core.new_on_device(np.dtype(dtype), list(shape), like._index, like._stream)
    return np.empty(shape, dtype)


def to_device(array, device=0):
    """A compact copy of an array in the memory of a GPU, of that number: a `DeviceArray`.

    Arrays of PyTorch, CuPy and JAX that lie there need none.
    """
    return _core.to_device(array, int(device))


def _compact(shape):
    steps, step = [], 1
    for extent in reversed(shape):
        steps.append(step)
        step *= max(extent, 1)
    return tuple(reversed(steps))


class DeviceArray:
    """An array in the memory of a GPU, which others take by DLPack or ``__cuda_array_interface__``.

    ``torch.from_dlpack`` and ``cupy.from_dlpack`` make theirs of it, in the same memory; ``numpy.asarray`` copies it to
    the CPU. Slices are views, as NumPy's are.
    """

    def __init__(self, owner, address, dtype, shape, device, stream, strides=None):
        self._owner, self._address, self._index, self._stream = owner, address, device, stream
        self._number = dtype if type(dtype) is int else _core.type_number(dtype)
        self._shape, self._strides = tuple(shape), _compact(shape) if strides is None else tuple(strides)

    @property
    def _said(self):
        return self._address, self._number, self._shape, self._strides, self._index, self._stream

    shape = property(lambda self: self._shape)
    dtype = property(lambda self: _core.numpy_type(self._number))
    device = property(lambda self: f"cuda:{self._index}")
    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: math.prod(self.shape))
    strides = property(lambda self: tuple(step * self.dtype.itemsize for step in self._strides))

    def __repr__(self):
        return f"DeviceArray(shape={self.shape}, dtype={self.dtype}, device={self.device!r})"

    def __len__(self):
        if not self.shape:
            raise TypeError("len() of an array of no axes")
        return self.shape[0]

    def __getitem__(self, index):
        """:raises TypeError: for an index that is no slice, integer, None or Ellipsis."""
        index = index if isinstance(index, tuple) else (index, )
        for each in index:
            if not isinstance(each, (int, slice, type(None), type(Ellipsis))):
                raise TypeError(f"index {each!r}: arrays on a GPU take slices, integers, None and Ellipsis; index others by the "
                                "library they are exchanged with, as in torch.from_dlpack(array)[...]")
        # NumPy's rules.
        frame = self._frame()
        part = frame[index if Ellipsis in index else (*index, Ellipsis)]
        first = part.__array_interface__["data"][0] - frame.__array_interface__["data"][0] if part.size else 0
        return DeviceArray(self._owner, self._address + first * self.dtype.itemsize, self._number, part.shape, self._index,
                           self._stream, part.strides)

    def astype(self, dtype, copy=False):
        """Itself, if it has that type already.

        :raises TypeError: if not.
        """
        if np.dtype(dtype) != self.dtype:
            raise TypeError(f"an array on {self.device} has elements of type {self.dtype}, and this function needs "
                            f"{np.dtype(dtype)}; Faltung converts none there: convert it by its library, or on the CPU")
        return self

    def _frame(self):
        """An array with these elements' places, on memory that nobody looks at."""
        return np.lib.stride_tricks.as_strided(np.empty(1, np.uint8), self.shape, self._strides)

    def _like(self, frame):
        return DeviceArray(self._owner, self._address, self._number, frame.shape, self._index, self._stream, frame.strides)

    def _broadcast(self, shape):
        """The same elements, repeated along axes of one."""
        return self._like(np.broadcast_to(self._frame(), shape))

    def _reshaped(self, shape, name):
        """The same memory in another shape.

        :raises TypeError: where strides cannot say that.
        """
        frame = self._frame()
        try:
            frame.shape = shape
        except AttributeError:
            raise TypeError(f"{name} of shape {self.shape} has strides of {self._strides} elements, which no view of shape "
                            f"{shape} has; copy it to a compact array") from None
        return self._like(frame)

    def __array__(self, dtype=None, copy=None):
        """A copy on the CPU, complete."""
        if copy is False:
            raise ValueError(f"the array lies on {self.device}, so that NumPy can have a copy alone")
        lines = self if self.ndim else self[None]
        array = _core.to_cpu(lines).reshape(self.shape) if self.size else np.empty(self.shape, self.dtype)
        return array if dtype is None else array.astype(dtype, copy=False)

    def __dlpack_device__(self):
        return CUDA, self._index

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        """:raises BufferError: for a copy, or another device."""
        if copy or dl_device not in (None, (CUDA, self._index)):
            raise BufferError(f"DeviceArray is exchanged where it lies, on {self.device}, without a copy")
        # Who names -1 takes care of order. None is the legacy default stream.
        if stream != -1 and (stream or 1) != (self._stream or 1):
            have_wait(stream or 1, self._stream or 1, self._index)
        # Of the version without flags, which all take, whatever the latest is that they know.
        return _core.exchanged(self._owner, self._address, self._number, list(self.shape), list(self._strides), self._index)

    @property
    def __cuda_array_interface__(self):
        if is_bfloat16(self.dtype):
            raise AttributeError("the CUDA array interface has no bfloat16; take the array by DLPack")
        return {"shape": self.shape, "typestr": self.dtype.str, "data": (self._address if self.size else 0, False),
                "strides": None if self._strides == _compact(self.shape) else self.strides, "version": 3,
                "stream": self._stream or 1}
