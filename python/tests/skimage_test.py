"""Faltung as a backend of scikit-image: found by its entry points, chosen by the dispatcher, with the same results.

    skimage_test.py [FOLDER]    also the tests of scikit-image in FOLDER (tests/ of its sources, which wheels have not)
"""

import importlib.metadata
import itertools
import pathlib
import sys
import tempfile
import tomllib
import types
import unittest
import warnings

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]


def entry_points_as_installed(folder):
    """What an installed wheel would leave there, for the package of a build folder."""
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    info = pathlib.Path(folder) / "faltung-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faltung\nVersion: 0\n")
    (info / "entry_points.txt").write_text("".join(
        f"[{group}]\n" + "".join(f"{name} = {where}\n" for name, where in names.items())
        for group, names in points.items()))
    sys.path.insert(0, str(folder))


folder = tempfile.TemporaryDirectory()
entry_points_as_installed(folder.name)
try:
    import skimage.filters
    import skimage.restoration
    from skimage.util import _backends
except ImportError as missing:
    print(f"SCIKIT-IMAGE: NOT TESTED ({missing}; scripts/setup test brings it)")
    sys.exit(77)
import faltung_skimage


def public(name):
    module, function = name.split(":")
    return getattr(sys.modules[module], function)


def dispatched(name):
    """The function as it is when scikit-image dispatches it; no release does so with all of these yet."""
    original = public(name)
    copy = types.FunctionType(original.__code__, original.__globals__, original.__name__, original.__defaults__,
                              original.__closure__)
    copy.__kwdefaults__ = original.__kwdefaults__
    copy.__module__ = name.split(":")[0] + ".any"
    return _backends.dispatchable(copy)


def calls():
    """(name, keywords) of calls of one 2-dimensional image."""
    mask = np.random.default_rng(2).random((20, 25)) > 0.1
    yield "gaussian", {}
    yield "gaussian", {"sigma": (1, 3), "mode": "wrap", "truncate": 2.5, "preserve_range": True}
    yield "gaussian", {"sigma": 2, "channel_axis": -1}
    yield "difference_of_gaussians", {"low_sigma": 1, "high_sigma": 3.0}
    yield "difference_of_gaussians", {"low_sigma": (1, 2), "mode": "constant", "cval": 0.5}
    for name in "sobel", "scharr", "prewitt", "farid":
        yield name, {}
        yield name, {"mask": mask, "axis": 1, "mode": "nearest"}
        yield name, {"axis": (1, 0), "mode": "constant", "cval": 0.3}
        yield name + "_h", {"mask": mask}
        yield name + "_v", {}
    yield "laplace", {}
    yield "laplace", {"ksize": 5, "mask": mask}
    yield "unsharp_mask", {"radius": 2.0, "amount": 1.5}
    yield "unsharp_mask", {"radius": 2.0, "amount": 3, "preserve_range": True}
    yield "unsharp_mask", {"radius": 1.0, "channel_axis": 0}
    psf = np.outer([1, 2, 1, 1, 1], [1, 3, 1]) / 30
    yield "richardson_lucy", {"psf": psf, "num_iter": 5}
    yield "richardson_lucy", {"psf": psf, "num_iter": 3, "clip": False, "filter_epsilon": 0.2}
    yield "wiener", {"psf": psf, "balance": 0.1}
    yield "wiener", {"psf": psf, "balance": 0.1, "is_real": False, "clip": False}
    yield "wiener", {"psf": psf, "balance": 0.1, "reg": np.ones((3, 3)) / 9}


def gain(keywords, shape):
    """The largest magnitude of the spectrum of a Wiener filter."""
    laplacian = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]])
    blur, rough = (np.abs(np.fft.fft2(each, shape)) for each in (keywords["psf"], keywords.get("reg", laplacian)))
    return (blur / (blur**2 + keywords["balance"] * rough**2)).max()


