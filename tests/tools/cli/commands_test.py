"""Every command of the program on small inputs, against values worked out here."""

import itertools
import json
import os
import pathlib
import unittest

from files import full_convolution, read_npy, write_npy
from program import ProgramTest, run

PROBLEMS = pathlib.Path(__file__).resolve().parents[2] / "problems"
# A library that falsifies results, see wrong_results.cpp.
WRONG_RESULTS = os.environ.get("FALTUNG_WRONG_RESULTS", "")


class Info(ProgramTest):
    def test_text_and_json_agree(self):
        text = self.succeed("info")
        info = json.loads(self.succeed("info", "--json"))
        self.assertIn(f"faltung {info['version']}", text)
        self.assertEqual(info["devices"][0]["device"], "cpu")
        self.assertIn("cpu.reference", info["engines"])
        for engine in info["engines"]:
            self.assertIn(engine, text)
        for library in info["vendor_libraries"]:
            self.assertIn(library["reason"] or f"{library['name']} {library['version']}", text)
        self.assertEqual(info["cuda_unavailable_reason"] == "", len(info["devices"]) > 1)

    def test_version_and_help(self):
        version = json.loads(self.succeed("info", "--json"))["version"]
        self.assertEqual(self.succeed("--version").strip(), f"faltung {version}")
        self.assertIn("Exit codes", self.succeed("--help"))
        for command in ("convolve", "ndimage", "upfirdn", "resample", "sepfir2d", "medfilt", "order_filter", "deblur", "conv", "filter", "reverb", "info", "explain", "verify", "calibrate"):
            self.assertIn(command, self.succeed("--help"))
            self.assertIn("--help", self.succeed(command, "--help"))


class Explain(ProgramTest):
    PROBLEM = "op=fwd dtype=f32 n=2 c=3 in=9x9 k=4 f=3x3 pad=1"

    def test_text(self):
        text = self.succeed("explain", self.PROBLEM)
        self.assertIn(self.PROBLEM, text)
        self.assertIn("cpu.reference", text)
        self.assertEqual(text, self.succeed("explain", *self.PROBLEM.split()))

    def test_explain_streamed(self):
        call = ("explain", "--device", "cpu", "--device-memory-limit", "40000", "op=fwd dtype=f32 n=8 in=1000 f=3")
        self.assertRegex(self.succeed(*call), r"(?s)streamed   through cpu\npieces     \d+, each \d of 8 images\nmemory .*estimate ")
        plan = json.loads(self.succeed(*call, "--json"))
        self.assertGreater(plan["pieces"], 1)
        self.assertLessEqual(plan["device_bytes"], 40000)
        self.assertEqual(plan["copied_out_bytes"], 8 * 998 * 4)
        self.assertGreaterEqual(plan["estimate_us"], max(plan["in_us"], plan["compute_us"], plan["out_us"]))

    def test_json(self):
        plan = json.loads(self.succeed("explain", "--json", "--engine", "cpu.reference", self.PROBLEM))
        self.assertEqual(plan["problem"], self.PROBLEM)
        self.assertEqual((plan["device"], plan["engine"]), ("cpu", "cpu.reference"))
        self.assertIn(plan["error_bound"]["kind"], ("exact", "elementwise", "normwise"))
        names = [candidate["engine"] for candidate in plan["candidates"]]
        self.assertEqual(names, json.loads(self.succeed("info", "--json"))["engines"])


    def test_promises(self):
        for promises, accuracy, reproducible in (
            ([], "normwise", False),
            (["--accuracy", "elementwise"], "elementwise", False),
            (["--reproducible"], "normwise", True),
            (["--accuracy", "elementwise", "--reproducible"], "elementwise", True),
        ):
            plan = json.loads(self.succeed("explain", "--json", "--device", "cpu", *promises, "op=fwd dtype=f32 in=9000 f=2000"))
            self.assertEqual((plan["accuracy"], plan["facts"]["reproducible"]), (accuracy, reproducible), promises)
            self.assertEqual(plan["engine"], "cpu.direct" if reproducible else "cpu.fft", promises)
            self.assertEqual(plan["problem"].endswith(" math=reproducible"), reproducible, promises)

    def test_machine_that_is_not_here(self):
        for machine in json.loads(self.succeed("info", "--json"))["machines"]["cpu"]:
            text = self.succeed("explain", "--machine", machine, self.PROBLEM)
            self.assertIn(f"machine    {machine}, not here", text)
            self.assertIn("  -> cpu.", text)
            plan = json.loads(self.succeed("explain", "--machine", machine, "--json", self.PROBLEM))
            self.assertEqual((plan["problem"], plan["machine"], plan["here"]), (self.PROBLEM, machine, False))
            taken = [entry for entry in plan["candidates"] if entry["supported"]]
            least = min(taken, key=lambda entry: entry["estimate_us"])
            self.assertEqual((plan["engine"], plan["way"]), (least["engine"], least["way"]))
            self.assertNotIn("policy", plan)
            for entry in taken:
                self.assertIn(f": estimate {entry['estimate_us']:.6g} us, limit {entry['limit_us']:.6g} us", text)

    def test_gpu_that_is_not_here(self):
        result = run("explain", "--machine", "h200", "--json", self.PROBLEM)
        if any(name.startswith("cuda.") for name in json.loads(self.succeed("info", "--json"))["engines"]):
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertTrue(json.loads(result.stdout)["engine"].startswith("cuda."))
            # What cuDNN would run there, where it is installed.
            layer = "op=fwd dtype=f16 n=8 c=64 k=64 in=28x28 f=3x3 pad=1 layout=nhwc"
            text = self.succeed("explain", "--machine", "h200", layer)
            plan = json.loads(self.succeed("explain", "--machine", "h200", "--json", layer))
            choices = {entry["engine"]: entry["choice"] for entry in plan["candidates"] if "choice" in entry}
            self.assertEqual("cuda.cudnn" in choices, " of cuDNN 9." in text, text)
            for choice in choices.values():
                self.assertRegex(choice, r"^engine \d+ .*of cuDNN 9.*, workspace \d+ bytes$")
                self.assertIn(choice, text)
        else:
            self.assertEqual(result.returncode, 3, result.stderr)
            self.assertIn("runs on the CPU only", result.stderr)


