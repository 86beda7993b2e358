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
from faltung import _core, _devices, _filter_state, ndimage, nn, restoration, signal

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


def there(array):
    """Memory of the CPU that says it is that of cuda:0."""
    steps = [step // array.itemsize for step in array.strides]
    return _devices.DeviceArray(array, array.ctypes.data, array.dtype, array.shape, 0, 0, steps)


def empty_there(shape, dtype, like):
    return _devices.DeviceArray(array := np.empty(shape, dtype), array.ctypes.data, array.dtype, shape, 0, like._stream)


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
                self.assertRegex(said(call), "(?i)cuda")

    def test_the_stream_is_the_current_one_of_the_library(self):
        x, k = Exchange(np.ones(9)), Exchange(np.ones(3))
        said(lambda: signal.convolve(x, k))
        self.assertEqual((x.asked, k.asked), ([1], [1]))  # the legacy default stream, of who has no other
        library = types.ModuleType("torch")
        library.cuda = types.SimpleNamespace(current_stream=lambda device: types.SimpleNamespace(cuda_stream=0x7000 + device))
        of_torch = type("Tensor", (Exchange,), {"__module__": "torch"})
        with unittest.mock.patch.dict(sys.modules, torch=library):
            x, k = of_torch(np.ones(9), 3), of_torch(np.ones(3), 3)
            self.assertEqual(_devices.found(x, "x")._stream, 0x7003)
            said(lambda: signal.convolve(x, k))
            self.assertEqual((x.asked, k.asked), ([0x7003, 0x7003], [0x7003]))
        self.assertEqual(_devices.found(Interface(np.ones(9), stream=2), "x")._stream, 2)

    def test_two_streams_are_put_in_order(self):
        """The one of the first operand begins after the others, and they go on after it; by no wait of the caller."""
        for call, streams in (
            (lambda a, b: signal.convolve(a, b), (2, 0x7000)),
            (lambda a, b: ndimage.correlate(a, b), (0x7000, 0x8000)),
            (lambda a, b: ndimage.sobel(a, output=b), (2, 1)),
            (lambda a, b: signal.resample_poly(a, 2, 1, window=b), (0, 2))):
            asked = []
            with unittest.mock.patch.object(_devices, "have_wait", lambda *said: asked.append(said)), \
                    unittest.mock.patch.object(_devices, "empty", empty_there):
                said(lambda: call(*(Interface(np.ones(9), **({"stream": stream} if stream else {})) for stream in streams)))
            self.assertEqual(asked, [(*streams, 0), (*streams[::-1], 0)])

    def test_one_stream_by_two_numbers(self):
        with unittest.mock.patch.object(_devices, "have_wait", self.fail):
            said(lambda: signal.convolve(Interface(np.ones(9), stream=1), Exchange(np.ones(3))))

    def test_shapes_types_and_strides_of_the_interface(self):
        x = np.arange(24, dtype="c8").reshape(4, 6)[::2, ::-3]
        for of in Interface, Exchange:
            array = _devices.found(of(x), "x")
            self.assertEqual(array._said[:1] + array._said[2:], (x.ctypes.data, (2, 2), (12, -3), 0, 0))
            self.assertEqual((array.dtype, array.strides, array.ndim, array.size, len(array)),
                             (x.dtype, x.strides, 2, 4, 2))
        self.assertEqual(_devices.found(Interface(np.ones((3, 4, 5)), strides=None), "x")._said[3], (20, 5, 1))
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
        # What computes on the CPU alone, in the package and in the library, says so and how the array comes there.
        image, taps = Exchange(np.ones((9, 9))), Exchange(np.ones(3))
        for call in (lambda: signal.savgol_filter(Exchange(x), 5, 2),
                     lambda: signal.lfilter(taps, 1.0, x), lambda: signal.order_filter(x, taps, 1),
                     lambda: ndimage.median_filter(image, footprint=Exchange(np.ones((3, 3)))),
                     lambda: ndimage.grey_erosion(image, structure=Exchange(np.zeros((3, 3)))),
                     lambda: ndimage.generic_laplace(image, ndimage.sobel),
                     lambda: restoration.wiener(image, np.ones((3, 3)), 1.0, is_real=False)):
            with self.assertRaisesRegex(TypeError, "in the memory of .* on the CPU alone here: copy it there"):
                call()
        with self.assertRaisesRegex(TypeError, "int64, and this function needs float64; Faltung converts none there"):
            signal.fftconvolve(Exchange(np.ones(9, np.int64)), Exchange(x))
        with self.assertRaisesRegex(TypeError, "read only"):
            ndimage.sobel(Interface(x), output=Interface(x, data=(x.ctypes.data, True)))
        with self.assertRaisesRegex(TypeError, "index array.* slices, integers, None and Ellipsis"):
            there(x)[np.array([1, 2])]

    def test_every_function_goes_to_the_device(self):
        """By one route: each reaches the library with operands on cuda:0, which has no such device."""
        x, image, k, taps = (Exchange(np.ones(shape)) for shape in (9, (9, 9), (3, 3), 3))
        batch, weight = Exchange(np.ones((1, 2, 9))), Exchange(np.ones((4, 2, 3)))
        back = Exchange(np.ones((2, 4, 3)))
        calls = {
            signal: ["fftconvolve(x, taps)", "oaconvolve(x, taps)", "convolve2d(image, k)", "correlate2d(image, k)",
                     "upfirdn(taps, x)", "resample_poly(x, 3, 2)", "resample_poly(x, 3, 2, window=taps)",
                     "lfilter([1.0, 0.5], 2.0, x)", "lfilter([1.0, 0.5], 2.0, x, zi=[1.0])",
                     "savgol_filter(x, 5, 2, mode='mirror')", "sepfir2d(image, taps, taps)",
                     "choose_conv_method(x, taps)", "medfilt(x)", "medfilt2d(image, 5)", "order_filter(x, [1, 0, 1], 1)"],
            ndimage: ["correlate(image, np.ones((3, 3)))", "convolve(image, k)", "correlate1d(image, taps)",
                      "convolve1d(image, [1.0, 2.0])", "gaussian_filter(image, 2)", "gaussian_filter(image, 0)",
                      "gaussian_filter1d(image, 2)", "gaussian_laplace(image, 1)",
                      "gaussian_gradient_magnitude(image, 1.0)", "uniform_filter(image, 3)",
                      "uniform_filter(image, 1)", "uniform_filter1d(image, 3)", "sobel(image)", "prewitt(image)",
                      "laplace(image)", "median_filter(image, 3)", "rank_filter(image, 1, size=3)",
                      "percentile_filter(image, 20, footprint=np.eye(3))", "minimum_filter(image, 3)",
                      "maximum_filter1d(image, 3)", "grey_erosion(image, 3)", "grey_dilation(image, footprint=np.eye(3))",
                      "grey_closing(image, 3)",
                      "sobel(image, output=Exchange(np.ones((9, 9))))"],
            restoration: ["richardson_lucy(image, k)", "wiener(image, k, 0.1)"],
            nn: ["conv1d(batch, weight)", "conv_input((1, 2, 9), weight, Exchange(np.ones((1, 4, 7))))",
                 "conv_weight(batch, (4, 2, 3), Exchange(np.ones((1, 4, 7))))", "bias_gradient(batch)",
                 "conv_transpose1d(batch, back)", "conv1d(Exchange(np.ones((2, 9))), weight)",
                 "conv_transpose_input((1, 2, 9), back, Exchange(np.ones((1, 4, 11))))",
                 "conv_transpose_weight(batch, (2, 4, 3), Exchange(np.ones((1, 4, 11))))"],
        }
        names = {"x": x, "image": image, "k": k, "taps": taps, "batch": batch, "weight": weight, "back": back, "np": np,
                 "Exchange": Exchange}
        with unittest.mock.patch.object(_devices, "empty", empty_there), \
                unittest.mock.patch.object(_core, "to_device", lambda array, index: there(np.asarray(array))):
            for module, lines in calls.items():
                for line in lines:
                    with self.subTest(line):
                        self.assertRegex(said(lambda: eval(f"module.{line}", names, {"module": module})), "(?i)cuda")

    def test_states_are_added_where_the_results_lie(self):
        """What `lfilter` does after the filter, by plans on the CPU for memory that says it lies on cuda:0."""
        def run(plan, x, one, out):
            self.assertEqual((np.asarray(one.array), x.device), (1, "cuda:0"))
            steps = lambda array: np.lib.stride_tricks.as_strided(array._base(), array.shape, array.strides)
            plan.run(steps(x), one.array, out=steps(out))

        def base(array):
            owner = array._owner
            first = (array._address - owner.ctypes.data) // owner.itemsize
            return owner.reshape(-1)[first:]

        plan_of = _core.Plan
        random = np.random.default_rng(1)
        for dtype in "fdFD":
            for shape, axis in (((9,), 0), ((3, 9), 1), ((9, 4), 0), ((2, 9, 3), 1), ((2, 3, 9), 2)):
                y = random.integers(-9, 9, shape).astype(dtype)
                of_zi = shape[:axis] + (4,) + shape[axis + 1:]
                one_for_all = np.ones((1,) * axis + (4,) + (1,) * (len(shape) - axis - 1), dtype)
                for zi in (random.integers(-9, 9, of_zi).astype(dtype), one_for_all):
                    for on_device in (False, True):
                        expected, got = y.copy(), y.copy()
                        expected[(*(slice(None),) * axis, slice(4))] += zi
                        plans = types.SimpleNamespace(Plan=lambda line, device: types.SimpleNamespace(
                            run=lambda x, one, out: run(plan_of(line), x, one, out)), to_device=lambda array, index: there(array))
                        with unittest.mock.patch.object(_filter_state, "_core", plans), \
                                unittest.mock.patch.object(_devices.DeviceArray, "_base", base, create=True), \
                                unittest.mock.patch.object(_devices.DeviceArray, "array", property(lambda a: a._owner),
                                                           create=True):
                            _filter_state.add_state(there(got), there(zi) if on_device and zi.shape == of_zi else zi, axis)
                        np.testing.assert_array_equal(got, expected)

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
        ordered = []
        with unittest.mock.patch.object(_devices, "have_wait", lambda *said: ordered.append(said)):
            for stream in -1, 0x7000, None, 1, 2:
                capsule = self.y.__dlpack__(stream=stream)
                tensor = _pointer(capsule, b"dltensor")
                self.assertEqual(ctypes.c_uint64.from_address(tensor).value, self.x.ctypes.data)
                self.assertEqual((ctypes.c_int32 * 2).from_address(tensor + 8)[:], [2, 1])
        self.assertEqual(ordered, [(1, 0x7000, 1), (1, 0x7000, 1), (2, 0x7000, 1)])
        self.assertEqual(self.y.__dlpack_device__(), (2, 1))
        for wanted in {"copy": True}, {"dl_device": (1, 0)}:
            with self.assertRaisesRegex(BufferError, "on cuda:1, without a copy"):
                self.y.__dlpack__(**wanted)

    def test_the_interface(self):
        self.assertEqual(self.y.__cuda_array_interface__,
                         {"shape": (3, 4), "typestr": "<f8", "data": (self.x.ctypes.data, False), "strides": None,
                          "version": 3, "stream": 0x7000})
        self.assertEqual((self.y.ndim, self.y.size), (2, 12))

    def test_slices_are_those_of_numpy(self):
        for index in (np.s_[1], np.s_[:, 2], np.s_[::-2], np.s_[1:, ::-1], np.s_[None, ..., 1:3], np.s_[2, 3], np.s_[3:], ...):
            want, got = self.x[index], self.y[index]
            self.assertEqual((got.shape, got.dtype), (np.shape(want), self.x.dtype), index)
            if np.size(want) and np.ndim(want):
                self.assertEqual((got._address, got.strides), (want.ctypes.data, want.strides), index)
        capsule = self.y[1:, ::-2].__dlpack__(stream=-1)
        self.assertEqual(ctypes.c_uint64.from_address(_pointer(capsule, b"dltensor")).value, self.x[1:, ::-2].ctypes.data)

    def test_an_event_orders_streams(self):
        called = []

        class Driver:
            def __getattr__(self, name):
                def call(*arguments):
                    called.append(name)
                    if name == "cuEventCreate":
                        arguments[0]._obj.value = 0x99
                    if name == "cuEventRecord":
                        called.append(tuple(each.value for each in arguments))
                    if name == "cuStreamWaitEvent":
                        called.append(tuple(each.value for each in arguments[:2]))
                        return failed
                    return 0
                return call

        failed = 0
        with unittest.mock.patch.object(_devices, "_driver", Driver):
            _devices.have_wait(0x7000, 0x8000, 0)
            want = ["cuDeviceGet", "cuDevicePrimaryCtxRetain", "cuCtxPushCurrent_v2", "cuEventCreate", "cuEventRecord",
                    (0x99, 0x8000), "cuStreamWaitEvent", (0x7000, 0x99), "cuEventDestroy_v2", "cuCtxPopCurrent_v2",
                    "cuDevicePrimaryCtxRelease_v2"]
            self.assertEqual(called, want)
            called.clear()
            failed = 400
            with self.assertRaisesRegex(faltung.DeviceError, "cuStreamWaitEvent: the driver answers with error 400"):
                _devices.have_wait(0x7000, 0x8000, 0)
            self.assertEqual(called, want)  # nothing is left behind

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
