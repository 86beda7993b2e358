"""Filters of arrays: ndimage, upfirdn, resample, and what convolve adds to its originals. Numbers of SciPy are in
../golden; the others are worked out here."""

import math
import pathlib
import unittest

from files import full_convolution, read_npy, read_wav, write_npy, write_wav
from program import ProgramTest, run

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "golden"


def golden(name):
    """The values of every case of a file, by its name."""
    cases = dict(line.split(": ", 1) for line in (GOLDEN / name).read_text().splitlines())
    return {case: [float(value) for value in values.split()] for case, values in cases.items()}


def sequence(dtype, *shape):
    """As in golden/sequence.py."""
    values = [(7 * i * i + 37 * i + 11) % 101 for i in range(math.prod(shape))]
    return values if dtype[0] == "u" else [value - 50 for value in values]


# Ours and SciPy's: sums of up to 27 taps in each of two passes, of values up to 50 with weights whose magnitudes sum to
# 2 at most, and 6 roundings of the weights.
TOLERANCE = 2 * 2 * (27 + 6) * 2.0**-53 * 50 * 2

IMAGE, VOLUME = ("f8", (5, 7)), ("f8", (3, 4, 5))
# Cases of golden/ndimage.txt: the array, the filter with its options, the weights if it has some.
NDIMAGE = {
    "gaussian reflect": (IMAGE, "gaussian --sigma 1.5", None),
    "gaussian wrap": (IMAGE, "gaussian_filter --sigma 1.5 --mode wrap", None),
    "gaussian constant": (IMAGE, "gaussian --sigma 1.5 --mode constant --cval 9", None),
    "gaussian per axis": (IMAGE, "gaussian --sigma 0.7,2 --order 0,1 --mode wrap,mirror", None),
    "gaussian order 2": (IMAGE, "gaussian --sigma 1.2 --order 2", None),
    "gaussian truncate": (IMAGE, "gaussian --sigma 2 --truncate 1.3", None),
    "gaussian radius": (IMAGE, "gaussian --sigma 2 --radius 1,3", None),
    "gaussian axes": (VOLUME, "gaussian --sigma 1,0.5 --axes 2,0", None),
    "gaussian skip": (IMAGE, "gaussian --sigma 0,1", None),
    "gaussian u8": (("u1", (5, 7)), "gaussian --sigma 0.8", None),
    "gaussian_laplace": (IMAGE, "gaussian-laplace --sigma 1,1.5", None),
    "gaussian_gradient_magnitude": (IMAGE, "gaussian_gradient_magnitude --sigma 1,1.5", None),
    "uniform": (IMAGE, "uniform", None),
    "uniform even": (IMAGE, "uniform --size 2,4 --origin -1,1 --boundary wrap,mirror", None),
    "uniform axes": (VOLUME, "uniform_filter --size 3 --axes 0,1", None),
    "uniform u8": (("u1", (5, 7)), "uniform --size 3,5", None),
    "uniform u8 to f64": (("u1", (5, 7)), "uniform --output-type f64", None),
    "sobel 0": (VOLUME, "sobel --axis 0 --mode wrap,nearest,mirror", None),
    "sobel 2": (VOLUME, "sobel --axis -1 --mode wrap,nearest,mirror", None),
    "prewitt 1": (VOLUME, "prewitt --axis 1", None),
    "sobel u8": (("u1", (5, 7)), "sobel", None),
    "sobel u8 to i32": (("u1", (5, 7)), "sobel --axis 0 --output-type i32", None),
    "laplace u8": (("u1", (5, 7)), "laplace --mode wrap,mirror", None),
    "laplace axes": (VOLUME, "laplace --axes 0,2", None),
    "sobel_magnitude": (IMAGE, "sobel-magnitude", None),
    "correlate origin": (IMAGE, "correlate --origin 1,-1", ("f8", (4, 3))),
    "convolve origin": (IMAGE, "convolve --origin -2,1", ("f8", (4, 3))),
    "convolve axes": (VOLUME, "convolve --axes 0,2 --origin 0,1", ("f8", (2, 3))),
    "correlate u8 whole": (("u1", (5, 7)), "correlate", ("i4", (3, 3))),
}