class MachineFile(ProgramTest):
    PROBLEM = Explain.PROBLEM

    def setUp(self):
        super().setUp()
        self.file = self.folder / "machine.txt"

    def with_file(self, *arguments):
        return run(*arguments, env={**os.environ, "FALTUNG_MACHINE_FILE": str(self.file)})

    def test_calibrate_writes_what_plans_read(self):
        result = self.with_file("calibrate")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("clock_ghz", result.stdout)
        self.assertIn(f"written to {self.file}", result.stdout)
        fields = dict(line.split(" = ") for line in self.file.read_text().splitlines() if " = " in line)
        self.assertEqual(fields["name"], "calibrated")
        # Far apart enough for any machine, however busy.
        self.assertTrue(0.1 < float(fields["clock_ghz"]) < 10)
        self.assertTrue(float(fields["products_f32"]) > float(fields["products_c64"]))
        info = json.loads(self.with_file("info", "--json").stdout)
        self.assertEqual(info["machine"], "calibrated")
        # A faster clock makes the definition faster in proportion.
        before = self.estimate()
        clock = float(fields["clock_ghz"])
        self.file.write_text(self.file.read_text().replace(f"clock_ghz = {fields['clock_ghz']}", f"clock_ghz = {clock * 2}"))
        self.assertAlmostEqual(before / self.estimate(), 2, places=6)

    def estimate(self):
        result = self.with_file("explain", "--json", "--engine", "cpu.reference", "--device", "cpu", self.PROBLEM)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)["estimate_us"]

    def test_bad_files_are_errors_and_no_crash(self):
        for content, words in (
            ("clock_ghz = fast\n", ("line 1", "clock_ghz", "fast", "calibrate")),
            ("hello\n", ("line 1", "hello", "field = value")),
            ("", ("name", "missing")),
        ):
            self.file.write_text(content)
            result = self.with_file("explain", "--device", "cpu", self.PROBLEM)
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            for word in (str(self.file), *words):
                self.assertIn(word, result.stderr)

    def test_a_missing_file_is_an_error_if_it_is_asked_for(self):
        result = self.with_file("explain", "--device", "cpu", self.PROBLEM)
        self.assertEqual(result.returncode, 2)
        self.assertIn("FALTUNG_MACHINE_FILE", result.stderr)
        empty = run("explain", "--device", "cpu", self.PROBLEM, env={**os.environ, "FALTUNG_MACHINE_FILE": ""})
        self.assertEqual(empty.returncode, 0, empty.stderr)

    def test_the_standard_place_may_lack_a_file(self):
        environment = {name: value for name, value in os.environ.items() if name != "FALTUNG_MACHINE_FILE"}
        environment["XDG_CONFIG_HOME"] = str(self.folder)
        result = run("info", "--json", env=environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotEqual(json.loads(result.stdout)["machine"], "calibrated")
        (self.folder / "faltung").mkdir()
        (self.folder / "faltung" / "machine.txt").write_text("clock_ghz = 0\n")
        result = run("info", env=environment)
        self.assertEqual(result.returncode, 2)
        self.assertIn("machine.txt", result.stderr)


class Verify(ProgramTest):
    def test_every_engine_passes_the_smoke_problems(self):
        problems = [line.split("#")[0].strip() for line in (PROBLEMS / "smoke.txt").read_text().splitlines()]
        count = sum(map(bool, problems))
        report = json.loads(self.succeed("verify", "--json", PROBLEMS / "smoke.txt"))
        outcomes = [entry["outcome"] for entry in report["results"]]
        self.assertEqual(report["passed"], outcomes.count("PASS"))
        self.assertEqual(report["failed"], 0)
        self.assertLessEqual(report["largest_error_over_bound"], 1)
        report = json.loads(self.succeed("verify", "--json", "--ways", "--engine", "cpu.direct", PROBLEMS / "smoke.txt"))
        self.assertEqual(report["failed"], 0)
        ways = {result["engine"] for result in report["results"] if result["outcome"] == "PASS"}
        self.assertTrue({"cpu.direct/rows", "cpu.direct/stencil"} <= ways, ways)
        text = self.succeed("verify", PROBLEMS / "smoke.txt", "--engine", "cpu.reference")
        self.assertIn(f"{count} problems: {count} passed, 0 failed, 0 skipped", text)
        self.assertEqual(text.count("PASS cpu.reference on cpu: equal"), count)

    @unittest.skipUnless(WRONG_RESULTS, "needs a shared library without sanitizers")
    def test_a_wrong_engine_fails(self):
        (self.folder / "p.txt").write_text("op=fwd dtype=f32 in=9 f=3\n")
        arguments = ("verify", self.folder / "p.txt", "--engine", "cpu.reference")
        environment = {**os.environ, "LD_PRELOAD": WRONG_RESULTS}
        result = run(*arguments, env=environment)
        self.assertEqual((result.returncode, result.stderr), (1, ""))
        self.assertIn("FAIL cpu.reference on cpu: integers: element 3 is", result.stdout)
        self.assertIn("1 problems: 0 passed, 1 failed, 0 skipped", result.stdout)
        report = json.loads(run(*arguments, "--json", env=environment).stdout)
        self.assertEqual((report["failed"], report["results"][0]["outcome"]), (1, "FAIL"))


class Convolve(ProgramTest):
    def convolve(self, x, k, *arguments, dtype="f8", shapes=None):
        shapes = shapes or ([len(x)], [len(k)])
        write_npy(self.folder / "x.npy", shapes[0], x, dtype)
        write_npy(self.folder / "k.npy", shapes[1], k, dtype)
        self.succeed("convolve", self.folder / "x.npy", self.folder / "k.npy", "-o", self.folder / "y.npy", *arguments)
        self.assertEqual(self.files(), ["k.npy", "x.npy", "y.npy"])
        return read_npy(self.folder / "y.npy")

    def test_modes_are_crops(self):
        x, k = [1, 2, 3, 4, 5], [1, 10, 100]
        full = full_convolution(x, k)
        for dtype in ("f8", "f4", "i4", "i8"):
            self.assertEqual(self.convolve(x, k, dtype=dtype), (dtype, (7,), full))
        self.assertEqual(self.convolve(x, k, "--mode", "same")[2], full[1:6])
        self.assertEqual(self.convolve(x, k, "--mode", "valid")[2], full[2:5])
        self.assertEqual(self.convolve([1, 2], x, "--mode", "same")[2], full_convolution([1, 2], x)[2:4])

    def test_correlation(self):
        x, k = [1, 2, 3, 4, 5], [1, 10, 100]
        full = full_convolution(x, k[::-1])
        self.assertEqual(self.convolve(x, k, "--op", "correlate")[2], full)
        self.assertEqual(self.convolve(x, k, "--op", "correlate", "--mode", "valid")[2], full[2:5])
        self.assertEqual(self.convolve(x, k, "--op", "correlate", "--api", "numpy")[2], full[2:5])
        # SciPy reverses a swapped valid correlation.
        swapped = self.convolve([1, 2], x, "--op", "correlate", "--mode", "valid")
        self.assertEqual(swapped[2], [14, 11, 8, 5])

    def test_numpy_same_has_the_longer_extent(self):
        y = self.convolve([1, 2], [1, 2, 3, 4, 5], "--api", "numpy", "--mode", "same")
        self.assertEqual(y[2], full_convolution([1, 2], [1, 2, 3, 4, 5])[0:5])

    def test_ndimage_boundaries(self):
        first_tap = [1] + [0] * 8
        for boundary, expected in {
            "reflect": [4, 3, 2, 1],
            "mirror": [3, 4, 3, 2],
            "nearest": [1, 1, 1, 1],
            "wrap": [1, 2, 3, 4],
            "constant:9": [9, 9, 9, 9],
            "zero": [0, 0, 0, 0],
        }.items():
            arguments = ("--api", "scipy.ndimage", "--op", "correlate", "--boundary", boundary)
            self.assertEqual(self.convolve([1, 2, 3, 4], first_tap, *arguments)[2], expected, boundary)

    def test_ndimage_origin_and_even_filters(self):
        impulse = [0, 0, 0, 1, 0, 0, 0]
        even = self.convolve(impulse, [1, 2, 3, 4], "--api", "scipy.ndimage")
        self.assertEqual(even[2], [0, 1, 2, 3, 4, 0, 0])
        for origin, expected in {"-1": [0, 3, 2, 1, 0, 0, 0], "0": [0, 0, 3, 2, 1, 0, 0], "1": [0, 0, 0, 3, 2, 1, 0]}.items():
            arguments = ("--api", "scipy.ndimage", "--op", "correlate", "--origin", origin)
            self.assertEqual(self.convolve(impulse, [1, 2, 3], *arguments)[2], expected, origin)

    def test_two_dimensions_with_a_boundary(self):
        shapes = ([1, 4], [1, 3])
        for boundary, expected in {"wrap": [4, 3, 6, 5], "reflect": [1, 3, 6, 8]}.items():
            y = self.convolve([0, 1, 2, 3], [1, 1, 1], "--boundary", boundary, "--mode", "same", shapes=shapes)
            self.assertEqual(y, ("f8", (1, 4), expected), boundary)

    def test_engines_and_devices_can_be_named(self):
        for arguments in (("--method", "cpu.reference"), ("--method", "direct"), ("--device", "cpu")):
            self.assertEqual(self.convolve([1, 2], [3, 4], *arguments)[2], [3, 10, 8])

    def test_integers_keep_ndimage_types(self):
        y = self.convolve([200, 200, 200], [1, 1, 1], "--api", "scipy.ndimage", dtype="u1")
        self.assertEqual(y, ("u1", (3,), [88, 88, 88]))

    def test_empty_arrays_give_empty_results(self):
        y = self.convolve([], [1, 2], "--api", "scipy.ndimage")
        self.assertEqual(y, ("f8", (0,), []))


def forward(x, w, stride=1, pad=(0, 0), dilation=1):
    """One signal [c][n], filters [k][c][r]: the definition."""
    padded = [[0] * pad[0] + row + [0] * pad[1] for row in x]
    span = (len(w[0][0]) - 1) * dilation + 1
    return [
        [
            sum(
                w_kc[r] * padded[c][o + r * dilation]
                for c, w_kc in enumerate(w_k)
                for r in range(len(w_kc))
            )
            for o in range(0, len(padded[0]) - span + 1, stride)
        ]
        for w_k in w
    ]


def flat(nested):
    return list(itertools.chain.from_iterable(flat(item) if isinstance(item, list) else [item] for item in nested))


class Conv(ProgramTest):
    X = [[1, 2, 3, 4, 5, 6], [0, 1, 0, -1, 0, 2]]  # [c][n]
    W = [[[1, 2, 3], [1, 0, -1]], [[0, 1, 0], [2, 2, 2]], [[1, 1, 1], [0, 0, 1]]]  # [k][c][r]

    def conv(self, first, second, *arguments, bias=None):
        for name, (shape, values) in {"a": first, "b": second}.items():
            write_npy(self.folder / f"{name}.npy", shape, values)
        if bias:
            write_npy(self.folder / "bias.npy", [len(bias)], bias)
            arguments += ("--bias", self.folder / "bias.npy")
        self.succeed("conv", self.folder / "a.npy", self.folder / "b.npy", "-o", self.folder / "y.npy", *arguments)
        return read_npy(self.folder / "y.npy")[1:]

    def check_forward(self, *arguments, **options):
        y = forward(self.X, self.W, **options)
        result = self.conv(([1, 2, 6], flat(self.X)), ([3, 2, 3], flat(self.W)), *arguments)
        self.assertEqual(result, ((1, 3, len(y[0])), flat(y)))

    def test_forward(self):
        self.check_forward()
        self.check_forward("--stride", "2", "--pad", "1", stride=2, pad=(1, 1))
        self.check_forward("--pad", "0:3", "--dilation", "2", pad=(0, 3), dilation=2)
        self.check_forward("--pad", "causal", pad=(2, 0))
        self.check_forward("--pad", "same-upper", "--engine", "cpu.reference", pad=(1, 1))

    def test_negative_padding_crops(self):
        x = [row[1:] for row in self.X]
        result = self.conv(([1, 2, 6], flat(self.X)), ([3, 2, 3], flat(self.W)), "--pad", "-1:0")
        self.assertEqual(result[1], flat(forward(x, self.W)))

    def test_channels_last(self):
        x = [self.X[c][i] for i in range(6) for c in range(2)]
        w = [self.W[k][c][r] for k in range(3) for r in range(3) for c in range(2)]
        y = forward(self.X, self.W)
        expected = [y[k][o] for o in range(4) for k in range(3)]
        self.assertEqual(self.conv(([1, 6, 2], x), ([3, 3, 2], w), "--layout", "nhwc"), ((1, 4, 3), expected))

    def test_groups(self):
        w = [[[1, 2]], [[3, 4]]]
        expected = forward([self.X[0]], [w[0]]) + forward([self.X[1]], [w[1]])
        result = self.conv(([1, 2, 6], flat(self.X)), ([2, 1, 2], flat(w)), "--groups", "2")
        self.assertEqual(result, ((1, 2, 5), flat(expected)))

    def test_bias_and_activation(self):
        y = forward(self.X, self.W)
        biased = [value + bias for row, bias in zip(y, [-20, 3, 0.5]) for value in row]
        operands = ([1, 2, 6], flat(self.X)), ([3, 2, 3], flat(self.W))
        for activation, function in {
            "none": lambda v: v,
            "relu": lambda v: max(v, 0),
            "leaky_relu:0.5": lambda v: v if v > 0 else 0.5 * v,
            "clamp:-1,6": lambda v: min(max(v, -1), 6),
            "clamp(-1,6)": lambda v: min(max(v, -1), 6),
        }.items():
            result = self.conv(*operands, "--activation", activation, bias=[-20, 3, 0.5])
            self.assertEqual(result[1], [function(value) for value in biased], activation)

    def test_gradients_are_adjoint(self):
        # <A x, dy> = <x, A* dy> = <w, B* dy>, all in small integers.
        for arguments, options in (((), {}), (("--stride", "2", "--pad", "1:2"), {"stride": 2, "pad": (1, 2)})):
            y = flat(forward(self.X, self.W, **options))
            extent = len(y) // 3
            dy = [(7 * i) % 5 - 2 for i in range(len(y))]
            inner = sum(a * b for a, b in zip(y, dy))
            shape, dx = self.conv(([1, 3, extent], dy), ([3, 2, 3], flat(self.W)), "--pass", "backward-data", "--shape", "1,2,6", *arguments)
            self.assertEqual(shape, (1, 2, 6))
            self.assertEqual(sum(a * b for a, b in zip(flat(self.X), dx)), inner)
            shape, dw = self.conv(([1, 2, 6], flat(self.X)), ([1, 3, extent], dy), "--pass", "backward-filter", "--shape", "3,2,3", *arguments)
            self.assertEqual(shape, (3, 2, 3))
            self.assertEqual(sum(a * b for a, b in zip(flat(self.W), dw)), inner)

    def test_transposed_is_the_data_gradient(self):
        dy = [float(i * i % 7) for i in range(9)]
        w = flat(self.W)
        arguments = ("--stride", "2", "--pad", "1")
        shape, result = self.conv(([1, 3, 3], dy), ([3, 2, 3], w), "--transposed", "--output-padding", "1", *arguments)
        self.assertEqual(shape, (1, 2, 6))
        gradient = self.conv(([1, 3, 3], dy), ([3, 2, 3], w), "--pass", "backward-data", "--shape", "1,2,6", *arguments)
        self.assertEqual(result, gradient[1])

    def test_boundary(self):
        wrapped = [[row[-1]] + row + [row[0]] for row in self.X]
        result = self.conv(([1, 2, 6], flat(self.X)), ([3, 2, 3], flat(self.W)), "--pad", "1", "--boundary", "wrap")
        self.assertEqual(result[1], flat(forward(wrapped, self.W)))


if __name__ == "__main__":
    unittest.main()
