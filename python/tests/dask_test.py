"""Filters of chunked arrays: the bits of the whole array's, whatever the chunks; lazily; in bounded memory."""

import doctest
import itertools
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import numpy as np

import faltung
import stubs

try:
    import dask.array as da
    import zarr
except ImportError as missing:
    print(f"DASK: NOT TESTED ({missing}; scripts/setup test brings it)")
    sys.exit(77)


def chunkings(random, shape, count):
    """Random chunks of all axes, some of one element."""
    for _ in range(count):
        yield tuple(tuple(np.diff([0, *sorted(random.choice(np.arange(1, n), min(n - 1, random.integers(0, 6)),
                                                             replace=False)), n]).tolist()) for n in shape)


class Same(unittest.TestCase):
    def setUp(self):
        self.random = np.random.default_rng(3)

    def equal(self, chunked, whole, said):
        self.assertEqual((chunked.shape, chunked.dtype), (whole.shape, whole.dtype), said)
        self.assertEqual(chunked.compute(scheduler="synchronous").tobytes(), whole.tobytes(), said)


class Signals(Same):
    def test_direct_sums_have_the_bits_of_the_whole(self):
        cases = [((50,), (7,)), ((50,), (1,)), ((9,), (14,)), ((50,), (30,)), ((12, 20), (3, 4)), ((12, 20), (1, 15)),
                 ((6, 7, 8), (2, 3, 1))]
        for (shape, taps), dtype in itertools.product(cases, ("f4", "f8", "c8", "i4")):
            x = (self.random.normal(size=shape) * 9).astype(dtype)
            k = (self.random.normal(size=taps) * 9).astype(dtype)
            for chunks, mode, name in itertools.product(chunkings(self.random, shape, 2), ("full", "same", "valid"),
                                                        ("convolve", "correlate")):
                whole = getattr(faltung.signal, name)(x, k, mode, "direct")
                chunked = getattr(faltung.dask, name)(da.from_array(x, chunks), k, mode, "direct")
                self.equal(chunked, whole, (shape, taps, dtype, chunks, mode, name))

    def test_two_dimensions_and_boundaries(self):
        direct = by_fft = 0
        # Filters that are small, even, longer than chunks, longer than the array along one axis and along both.
        for taps, dtype in itertools.product(((3, 2), (1, 4), (7, 9), (4, 23), (21, 25)), ("f4", "f8", "c16", "i2")):
            x = (self.random.normal(size=(12, 17)) * 9).astype(dtype)
            k = (self.random.normal(size=taps) * 9).astype(dtype)
            k = k * (1 - 2j) if dtype == "c16" else k
            for mode, boundary, name in itertools.product(("full", "same", "valid"), ("fill", "wrap", "symm", 3),
                                                          ("convolve2d", "correlate2d")):
                options = {"mode": mode, "boundary": boundary} if boundary != 3 else {"mode": mode, "fillvalue": 3}
                if mode == "valid" and taps == (4, 23):
                    continue
                whole = getattr(faltung.signal, name)(x, k, **options)
                for chunks in chunkings(self.random, x.shape, 1):
                    chunked = getattr(faltung.dask, name)(da.from_array(x, chunks), k, **options)
                    function = chunked.__dask_graph__().get(f"{chunked.name}-function")
                    if function and function.options["method"] == "fft":
                        # Each within its own bound of the exact sums. The array is continued by 24 elements at most.
                        kind, unit = ("c64", 2.0**-24) if whole.dtype == "f4" else ("c128", 2.0**-53)
                        most = max(self.coefficient(f"op=fwd dtype={kind} in={n}x{n + 5} f=21x25 flip=1") for n in range(21, 60))
                        norms = np.linalg.norm(np.pad(x, 24, "wrap")) * np.linalg.norm(k)
                        bound = 2 * np.sqrt(chunked.npartitions) * (most * norms + unit * np.linalg.norm(whole))
                        self.assertLessEqual(np.linalg.norm(chunked.compute() - whole), bound)
                        by_fft += 1
                        continue
                    self.equal(chunked, whole, (taps, dtype, chunks, options, name))
                    direct += 1
        print(f"convolve2d and correlate2d: {direct} chunked calls with the bits of the whole, {by_fft} by FFT")
        self.assertGreater(direct, 300)

    def test_the_method_is_chosen_for_the_whole(self):
        x, k = self.random.normal(size=(300, 260)), self.random.normal(size=(40, 40))
        small, few = x[:40, :50], k[:4, :4]
        self.assertEqual(faltung.signal.choose_conv_method(x, k), "fft")
        self.assertEqual(faltung.signal.choose_conv_method(small, few), "direct")
        for name in "convolve", "convolve2d":
            y = getattr(faltung.dask, name)(da.from_array(small, 7), few)
            self.equal(y, getattr(faltung.signal, name)(small, few), name)
            methods = {}
            for asked, taps in ("fft", k), ("direct", few):
                graph = getattr(faltung.dask, name)(da.from_array(x, 50), taps).__dask_graph__()
                methods[asked] = next(value.options["method"] for key, value in graph.items() if str(key).endswith("-function"))
            self.assertEqual(methods, {"fft": "fft", "direct": "direct"}, name)

    def coefficient(self, line):
        """That of ||x|| ||w|| in the bound of a plan by FFT."""
        bound = faltung.Plan(line, engine="cpu.fft").error_bound
        return float(re.fullmatch(r"at most (\S+) \|\|x\|\| \|\|w\|\| \+ u\|\|y\|\| in the 2-norm", bound).group(1))

    def test_by_fft_each_chunk_is_within_its_bound(self):
        x, k = self.random.normal(size=4000), self.random.normal(size=900)
        exact = np.convolve(x.astype(np.longdouble), k.astype(np.longdouble))
        norms = np.linalg.norm(x) * np.linalg.norm(k)
        for y in (faltung.dask.convolve(da.from_array(x, 512), k, method="fft"),
                  faltung.dask.fftconvolve(da.from_array(x, 512), k), faltung.dask.oaconvolve(da.from_array(x, 512), k)):
            self.assertEqual(max(y.chunks[0]), 512)
            # What a chunk reads is between the two filters' lengths, and 512 longer; norms of it are at most those of all.
            most = max(self.coefficient(f"op=fwd dtype=f64 in={n} f=900 pad=899 flip=1") for n in range(900, 1412, 64))
            start = 0
            for extent, chunk in zip(y.chunks[0], y.to_delayed().ravel()):
                error = chunk.compute() - exact[start:start + extent]
                bound = most * norms + 2.0**-53 * np.linalg.norm(exact[start:start + extent])
                self.assertLessEqual(np.linalg.norm(error), bound)
                start += extent

    def test_fft_along_some_axes(self):
        for shape, taps, axes in (((6, 40), (6, 9), 1), ((6, 40), (1, 9), 1), ((1, 40), (6, 9), [-1]), ((40, 6), (9, 1), 0),
                                  ((40, 6), (9, 5), None), ((4, 9), (14, 12), None)):
            for dtype, mode in itertools.product(("f8", "i4", "c8"), ("full", "same", "valid")):
                # Sums of small whole numbers, so that all that an error of rounding can do is not to be whole.
                x, k = (self.random.integers(-4, 5, size).astype(dtype) for size in (shape, taps))
                whole = faltung.signal.fftconvolve(x, k, mode, axes)
                for chunks in chunkings(self.random, shape, 2):
                    y = faltung.dask.fftconvolve(da.from_array(x, chunks), k, mode, axes)
                    self.assertEqual((y.shape, y.dtype), (whole.shape, whole.dtype), (shape, taps, axes, mode))
                    np.testing.assert_array_equal(y.compute().round(), whole.round(), (shape, taps, axes, mode, chunks))
        with self.assertRaisesRegex(ValueError, "incompatible shapes"):
            faltung.dask.fftconvolve(da.ones((6, 9)), np.ones((5, 3)), axes=1)

    def test_values_that_are_not_finite_stay_where_they_belong(self):
        x = np.ones(40)
        x[7] = np.nan
        y = faltung.dask.convolve(da.from_array(x, 8), [1.0, 0.0, 2.0], "same").compute()
        self.assertEqual(np.flatnonzero(np.isnan(y)).tolist(), [6, 7, 8])