class ArraysTest(ProgramTest):
    def write(self, name, dtype, shape, values=None):
        write_npy(self.folder / name, shape, sequence(dtype, *shape) if values is None else values, dtype)

    def call(self, command, *files):
        """The result of a command, with the files behind its name and its options as one text."""
        name, *options = command.split()
        self.succeed(name, *(self.folder / file for file in files), "-o", self.folder / "y.npy", *options)
        return read_npy(self.folder / "y.npy")

    def filtered(self, call, weights=False):
        """`ndimage NAME in.npy`."""
        name, *options = call.split()
        if weights:
            options += ["--weights", self.folder / "w.npy"]
        self.succeed("ndimage", name, self.folder / "x.npy", "-o", self.folder / "y.npy", *options)
        return read_npy(self.folder / "y.npy")

    def assert_close(self, values, expected, tolerance, context):
        self.assertEqual(len(values), len(expected), context)
        for value, right in zip(values, expected):
            self.assertLessEqual(abs(value - right), tolerance, context)


class NdImage(ArraysTest):
    def test_scipys_numbers(self):
        cases = golden("ndimage.txt")
        for case, ((dtype, shape), call, weights) in NDIMAGE.items():
            with self.subTest(case):
                self.write("x.npy", dtype, shape)
                if weights:
                    self.write("w.npy", *weights)
                result_type, result_shape, values = self.filtered(call, weights is not None)
                self.assertEqual(result_shape, shape)
                exact = result_type[0] != "f"
                self.assert_close(values, cases[case], 0 if exact else TOLERANCE, case)

    def test_result_types(self):
        self.write("x.npy", "u1", [3, 3])
        for option, dtype in (("", "u1"), ("--output-type f32", "f4"), ("--output-type i64", "i8"), ("--output-type i16 --accumulator f32", "i2")):
            self.assertEqual(self.filtered(f"gaussian --sigma 1 {option}")[0], dtype, option)

    def test_rounding_and_overflow(self):
        self.write("x.npy", "u1", [4], [255] * 4)
        self.assertEqual(self.filtered("gaussian --sigma 1.1 --rounding nearest")[2], [255] * 4)
        self.write("x.npy", "u1", [4], [0, 1, 2, 255])
        self.assertEqual(self.filtered("uniform --size 2 --mode nearest")[2], [0, 0, 1, 128])
        self.assertEqual(self.filtered("uniform --size 2 --mode nearest --rounding nearest")[2], [0, 0, 2, 128])
        self.write("w.npy", "i4", [1], [2])
        self.assertEqual(self.filtered("correlate", True)[2], [0, 2, 4, 254])
        self.assertEqual(self.filtered("correlate --overflow saturate", True)[2], [0, 2, 4, 255])

    def test_a_constant_may_be_anything(self):
        self.write("x.npy", "f8", [4], [1, 2, 3, 4])
        values = self.filtered("uniform --size 3 --mode constant --cval nan")[2]
        self.assertEqual([math.isnan(value) for value in values], [True, False, False, True])
        self.assertEqual(self.filtered("uniform --size 2 --mode constant:7")[2][0], 4)

    def test_filters_of_two_axes(self):
        impulse = [0] * 9
        impulse[4] = 1
        self.write("x.npy", "i4", [3, 3], impulse)
        self.assertEqual(self.filtered("emboss --mode constant"), ("i4", (3, 3), [2, 1, 0, 1, 1, -1, 0, -1, -2]))
        sharp = [0, -1, 0, -1, 5, -1, 0, -1, 0]
        self.assertEqual(self.filtered("sharpen --mode constant")[2], sharp)
        # In a stack every picture by itself, unless other axes are named.
        self.write("x.npy", "i4", [2, 3, 3], impulse + [0] * 9)
        self.assertEqual(self.filtered("sharpen --mode constant")[2], sharp + [0] * 9)
        self.assertEqual(self.filtered("sharpen --mode constant --axes 0,2")[2], [0] * 3 + [-1, 5, -1] + [0] * 6 + [0, -1, 0] + [0] * 3)

    def test_chosen_elements(self):
        self.write("x.npy", "i2", [5], [5, 1, 4, 2, 3])
        self.write("ends.npy", "u1", [3], [1, 0, 1])
        for call, expected in {
            "median --size 3": [5, 4, 2, 3, 3],
            "median_filter --size 2": [5, 5, 4, 4, 3],
            "median --size 3 --mode constant": [1, 4, 2, 3, 2],
            "median --size 3 --origin 1": [5, 5, 4, 2, 3],
            "minimum --size 3": [1, 1, 1, 2, 2],
            "maximum --size 3": [5, 5, 4, 4, 3],
            "rank --rank 0 --size 3": [1, 1, 1, 2, 2],
            "rank --rank -2 --size 3": [5, 4, 2, 3, 3],
            "percentile --percentile 0 --size 3": [1, 1, 1, 2, 2],
            "percentile --percentile 70 --size 3": [5, 5, 4, 4, 3],
            f"minimum --footprint {self.folder}/ends.npy": [1, 4, 1, 3, 2],
            f"maximum --footprint {self.folder}/ends.npy": [5, 5, 2, 4, 3],
        }.items():
            self.assertEqual(self.filtered(call), ("i2", (5,), expected), call)
        self.assertEqual(self.filtered("median --size 3 --output-type f64")[0], "f8")
        self.write("x.npy", "f8", [2, 3], [3, 1, 2, 9, 8, 7])
        self.assertEqual(self.filtered("median --size 3 --axes 1")[2], [3, 2, 2, 9, 8, 7])

    def test_engines(self):
        self.write("x.npy", "f8", [30])
        self.write("w.npy", "f8", [5])
        exact = self.filtered("correlate --method direct", True)[2]
        self.assertEqual(self.filtered("correlate --method cpu.reference", True)[2], exact)
        # 50 * 50 * 5 is the largest sum; a transform of 64 points.
        self.assert_close(self.filtered("correlate --method fft", True)[2], exact, 64 * 2.0**-53 * 50 * 50 * 5, "fft")


