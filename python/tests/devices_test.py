"""Arrays in the memory of GPUs, as far as a machine without one can tell.

Producers here say that their memory, which is the CPU's, lies on cuda:0, by DLPack and by the CUDA array interface.
What the extension module reads of them is asked of the library's refusal, which names it: there is no such device.
Where there is one, nothing of this is run.
"""

import ctypes
import sys
import types
import unittest
import unittest.mock
import weakref

import numpy as np

import faltung
from faltung._arrays import same_kind
from faltung import _devices, ndimage, nn, signal

_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


class Exchange:
    """What a library with arrays on cuda:`index` would exchange."""

    def __init__(self, array, index=0):
        self.array, self.index, self.asked = array, index, []
        self.shape, self.ndim, self.dtype = array.shape, array.ndim, array.dtype

    def __dlpack_device__(self):
        return 2, self.index

    def __dlpack__(self, *, stream=None, max_version=None):
        self.asked.append(stream)
        capsule = self.array.__dlpack__()
        # DLManagedTensor begins with DLTensor: data, then the device's type and ordinal, of 32 bits each.
        device = (ctypes.c_int32 * 2).from_address(_pointer(capsule, b"dltensor") + 8)
        device[:] = [2, self.index]
        return capsule


class Interface:
    def __init__(self, array, **more):
        self.__cuda_array_interface__ = {"shape": array.shape, "typestr": array.dtype.str, "version": 3,
                                         "data": (array.ctypes.data, False), "strides": array.strides, **more}


def said(call):
    """The refusal of the library."""
    try:
        call()
    except (faltung.DeviceError, faltung.NoEngine, faltung.InvalidProblem) as error:
        return str(error)
    raise AssertionError("not refused")


class Reading(unittest.TestCase):
    def setUp(self):
        refusal = said(lambda: faltung.Plan("op=fwd dtype=f32 in=9 f=3", "cuda:0"))
        if "no CUDA" not in refusal and "cuda" not in refusal.lower():
            self.skipTest("there is a GPU")
        asked = unittest.mock.patch.object(_devices, "device_of", lambda address, name: 0)
        asked.start()
        self.addCleanup(asked.stop)

    def test_operands_reach_the_device_of_the_library(self):
        x, k = np.arange(40.0).reshape(4, 10), np.ones((2, 3))
        for of in Exchange, Interface:
            for call in (lambda: signal.convolve(of(x), of(k)), lambda: signal.correlate(of(x), of(k), "same", "direct"),
                         lambda: faltung.numpy.convolve(of(x[0]), of(k[0])),
                         lambda: nn.conv1d(Exchange(x[None]), Exchange(np.ones((2, 4, 3))), Exchange(np.ones(2)))):
                self.assertRegex(said(call), "cuda|CUDA")

    def test_the_stream_is_the_current_one_of_the_library(self):
        x, k = Exchange(np.ones(9)), Exchange(np.ones(3))
        said(lambda: signal.convolve(x, k))
        self.assertEqual((x.asked, k.asked), ([1], [1]))  # the legacy default stream, of who has no other
        library = types.ModuleType("torch")
        library.cuda = types.SimpleNamespace(current_stream=lambda device: types.SimpleNamespace(cuda_stream=0x7000 + device))
        of_torch = type("Tensor", (Exchange,), {"__module__": "torch"})
        with unittest.mock.patch.dict(sys.modules, torch=library):
            x, k = of_torch(np.ones(9), 3), of_torch(np.ones(3), 3)
            self.assertEqual(_devices.found(x, "x")[1], 0x7003)
            said(lambda: signal.convolve(x, k))
            self.assertEqual((x.asked, k.asked), ([0x7003, 0x7003], [0x7003]))
        self.assertEqual(_devices.found(Interface(np.ones(9), stream=2), "x")[6], 2)
        with self.assertRaisesRegex(TypeError, "two streams of the GPU"):
            signal.convolve(Interface(np.ones(9), stream=2), Interface(np.ones(3), stream=0x7000))

    def test_shapes_types_and_strides_of_the_interface(self):
        x = np.arange(24, dtype="c8").reshape(4, 6)[::2, ::-3]
        array, address, dtype, shape, steps, device, stream = _devices.found(Interface(x), "x")
        self.assertEqual((address, dtype, shape, steps, device, stream),
                         (x.ctypes.data, np.dtype("c8"), (2, 2), [12, -3], 0, 0))
        self.assertEqual(_devices.found(Interface(np.ones((3, 4, 5)), strides=None), "x")[4], [20, 5, 1])
        self.assertIsNone(_devices.found(np.ones(3), "x"))
        self.assertIsNone(_devices.found([1, 2], "x"))

    def test_what_is_refused(self):
        x = np.ones(9)
        packed = np.zeros(9, [("a", "i1"), ("x", "f8")])["x"]
        for array, words in ((Interface(x, mask=x), "mask"), (Interface(x, stream=0), "stream 0"),
                             (Interface(x.astype(">f8")), "byte order"), (Interface(packed), "whole elements"),
                             (Interface(x.astype("m8[s]")), "elements of type")):
            with self.assertRaisesRegex(TypeError, words):
                signal.convolve(array, x)
        # One there and one here.
        self.assertRegex(said(lambda: signal.convolve(Exchange(x), np.ones(3))), "(?i)cuda")
        # What computes on the CPU alone.
        for call in lambda: ndimage.sobel(Exchange(x)), lambda: signal.resample_poly(Exchange(x), 2, 1):
            with self.assertRaisesRegex(TypeError, "in the memory of another device.*copy it there"):
                call()

    def test_the_driver_is_asked_where_an_address_lies(self):
        unittest.mock.patch.stopall()
        driver = types.SimpleNamespace()

        def attribute(target, number, address):
            self.assertEqual((number, address.value), (9, 0x5000))
            target._obj.value = 3
            return driver.failed

        driver.cuPointerGetAttribute = attribute
        with unittest.mock.patch.object(_devices, "_driver", lambda: driver):
            driver.failed = 0
            self.assertEqual(_ASKED(0x5000, "x"), 3)
            driver.failed = 1
            with self.assertRaisesRegex(TypeError, "the driver knows none there"):
                _ASKED(0x5000, "x")


