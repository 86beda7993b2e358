"""Arrays of every type, layout and byte order give what a compact copy of them gives. All sums are exact."""

import itertools
import unittest

import numpy as np

try:
    from ml_dtypes import bfloat16
except ImportError:
    bfloat16 = None
    print("BFLOAT16: NOT TESTED (no ml_dtypes; scripts/setup test brings it)")

import faltung
from faltung import ndimage, nn, signal

TYPES = "f2", "f4", "f8", "c8", "c16", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", *[bfloat16] * (bfloat16 is not None)


def layouts(x):
    """(name, an array of the same numbers) for a 2-D array."""
    rows, columns = x.shape
    yield "by columns", np.asfortranarray(x)
    yield "reversed", np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1]
    wide = np.zeros((3 * rows, 2 * columns + 1), x.dtype)
    wide[1::3, 1::2] = x
    yield "steps", wide[1::3, 1::2]
    bytes = np.zeros(x.nbytes + 1, np.uint8)
    odd = bytes[1:].view(np.uint8)[:x.nbytes]
    odd[:] = np.frombuffer(x.tobytes(), np.uint8)
    yield "off its alignment", np.ndarray(x.shape, x.dtype, odd.data)
    yield "the other byte order", x.astype(x.dtype.newbyteorder())
    fixed = x.copy()
    fixed.flags.writeable = False
    yield "read only", fixed
    records = np.zeros(x.shape, [("a", "i1"), ("x", x.dtype), ("b", "i2")])
    records["x"] = x
    yield "a field of packed records", records["x"]
    yield "a subclass", x.view(np.recarray)
    yield "rows that are one", np.broadcast_to(x[:1], x.shape)


def functions(dtype):
    """(name, a function of one array) that take this type."""
    kind = np.dtype(dtype).kind
    k = np.ones((2, 3), dtype)
    yield "signal.convolve", lambda x: signal.convolve(x, k)
    yield "signal.convolve, as the second", lambda x: signal.convolve(k, x, "same")
    yield "signal.correlate", lambda x: signal.correlate(x, k, method="direct")
    yield "numpy.convolve", lambda x: faltung.numpy.convolve(x[0], x[1])
    yield "numpy.correlate", lambda x: faltung.numpy.correlate(x[:, 0], k[0])
    yield "signal.convolve2d", lambda x: signal.convolve2d(x, k, "same", "wrap")
    yield "signal.upfirdn", lambda x: signal.upfirdn([1.0, 2.0], x, 2, axis=0)
    # Far from halves, so that rounding of any kind gives these.
    yield "signal.fftconvolve", lambda x: signal.fftconvolve(x, k).round()
    yield "nn.conv1d", lambda x: nn.conv1d(x[None], np.ones((2, len(x), 2), dtype))
    yield "ndimage.correlate", lambda x: ndimage.correlate(x, np.ones((2, 3)))
    yield "ndimage.sobel", lambda x: ndimage.sobel(x)
    yield "ndimage.uniform_filter", lambda x: ndimage.uniform_filter(x, 4)  # sums of few bits over a power of two
    if kind != "c":
        yield "ndimage.median_filter", lambda x: ndimage.median_filter(x, 3)
        yield "ndimage.grey_erosion", lambda x: ndimage.grey_erosion(x, 3)
        yield "signal.medfilt", lambda x: signal.medfilt(x, 3)


class Layouts(unittest.TestCase):
    def test_every_function_reads_every_layout(self):
        random, count = np.random.default_rng(5), 0
        for dtype in TYPES:
            plain = random.integers(0, 4, (5, 6)).astype(dtype)
            if np.dtype(dtype).kind == "c":
                plain += (1j * random.integers(0, 4, (5, 6))).astype(dtype)
            for (name, function), (layout, x) in itertools.product(functions(dtype), layouts(plain)):
                said = f"{name} of {np.dtype(dtype)}, {layout}"
                before = x.copy()
                try:
                    expected = function(np.array(x, dtype, order="C", subok=False))
                except (TypeError, ValueError) as refused:
                    with self.assertRaises(type(refused), msg=said):
                        function(x)
                    continue
                y = function(x)
                self.assertEqual((y.dtype, y.shape, type(y)), (expected.dtype, expected.shape, np.ndarray), said)
                np.testing.assert_array_equal(y, expected, said)
                np.testing.assert_array_equal(x, before, said)
                count += 1
        print(f"{count} calls with arrays of {len(TYPES)} types in every layout")
        self.assertGreater(count, 1300)

    @unittest.skipIf(bfloat16 is None, "no ml_dtypes")
    def test_bfloat16_has_the_numbers_of_float64(self):
        x = np.random.default_rng(7).integers(0, 4, (5, 6))  # sums of fewer than its 8 digits
        wide = dict(functions("f8"))
        for name, function in functions(bfloat16):
            y = function(x.astype(bfloat16))
            expected = {"signal.fftconvolve": np.float32, "signal.upfirdn": np.float64}.get(name, bfloat16)
            self.assertEqual(y.dtype, expected, name)
            np.testing.assert_array_equal(y.astype("f8"), wide[name](x.astype("f8")), name)
        for name in "sobel", "median_filter":
            y, more = np.zeros((5, 12), bfloat16), (3,) if name == "median_filter" else ()
            expected = getattr(ndimage, name)(x.astype("f8"), *more)
            result = getattr(ndimage, name)(x.astype("f4"), *more, output=y[:, ::2])
            self.assertTrue(np.shares_memory(result, y))
            np.testing.assert_array_equal(y[:, ::2].astype("f8"), expected, name)
            self.assertEqual(getattr(ndimage, name)(x.astype("f4"), *more, output=bfloat16).dtype, bfloat16)
        # Rounded once, from sums in float64; ml_dtypes' own conversion goes by way of float32, and may be further off.
        x = np.random.default_rng(8).normal(size=500).astype(bfloat16)
        sums = ndimage.correlate1d(x.astype("f8"), [0.1, 0.7, 0.3])
        ours, theirs = (abs(y.astype("f8") - sums) for y in (ndimage.correlate1d(x, [0.1, 0.7, 0.3]), sums.astype(bfloat16)))
        self.assertTrue(np.all(ours <= theirs))

    def test_every_function_writes_every_layout(self):
        x = np.random.default_rng(6).integers(0, 9, (5, 6)).astype("f8")
        for dtype, name in itertools.product(("f4", "f8", "i2", "u1", ">f8", ">i4", "f2"), ("sobel", "median_filter")):
            arguments = (3,) if name == "median_filter" else ()
            function = getattr(ndimage, name)
            expected = function(x, *arguments).astype(dtype)
            for layout, y in layouts(np.zeros(x.shape, dtype)):
                if not y.flags.writeable or layout == "rows that are one":
                    continue
                result = function(x, *arguments, output=y)
                self.assertTrue(np.shares_memory(result, y), (dtype, layout))
                np.testing.assert_array_equal(y, expected, f"{name} into {dtype}, {layout}")


if __name__ == "__main__":
    unittest.main()