class Upfirdn(ArraysTest):
    def test_by_hand(self):
        self.write("h.npy", "f8", [2], [1, 10])
        self.write("x.npy", "f8", [3], [1, 2, 3])
        for options, expected in {
            "": [1, 12, 23, 30],
            "--up 2": [1, 10, 2, 20, 3, 30],
            "--up 2 --down 3": [1, 20],
            "--down 2": [1, 23],
            "--mode edge": [11, 12, 23, 33],
            "--mode wrap": [31, 12, 23, 31],
            "--cval 5": [51, 12, 23, 35],
            "--method cpu.reference": [1, 12, 23, 30],
        }.items():
            self.assertEqual(self.call(f"upfirdn {options}", "h.npy", "x.npy"), ("f8", (len(expected),), expected), options)

    def test_axes_and_types(self):
        self.write("h.npy", "i2", [2], [1, 1])
        self.write("x.npy", "i2", [2, 2], [1, 2, 3, 4])
        self.assertEqual(self.call("upfirdn", "h.npy", "x.npy"), ("f4", (2, 3), [1, 3, 2, 3, 7, 4]))
        self.assertEqual(self.call("upfirdn --axis 0", "h.npy", "x.npy"), ("f4", (3, 2), [1, 2, 4, 6, 3, 4]))
        self.assertEqual(self.call("upfirdn --output-type i32", "h.npy", "x.npy"), ("i4", (2, 3), [1, 3, 2, 3, 7, 4]))


class SignalFilters(ArraysTest):
    def test_scipys_numbers(self):
        cases = golden("rank.txt")
        disc = [0, 1, 0, 1, 1, 1, 0, 1, 1]
        self.write("image.npy", "f8", (5, 7))
        self.write("byte.npy", "u1", (5, 7))
        self.write("volume.npy", "f8", (3, 4, 5))
        self.write("disc.npy", "u1", (3, 3), disc)
        self.write("row.npy", "f8", [5], [3, -1, 2, 0.5, 7])
        self.write("column.npy", "f8", [3], [1, 4, -2])
        for case, (call, files, dtype) in {
            "medfilt": ("medfilt --kernel-size 3,5", ["image.npy"], "f8"),
            "medfilt long": ("medfilt --kernel-size 9", ["image.npy"], "f8"),
            "medfilt volume": ("medfilt", ["volume.npy"], "f8"),
            "medfilt2d": ("medfilt --kernel-size 5", ["byte.npy"], "u1"),
            "order_filter": ("order_filter --rank 1", ["image.npy", "disc.npy"], "f8"),
            # Halves of integers are exact in every type, and so are their sums.
            "sepfir2d": ("sepfir2d", ["image.npy", "row.npy", "column.npy"], "f8"),
            "sepfir2d u8": ("sepfir2d --method direct", ["byte.npy", "row.npy", "column.npy"], "f4"),
        }.items():
            result = self.call(call, *files)
            self.assertEqual((result[0], result[2]), (dtype, cases[case]), case)

    def test_one_axis(self):
        self.write("x.npy", "i2", [5], [5, -1, 4, 2, 3])
        self.write("k.npy", "f4", [3], [1, 0, 2])
        self.assertEqual(self.call("medfilt", "x.npy"), ("i2", (5,), [0, 4, 2, 3, 2]))
        self.assertEqual(self.call("order_filter --rank 0", "x.npy", "k.npy"), ("i2", (5,), [-1, 4, -1, 3, 0]))
        self.assertEqual(self.call("order_filter --rank 1", "x.npy", "k.npy"), ("i2", (5,), [0, 5, 2, 4, 2]))