_ASKED = _devices.device_of


class Results(unittest.TestCase):
    """Of memory that says it is a GPU's."""

    def setUp(self):
        self.x = np.arange(12.0).reshape(3, 4)
        self.y = _devices.DeviceArray(self.x, self.x.ctypes.data, self.x.dtype, self.x.shape, 1, 0x7000)

    def test_dlpack_with_streams(self):
        waited = []
        with unittest.mock.patch.object(_devices, "wait_for", waited.append):
            for stream in -1, 0x7000, None, 1, 2:
                capsule = self.y.__dlpack__(stream=stream)
                tensor = _pointer(capsule, b"dltensor")
                self.assertEqual(ctypes.c_uint64.from_address(tensor).value, self.x.ctypes.data)
                self.assertEqual((ctypes.c_int32 * 2).from_address(tensor + 8)[:], [2, 1])
        self.assertEqual(waited, [0x7000] * 3)
        self.assertEqual(self.y.__dlpack_device__(), (2, 1))
        for wanted in {"copy": True}, {"dl_device": (1, 0)}:
            with self.assertRaisesRegex(BufferError, "on cuda:1, without a copy"):
                self.y.__dlpack__(**wanted)

    def test_the_interface(self):
        self.assertEqual(self.y.__cuda_array_interface__,
                         {"shape": (3, 4), "typestr": "<f8", "data": (self.x.ctypes.data, False), "strides": None,
                          "version": 3, "stream": 0x7000})
        self.assertEqual((self.y.ndim, self.y.size), (2, 12))

    def test_memory_outlives_the_array(self):
        owner, done = type("Owner", (), {})(), []
        weakref.finalize(owner, done.append, True)
        y = _devices.DeviceArray(owner, self.x.ctypes.data, self.x.dtype, self.x.shape, 0, 0)
        capsule = y.__dlpack__()
        del owner, y
        self.assertEqual(done, [])
        del capsule
        self.assertEqual(done, [True])

    def test_results_become_those_of_their_library(self):
        library = types.ModuleType("cupy")
        library.from_dlpack = lambda array: ("CuPy's", array)
        kind = type("ndarray", (Exchange,), {"__module__": "cupy"})
        with unittest.mock.patch.dict(sys.modules, cupy=library):
            self.assertEqual(same_kind(lambda a: self.y)(kind(self.x)), ("CuPy's", self.y))


if __name__ == "__main__":
    unittest.main()