class Images(Same):
    def calls(self):
        """(name, keywords), some with filters longer than any chunk and than the array."""
        w = self.random.normal(size=(4, 3))
        long = self.random.normal(size=(31, 27))
        hole = np.array([[1, 0, 1], [0, 1, 1]])
        for mode in "reflect", "mirror", "nearest", "wrap", "constant", ["wrap", "mirror"]:
            more = {"mode": mode, "cval": 2.0}
            yield "gaussian_filter", {"sigma": (1, 2.5), **more}
            yield "gaussian_filter", {"sigma": 1, "order": (0, 1), "radius": 25, **more}
            yield "uniform_filter", {"size": (4, 13), "origin": (1, -6), **more}
            yield "sobel", {"axis": 0, **more}
            yield "laplace", more
            for name in "correlate", "convolve":
                yield name, {"weights": w, "origin": (-2 if name == "correlate" else 1, 1), **more}
                yield name, {"weights": long, **more}
            yield "minimum_filter", {"size": (5, 2), "axes": (1, 0), "origin": (1, 0), **more}
            yield "median_filter", {"footprint": hole, "origin": (-1, 0), **more}
            if isinstance(mode, str):
                yield "convolve1d", {"weights": w[0], "axis": 1, "origin": 0, **more}
                yield "correlate1d", {"weights": np.arange(24.0), "axis": 0, **more}
                yield "gaussian_filter1d", {"sigma": 1.5, "axis": 0, "output": np.float32, **more}
                yield "uniform_filter1d", {"size": 7, "axis": 0, "origin": -2, **more}
                yield "maximum_filter1d", {"size": 50, "axis": 1, **more}
            for name in "grey_erosion", "grey_dilation", "grey_opening", "grey_closing":
                yield name, {"size": (4, 3), "origin": (1, -1), **more}
                yield name, {"footprint": hole, **more}
                yield name, {"structure": np.zeros((2, 25)), "axes": (1, 0), **more}
        yield "gaussian_laplace", {"sigma": 1.2}
        yield "gaussian_gradient_magnitude", {"sigma": 1.2, "mode": "wrap"}
        yield "prewitt", {"mode": "wrap"}
        yield "rank_filter", {"rank": 2, "size": (2, 5), "axes": (1, 0), "mode": "mirror"}
        yield "percentile_filter", {"percentile": 30, "size": 3, "axes": 1}
        yield "maximum_filter", {"footprint": hole}
        yield "maximum_filter", {"footprint": np.ones((2, 6)), "axes": (1, 0)}

    def test_every_filter_has_the_bits_of_the_whole(self):
        with faltung.options(method="direct"):  # a filter of 31x27 is faster by transforms
            self.try_every_filter()

    def try_every_filter(self):
        tried = set()
        for name, more in self.calls():
            tried.add(name)
            for dtype, chunks in zip(("f8", "f4", "i2"), chunkings(self.random, (14, 19), 3)):
                x = (self.random.normal(size=(14, 19)) * 100).astype(dtype)
                whole = getattr(faltung.ndimage, name)(x, **more)
                chunked = getattr(faltung.dask.ndimage, name)(da.from_array(x, chunks), **more)
                self.assertEqual(chunked.chunks, chunks)
                if dtype == "f8" and name.startswith("uniform"):
                    # Sums of blocks that neighbours share, cut by the length of lines. By its header either is within
                    # (size + 1) 2^-53 of the mean magnitude, along each axis, and rounded once more.
                    bound = 2 * 2 * (13 + 1 + 1) * 2.0**-53 * max(np.abs(x).max(), 2)
                    np.testing.assert_allclose(chunked.compute(), whole, rtol=0, atol=bound)
                else:
                    self.equal(chunked, whole, (name, more, dtype, chunks))
        self.assertEqual(sorted(tried), sorted(set(faltung.dask.ndimage.__all__) - {"minimum_filter1d"}))

    def test_choices_are_those_for_the_whole(self):
        # Sizes where the whole is summed as one filter, or by moving sums, and small parts by themselves are not.
        x = self.random.normal(size=(300, 260)) * 100
        w = self.random.normal(size=(5, 6))
        for (name, more), dtype in itertools.product((
                ("gaussian_filter", {"sigma": 2, "mode": "wrap"}), ("gaussian_laplace", {"sigma": 1.5}),
                ("sobel", {}), ("uniform_filter", {"size": 5}), ("correlate", {"weights": w, "mode": "mirror"})),
                ("f4", "f8")):
            image = x.astype(dtype)
            whole = getattr(faltung.ndimage, name)(image, **more)
            for chunks in *chunkings(self.random, x.shape, 2), 64, (5, 260):
                chunked = getattr(faltung.dask.ndimage, name)(da.from_array(image, chunks), **more)
                self.equal(chunked, whole, (name, dtype, chunks))

    def test_volumes_and_processes(self):
        x = self.random.normal(size=(9, 10, 11))
        w = self.random.normal(size=(3, 4, 2))
        whole = faltung.ndimage.correlate(x, w, mode="wrap")
        chunked = faltung.dask.ndimage.correlate(da.from_array(x, (4, 5, 3)), w, mode="wrap")
        self.equal(chunked, whole, "synchronous")
        for scheduler in "threads", "processes":
            self.assertEqual(chunked.compute(scheduler=scheduler, num_workers=2).tobytes(), whole.tobytes(), scheduler)