class Backend(unittest.TestCase):
    def test_it_is_found_by_its_entry_points(self):
        backend = _backends.all_backends()["faltung"]
        self.assertIs(backend["implementation"].load(), faltung_skimage)
        for name in backend["info"].supported_functions:
            self.assertTrue(callable(public(name)), name)
            self.assertTrue(callable(faltung_skimage.get_implementation(name)), name)

    def test_every_function_gives_what_the_original_gives(self):
        tried, random = set(), np.random.default_rng(1)
        images = [random.random((20, 25)), random.random((20, 25)).astype("f4"),
                  random.integers(0, 256, (20, 25)).astype("u1")]
        for (name, keywords), image in itertools.product(calls(), images):
            full = next(each for each in faltung_skimage.SUPPORTED if each.endswith(":" + name))
            if full.startswith("skimage.restoration") and image.dtype == np.uint8:
                continue  # beyond 1, where both clip what is noise
            tried.add(full)
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                ours = dispatched(full)(image, **keywords)
            self.assertIn("was dispatched to the 'faltung' backend", " ".join(str(each.message) for each in said))
            theirs = public(full)(image, **keywords)
            self.assertEqual((ours.dtype, ours.shape), (theirs.dtype, theirs.shape), (name, keywords))
            unit = np.finfo(ours.real.dtype).eps * max(1, np.abs(theirs).max())
            # Sums of 69 products at most, twice, of weights that add up to 4 at most.
            bound = 2 * 4 * (69 + 6) * unit
            if name == "richardson_lucy":
                # Sums of 15 positive products and a quotient, twice a round: relative errors add up.
                bound = keywords["num_iter"] * 2 * 2 * (15 + 3) * unit
            elif name == "wiener":
                # Three transforms of 500 points by either, in the norm, times what the filter amplifies by.
                bound = 2 * 3 * 4 * np.log2(500) * unit * gain(keywords, image.shape) * np.linalg.norm(image)
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=bound, err_msg=f"{name} {keywords}")
        self.assertEqual(tried, set(faltung_skimage.SUPPORTED))

    def test_volumes_and_results_written_into(self):
        x = np.random.default_rng(1).random((7, 8, 9))
        for name in "sobel", "laplace", "gaussian":
            np.testing.assert_allclose(faltung_skimage.get_implementation(f"skimage.filters:{name}")(x),
                                       public(f"skimage.filters:{name}")(x), rtol=0, atol=1e-13)
        out = np.empty_like(x)
        self.assertIs(faltung_skimage.get_implementation("skimage.filters:gaussian")(x, 2, out=out), out)

    def test_other_calls_are_left_to_scikit_image(self):
        can_has = faltung_skimage.can_has
        image = np.ones((4, 4))
        self.assertTrue(can_has("skimage.filters:sobel", image))
        self.assertTrue(can_has("skimage.filters:sobel", image=image))
        for name, argument in (("sobel", image * 1j), ("sobel", [[1.0]]), ("sobel", np.ma.array(image)), ("median", image),
                               ("sobel_h", np.ones(4)), ("sobel", np.ones((0, 4))), ("sobel", image.astype("g"))):
            self.assertFalse(can_has(f"skimage.filters:{name}", argument), name)
        self.assertFalse(can_has("skimage.restoration:richardson_lucy", image, np.ones((2, 3))))
        with self.assertRaisesRegex(ValueError, "2-dimensional"):
            dispatched("skimage.filters:sobel_h")(np.ones(4))


def own_tests(folder):
    """scikit-image's own tests of these functions, dispatched to faltung where it takes the call."""
    import pytest
    for name in faltung_skimage.SUPPORTED:
        setattr(sys.modules[name.split(":")[0]], name.split(":")[1], dispatched(name))
    # What is imported by its other name in the tests.
    skimage.filters.edges.__dict__.update({each: getattr(skimage.filters, each) for each in faltung_skimage._EDGES})
    files = [f"{folder}/skimage/{each}.py" for each in ("filters/test_gaussian", "filters/test_edges",
                                                        "filters/test_unsharp_mask", "restoration/test_restoration")]
    return pytest.main(["-q", "--tb=short", "-p", "no:cacheprovider", "-W", "ignore::RuntimeWarning", "-k",
                        "not denoise and not unsupervised", *files])


if __name__ == "__main__":
    sys.exit(own_tests(sys.argv[1]) if len(sys.argv) > 1 else unittest.main())