class Deblur(ArraysTest):
    def test_a_point_comes_back(self):
        self.write("x.npy", "f8", [8], [0, 0.2, 0.6, 0.2, 0, 0, 0, 0])
        self.write("psf.npy", "f8", [3], [0.2, 0.6, 0.2])
        point = [0, 0, 1, 0, 0, 0, 0, 0]
        # Off by the balance: |R|^2 of at most 16 beside |H|^2 of at least 0.04, 4e-7, on each of the frequencies.
        values = self.call("deblur --by wiener --balance 1e-9", "x.npy", "psf.npy")[2]
        self.assert_close(values, point, 8e-7, "wiener")
        self.write("rough.npy", "f8", [1], [0])
        values = self.call(f"deblur --by wiener --roughness {self.folder}/rough.npy", "x.npy", "psf.npy")[2]
        self.assert_close(values, point, 1e-12, "nothing is rough")
        # Each iteration leaves what it was: of a blur of one element it is the data, but for 1e-12 of the guess.
        self.write("one.npy", "f8", [1], [1])
        self.write("wide.npy", "f8", [3], [3, 0.25, 0])
        self.assert_close(self.call("deblur --iterations 2", "wide.npy", "one.npy")[2], [1, 0.25, 0], 1e-10, "range")
        self.assert_close(self.call("deblur --keep-range --epsilon 0.1", "wide.npy", "one.npy")[2], [3, 0.25, 0], 1e-10,
                          "as it is")


class Resample(ArraysTest):
    # 61 taps of the designed filter, up to 3 times as large as the cutoff makes them; values up to 50, less than twice
    # that beyond the ends where a slope is continued for 20 samples of steps up to 100.
    TOLERANCE = 2 * (61 + 6) * 2.0**-53 * 3 * (50 + 20 * 100)

    def check(self, case, options, *shape):
        self.write("x.npy", "f8", shape)
        values = self.call(f"resample {options}", "x.npy")[2]
        self.assert_close(values, golden("resample.txt")[case], self.TOLERANCE, case)

    def test_scipys_numbers(self):
        for padtype in ("constant", "symmetric", "edge", "wrap", "line", "antireflect", "mean", "median", "minimum"):
            self.check(f"line {padtype}", f"--up 3 --down 2 --padtype {padtype}", 23)
            self.check(f"image {padtype}", f"--up 4 --down 10 --axis 1 --padtype {padtype}", 6, 5)
        self.check("cval", "--up 2 --down 3 --cval -7", 23)
        self.check("beta", "--up 4 --down 3 --window kaiser:8.5", 23)
        self.check("first axis", "--up 7 --down 5", 6, 5)
        self.write("taps.npy", "f8", [4], [1, 3, 4, 2])
        self.check("taps", f"--up 3 --down 4 --window {self.folder}/taps.npy", 23)