class Graphs(unittest.TestCase):
    def test_nothing_is_computed_before(self):
        def read(block):
            raise AssertionError("computed")

        x = da.ones((8, 8), chunks=3).map_blocks(read, dtype="f8", meta=np.empty((0, 0)))
        y = faltung.dask.sobel(faltung.dask.convolve(x, np.ones((2, 2)), "same"))
        self.assertEqual(y.chunks, x.chunks)
        with self.assertRaisesRegex(AssertionError, "computed"):
            y.compute(scheduler="synchronous")

    def test_a_chunk_reads_its_neighbours_and_no_others(self):
        x = da.from_array(np.arange(100.0), 10)
        y = faltung.dask.gaussian_filter(x, 2, mode="wrap")
        of_first = y.__dask_graph__().cull({(y.name, 0)})
        self.assertEqual(sum(key[0] == x.name for key in of_first.keys() if isinstance(key, tuple)), 3)

    def test_names_follow_from_what_is_asked(self):
        x = da.ones(9, chunks=3)
        self.assertEqual(faltung.dask.gaussian_filter(x, 2).name, faltung.dask.gaussian_filter(x, 2).name)
        self.assertNotEqual(faltung.dask.gaussian_filter(x, 2).name, faltung.dask.gaussian_filter(x, 3).name)
        self.assertNotEqual(faltung.dask.convolve(x, [1, 2]).name, faltung.dask.convolve(x, [1, 3]).name)

    def test_errors_name_the_way_out(self):
        with self.assertRaisesRegex(TypeError, "ndarray; faltung.dask takes dask.array.Array.*from_zarr"):
            faltung.dask.sobel(np.ones(3))
        x = da.ones(9, chunks=3)
        with self.assertRaisesRegex(ValueError, "compute_chunk_sizes"):
            faltung.dask.sobel(x[x > 0])
        with self.assertRaisesRegex(TypeError, "output is of type ndarray"):
            faltung.dask.sobel(x, output=np.ones(9))
        with self.assertRaisesRegex(ValueError, "same dimensionality"):
            faltung.dask.convolve(x, [[1.0]])
        with self.assertRaisesRegex(ValueError, "in2 is a dask array"):
            faltung.dask.convolve(x, x)
        with self.assertRaises(RuntimeError):
            faltung.dask.uniform_filter(x, 3, mode="most")

    def test_nothing_in_is_nothing_out(self):
        x = da.ones((0, 4), chunks=2)
        self.assertEqual(faltung.dask.uniform_filter(x, 3).compute().shape, (0, 4))
        with self.assertRaises(ValueError):  # as of the whole
            faltung.dask.convolve(x, np.ones((1, 3)))


