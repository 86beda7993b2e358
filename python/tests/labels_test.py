"""Arrays of pandas and xarray: as SciPy takes them, and with their labels by faltung.labelled."""

import doctest
import sys
import unittest

import numpy as np
import scipy.ndimage
import scipy.signal

import faltung

try:
    import dask.array
    import pandas
    import xarray
except ImportError as missing:
    print(f"PANDAS AND XARRAY: NOT TESTED ({missing}; scripts/setup test brings them)")
    sys.exit(77)


class Labels(unittest.TestCase):
    def setUp(self):
        values = np.random.default_rng(1).integers(-5, 5, (9, 3)).astype(float)
        self.frame = pandas.DataFrame(values, pandas.date_range("2026-01-01", periods=9), ["a", "b", "c"])
        self.array = xarray.DataArray(values, {"time": np.arange(9) * 0.5, "place": list("xyz"),
                                               "height": ("place", [1, 2, 3])},
                                      ("time", "place"), "depth", {"unit": "m"})

    def test_pipes_give_what_scipy_gives(self):
        kernel = np.array([[1.0], [2.0], [1.0]])
        for name in "convolve", "correlate", "fftconvolve":
            for mode in "full", "same", "valid":
                ours = self.frame.pipe(getattr(faltung.signal, name), kernel, mode=mode)
                theirs = self.frame.pipe(getattr(scipy.signal, name), kernel, mode=mode)
                self.assertIs(type(ours), type(theirs))
                np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-13)
        ours = self.frame["a"].pipe(faltung.signal.savgol_filter, 5, 2)
        np.testing.assert_allclose(ours, scipy.signal.savgol_filter(self.frame["a"], 5, 2), rtol=0, atol=1e-13)
        np.testing.assert_array_equal(faltung.ndimage.uniform_filter(self.array, 3),
                                      faltung.ndimage.uniform_filter(self.array.values, 3))

    def test_frames_and_series_keep_their_labels(self):
        kernel = np.array([[1.0], [2.0]])
        convolve = faltung.labelled(faltung.signal.convolve)
        same = self.frame.pipe(convolve, kernel, mode="same")
        expected = scipy.signal.convolve(self.frame.values, kernel, "same")
        pandas.testing.assert_frame_equal(same, pandas.DataFrame(expected, self.frame.index, self.frame.columns))
        full = self.frame.pipe(convolve, kernel)
        self.assertEqual((list(full.columns), list(full.index)), (["a", "b", "c"], list(range(10))))
        smooth = faltung.labelled(faltung.ndimage.gaussian_filter1d)(self.frame["b"], 1)
        self.assertEqual((smooth.name, list(smooth.index)), ("b", list(self.frame.index)))
        np.testing.assert_array_equal(smooth, faltung.ndimage.gaussian_filter1d(self.frame["b"].values, 1))

    def test_arrays_keep_coordinates_names_and_attributes(self):
        smooth = faltung.labelled(faltung.ndimage.gaussian_filter)(self.array, 1, dim="time")
        expected = self.array.copy(data=faltung.ndimage.gaussian_filter(self.array.values, 1, axes=0))
        xarray.testing.assert_identical(smooth, expected)
        edges = faltung.labelled(faltung.ndimage.sobel)(self.array, dim="place")
        np.testing.assert_array_equal(edges, faltung.ndimage.sobel(self.array.values, axis=1))
        valid = faltung.labelled(faltung.signal.convolve)(self.array, np.ones((2, 1)), mode="valid")
        self.assertEqual((valid.dims, sorted(valid.coords), valid.attrs), (("time", "place"), ["height", "place"],
                                                                           {"unit": "m"}))

    def test_chunked_arrays_stay_chunked(self):
        chunked = self.array.chunk(time=4)
        smooth = faltung.labelled(faltung.ndimage.uniform_filter)(chunked, 3)
        self.assertIsInstance(smooth.data, dask.array.Array)
        self.assertEqual(smooth.chunks, chunked.chunks)
        np.testing.assert_allclose(smooth, faltung.ndimage.uniform_filter(self.array.values, 3), rtol=0, atol=1e-13)

    def test_errors_name_the_way_out(self):
        with self.assertRaisesRegex(TypeError, "data are of type DataFrame; name them by axis or axes"):
            faltung.labelled(faltung.ndimage.sobel)(self.frame, dim="time")
        with self.assertRaisesRegex(TypeError, "convolve takes no dim='time'; it is of all axes"):
            faltung.labelled(faltung.signal.convolve)(self.array, np.ones((1, 1)), dim="time")
        with self.assertRaisesRegex(TypeError, "sobel takes no dim=.*; it takes one"):
            faltung.labelled(faltung.ndimage.sobel)(self.array, dim=["time", "place"])

    def test_the_example(self):
        test = doctest.DocTestParser().get_doctest(faltung.labelled.__doc__, {"np": np, **vars(faltung)}, "labelled",
                                                   None, 0)
        self.assertEqual(doctest.DocTestRunner().run(test).failed, 0)


if __name__ == "__main__":
    unittest.main()