class Sound(ArraysTest):
    def resample(self, name, *options):
        self.succeed("resample", self.folder / "in.wav", "-o", self.folder / name, *options)
        return read_wav(self.folder / name)

    def test_as_arrays(self):
        channels = [sequence("i2", 90), [100 * value for value in sequence("i2", 90)]]
        write_wav(self.folder / "in.wav", channels, rate=8000)
        for options, rate in ((["--rate", "12000"], 12000), (["--up", "3", "--down", "2"], 12000), (["--down", "4"], 2000)):
            found, width, result = self.resample("out.wav", *options)
            self.assertEqual((found, width), (rate, 2))
            self.write("x.npy", "f8", [90, 2], [sample for frame in zip(*channels) for sample in frame])
            ratio = ["--up", str(rate // 2000), "--down", "4"]
            shape, expected = self.call("resample " + " ".join(ratio), "x.npy")[1:]
            self.assertEqual(shape, (-(-90 * rate // 8000), 2))
            # Half a step, and what sums of such numbers in f64 can miss at most.
            flat = [sample for frame in zip(*result) for sample in frame]
            self.assert_close(flat, expected, 0.5 + 2.0**-20, options)

    def test_formats(self):
        write_wav(self.folder / "in.wav", [[0, 1000, 2000, 1000, 0]])
        self.assertEqual(self.resample("out.wav", "--rate", "16000", "--format", "pcm24")[:2], (16000, 3))
        self.assertEqual(self.resample("OUT.WAV", "--rate", "8000")[2], [[0, 1000, 2000, 1000, 0]])
        self.succeed("resample", self.folder / "in.wav", "-o", self.folder / "out.flac", "--rate", "48000")
        self.assertEqual((self.folder / "out.flac").read_bytes()[:4], b"fLaC")

    def test_overshoot_is_said(self):
        write_wav(self.folder / "in.wav", [[-32768] * 40 + [32767] * 40])
        result = run("resample", self.folder / "in.wav", "-o", self.folder / "out.wav", "--rate", "16000")
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stderr, r"^faltung: warning: .*out\.wav: \d+ samples exceed full scale")
        result = run("resample", self.folder / "in.wav", "-o", self.folder / "out.wav", "--rate", "16000", "--format", "float")
        self.assertEqual((result.returncode, result.stderr), (0, ""))


class ConvolveMore(ArraysTest):
    def test_axes(self):
        self.write("x.npy", "f8", [2, 3], [1, 2, 3, 4, 5, 6])
        self.write("k.npy", "f8", [1, 2], [1, 10])
        rows = [full_convolution([1, 2, 3], [1, 10]), full_convolution([4, 5, 6], [1, 10])]
        for method in ("auto", "direct", "cpu.reference"):
            dtype, shape, values = self.call(f"convolve --axes 1 --method {method}", "x.npy", "k.npy")
            self.assertEqual((dtype, shape), ("f8", (2, 4)))
            # A transform of 8 points.
            self.assert_close(values, rows[0] + rows[1], 8 * 2.0**-53 * 20 * 10, method)
        # As fftconvolve, integers become f64.
        self.write("x.npy", "i4", [2, 3], [1, 2, 3, 4, 5, 6])
        self.write("k.npy", "i4", [1, 2], [1, 10])
        self.assertEqual(self.call("convolve --axes -1 --mode valid", "x.npy", "k.npy")[:2], ("f8", (2, 2)))

    def test_device_memory_limit(self):
        """In pieces as in one, by every API; what holds no piece says what would."""
        self.write("x.npy", "i4", [40, 50], [(7 * i) % 11 for i in range(2000)])
        self.write("k.npy", "i4", [3, 3], list(range(9)))
        for api in ("--api scipy.ndimage --boundary wrap", "--mode same", "--op correlate", "--boundary reflect", "--axes 0,1 --method direct"):
            call = f"convolve {api} --device cpu"
            whole = self.call(call, "x.npy", "k.npy")
            self.assertEqual(self.call(f"{call} --device-memory-limit 8K", "x.npy", "k.npy"), whole, api)
        files = (self.folder / "x.npy", self.folder / "k.npy", "-o", self.folder / "z.npy", "--device", "cpu")
        result = run("convolve", *files, "--device-memory-limit", "100")
        self.assertEqual(result.returncode, 3)
        self.assertRegex(result.stderr, r"fits into 100 bytes of cpu; the least that does is \d+ bytes")
        for text in ("0", "-1", "4T", "K", "1.5G", "99999999999G"):
            result = run("convolve", *files, f"--device-memory-limit={text}")
            self.assertEqual(result.returncode, 2, text)
            self.assertIn(f"--device-memory-limit {text}: a number of bytes", result.stderr)

    def test_types_and_stores(self):
        self.write("x.npy", "u1", [2], [200, 101])
        self.write("k.npy", "u1", [1], [2])
        for function in ("--api scipy.signal", "--op correlate", "--api numpy", "--api numpy --op correlate", "--axes 0", "--api scipy.ndimage"):
            for options, expected in {
                "--output-type i32": ("i4", [400, 202]),
                "--output-type u8": ("u1", [144, 202]),
                "--output-type u8 --overflow saturate": ("u1", [255, 202]),
                "--output-type f32 --accumulator f64": ("f4", [400, 202]),
            }.items():
                call = f"convolve {function} {options}"
                self.assertEqual(self.call(call, "x.npy", "k.npy"), (expected[0], (2,), expected[1]), call)
        self.write("k.npy", "f8", [1], [0.5])
        self.assertEqual(self.call("convolve --output-type i16", "x.npy", "k.npy")[2], [100, 50])
        self.assertEqual(self.call("convolve --output-type i16 --rounding nearest", "x.npy", "k.npy")[2], [100, 50])
        self.write("x.npy", "u1", [1, 2], [203, 101])
        self.write("k.npy", "f8", [1, 1], [0.5])
        planar = "convolve --boundary wrap --output-type i16"
        self.assertEqual(self.call(planar, "x.npy", "k.npy")[2], [101, 50])
        self.assertEqual(self.call(f"{planar} --rounding nearest", "x.npy", "k.npy")[2], [102, 50])

    def test_missing_data(self):
        nan = math.nan
        write_npy(self.folder / "x.npy", [5], [1, 4, nan, 5, 8])
        write_npy(self.folder / "k.npy", [3], [1, 2, 1])
        write_npy(self.folder / "m.npy", [5], [1, 1, 1, 0, 1], "u1")

        def result(options):
            files = [self.folder / name for name in ("x.npy", "k.npy")]
            self.succeed("convolve", *files, "-o", self.folder / "y.npy", *options.format(f=self.folder).split())
            return read_npy(self.folder / "y.npy")[2]

        image = "--api scipy.ndimage "
        self.assertEqual(result(image + "--nan missing"), [1.75, 3, 4.5, 6, 7.25])
        self.assertEqual(result(image + "--nan missing --keep-gain"), [7, 12, 18, 24, 29])
        self.assertEqual(result(image + "--nan value:3"), [1.75, 3, 3.75, 5.25, 7.25])
        masked = image + "--weights {f}/m.npy --min-weight 0.5 --fill "
        self.assertEqual(result(masked + "-1"), [1.75, 3, -1, -1, 8])
        self.assertEqual(result(masked + "0 --nan missing --op correlate"), [1.75, 3, 0, 0, 8])
        preserved = result(image + "--nan missing --preserve-nan")
        self.assertTrue(math.isnan(preserved[2]) and preserved[3] == 6)
        self.assertEqual(result("--nan missing --mode same"), [2, 3, 4.5, 6, 7])
        self.assertEqual(result("--nan missing --mode valid --min-count 3 --fill -7"), [-7, -7, -7])

    def test_lags(self):
        self.write("x.npy", "f8", [4], [0, 0, 1, 0])
        self.write("k.npy", "f8", [2], [1, 0])
        for mode, lags in {"full": [-1, 0, 1, 2, 3], "same": [-1, 0, 1, 2], "valid": [0, 1, 2]}.items():
            values = self.call(f"convolve --op correlate --mode {mode} --lags {self.folder}/lags.npy", "x.npy", "k.npy")[2]
            self.assertEqual(read_npy(self.folder / "lags.npy"), ("i8", (len(lags),), lags), mode)
            self.assertEqual(dict(zip(lags, values))[2], max(values), mode)


class Conv(ArraysTest):
    def test_types_and_stores(self):
        self.write("x.npy", "u1", [1, 1, 4], [1, 2, 3, 250])
        self.write("w.npy", "u1", [1, 1, 2], [1, 1])
        self.assertEqual(self.call("conv", "x.npy", "w.npy"), ("i4", (1, 1, 3), [3, 5, 253]))
        self.assertEqual(self.call("conv --output-type f64", "x.npy", "w.npy"), ("f8", (1, 1, 3), [3, 5, 253]))
        self.assertEqual(self.call("conv --output-type i8", "x.npy", "w.npy")[2], [3, 5, -3])
        self.assertEqual(self.call("conv --output-type i8 --overflow saturate", "x.npy", "w.npy")[2], [3, 5, 127])
        half = "conv --output-type u8 --accumulator f32 --alpha 0.5"
        self.assertEqual(self.call(half, "x.npy", "w.npy")[2], [1, 2, 126])
        self.assertEqual(self.call(f"{half} --rounding nearest", "x.npy", "w.npy")[2], [2, 2, 126])


if __name__ == "__main__":
    unittest.main()