# Doubles itself in a fresh process, whose memory is that of this work alone.
BOUNDED = """
import resource, sys
import dask, dask.array as da, faltung
dask.config.set(scheduler="threads", num_workers=2)
faltung.set_threads(1)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
def work(source, target, part=None):
    x = da.from_zarr(source)
    y = faltung.dask.gaussian_filter(x if part is None else x[:part, :part], 2.0)
    y.to_zarr(target)
    return x.nbytes
work(sys.argv[1], sys.argv[2] + "-part", 512)
before = peak()
size = work(sys.argv[1], sys.argv[2])
print(size, peak() - before)
"""


class Memory(unittest.TestCase):
    def test_from_zarr_to_zarr_in_a_quarter_of_the_memory(self):
        with tempfile.TemporaryDirectory() as folder:
            source, target = pathlib.Path(folder) / "in.zarr", pathlib.Path(folder) / "out.zarr"
            made = zarr.create_array(str(source), shape=(8192, 6144), chunks=(256, 256), dtype="f4", compressors=None)
            tile = np.random.default_rng(1).normal(size=(512, 6144)).astype("f4")
            for row in range(0, made.shape[0], 512):
                made[row:row + 512] = tile
            said = subprocess.run([sys.executable, "-c", BOUNDED, source, target], capture_output=True, text=True)
            self.assertEqual(said.returncode, 0, said.stderr)
            size, grown = map(int, said.stdout.split())
            print(f"from Zarr to Zarr: {size / 2**20:.0f} MiB filtered in {grown / 2**20:.0f} MiB")
            self.assertLess(grown, size / 4)
            rows = slice(3000, 3200)
            expected = faltung.ndimage.gaussian_filter(made[2900:3300], 2.0)[100:300]
            self.assertEqual(zarr.open_array(str(target))[rows].tobytes(), expected.tobytes())


class Options(unittest.TestCase):
    def test_chunks_are_computed_under_those_of_their_array(self):
        x = np.random.default_rng(2).normal(size=9000).astype("f4")
        k = np.random.default_rng(3).normal(size=700).astype("f4")
        chunked = da.from_array(x, chunks=3000)
        plain = faltung.dask.signal.convolve(chunked, k)
        with faltung.options(reproducible=True):
            fixed = faltung.dask.signal.convolve(chunked, k)
            expected = faltung.signal.convolve(x, k)
        self.assertNotEqual(plain.name, fixed.name)
        self.assertEqual(np.asarray(fixed).tobytes(), expected.tobytes())
        self.assertNotEqual(np.asarray(plain).tobytes(), expected.tobytes())


class Examples(unittest.TestCase):
    def test_the_stubs_fit(self):
        for module in faltung.dask.ndimage, faltung.dask.signal:
            stubs.check(self, module)

    def test_docstrings_say_what_is_so(self):
        for module in faltung.dask, faltung.dask.signal:
            failed, tried = doctest.testmod(module, extraglobs={"np": np, "dask": sys.modules["dask"]})
            self.assertEqual(failed, 0, module.__name__)
            self.assertGreater(tried, 0, module.__name__)


if __name__ == "__main__":
    unittest.main()
