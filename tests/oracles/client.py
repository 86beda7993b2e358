"""Calls Faltung: its public functions through oracle_server (oracle_server.cpp), or the program.
Both take the same calls, so that every comparison can be made through either."""

import json
import pathlib
import subprocess
import tempfile

import ml_dtypes
import numpy as np

DTYPES = {
    "f16": np.float16, "bf16": ml_dtypes.bfloat16, "f32": np.float32, "f64": np.float64,
    "c64": np.complex64, "c128": np.complex128,
    "i8": np.int8, "u8": np.uint8, "i16": np.int16, "u16": np.uint16,
    "i32": np.int32, "u32": np.uint32, "i64": np.int64, "u64": np.uint64,
}
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}


class Refused(Exception):
    """Faltung threw: `kind` is InvalidProblem or NoEngine."""

    def __init__(self, kind, message):
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class Unavailable(Exception):
    """This build, or the program, has no way to say this."""


class Caller:
    engines = []

    def call_some_engine(self, draw, name, *arrays, **options):
        """Like `call`, with an engine drawn at random, or the planner's where that one refuses."""
        engine = draw.one_of(["", *self.engines])
        try:
            return self.call(name, *arrays, **options, engine=engine)
        except Refused as refusal:
            if not engine or refusal.kind != "NoEngine":
                raise
            return self.call(name, *arrays, **options)


class Library(Caller):
    """The public functions, on a device."""

    def __init__(self, server, device="cpu"):
        self._process = subprocess.Popen([server, device], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE)
        self._on_cpu = device == "cpu"
        kind = device.partition(":")[0]
        self.engines = [engine for engine in bytes(self.call("engines")).decode().split()
                        if engine.startswith(kind + ".")]
        if not self.engines:
            raise RuntimeError(f"this build has no engine of {device}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait()

    def call(self, name, *arrays, **options):
        """The result of function `name`. Arrays are sent as they lie in memory, with strides."""
        sent = [self._operand(np.asarray(array)) for array in arrays]
        request = {"call": name, "options": options, "operands": [header for header, _ in sent]}
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        for _, memory in sent:
            self._process.stdin.write(memory)
        self._process.stdin.flush()

        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"oracle_server died of {request}")
        answer = json.loads(line)
        if "error" in answer:
            self._check_device(answer, options)
            raise Refused(answer["error"], answer["message"])
        dtype = np.dtype(DTYPES[answer["dtype"]])
        size = int(np.prod(answer["shape"], dtype=np.int64)) * dtype.itemsize
        data = self._process.stdout.read(size)
        return np.frombuffer(data, dtype).reshape(answer["shape"])

    def _check_device(self, answer, options):
        """Of what is not done on a GPU it is said that it is on the CPU, or that no engine can."""
        none = answer["error"] == "NoEngine" and not options.get("engine")
        if not self._on_cpu and (none or "on the cpu" in answer["message"]):
            raise Unavailable(answer["message"])

    @staticmethod
    def _operand(array):
        root = array
        while isinstance(root.base, np.ndarray) and root.base.dtype == root.dtype:
            root = root.base
        if not root.flags.c_contiguous:
            array = root = np.ascontiguousarray(array)
        size = array.itemsize
        begin = root.__array_interface__["data"][0]
        header = {
            "dtype": NAMES[array.dtype],
            "shape": array.shape,
            "strides": [stride // size for stride in array.strides],
            "offset": (array.__array_interface__["data"][0] - begin) // size if array.size else 0,
            "elements": root.size,
        }
        return header, root.tobytes()


class Program(Caller):
    """The program `faltung`, with arrays in .npy files."""

    _APIS = {"signal": "scipy.signal", "image": "scipy.ndimage", "numpy": "numpy"}
    _PASSES = {"nn.conv": [], "nn.conv_transpose": ["--transposed"],
               "nn.conv_data_gradient": ["--pass", "backward-data"],
               "nn.conv_filter_gradient": ["--pass", "backward-filter"]}

    def __init__(self, program):
        self._program = program
        self._folder = tempfile.TemporaryDirectory()
        info = subprocess.run([program, "info", "--json"], capture_output=True, check=True)
        self.engines = json.loads(info.stdout)["engines"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._folder.cleanup()

    def call(self, name, *arrays, **options):
        folder = pathlib.Path(self._folder.name)
        files = [folder / f"{letter}.npy" for letter in "abc"[:len(arrays)]]
        for file, array in zip(files, arrays):
            np.save(file, array)
        arguments = self._arguments(name, files, options)
        if options:
            raise Unavailable(str(options))
        result = folder / "result.npy"
        done = subprocess.run([self._program, *map(str, arguments), "-o", result],
                              capture_output=True, text=True, check=False)
        if done.returncode < 0 or done.stdout or (done.returncode and done.stderr.count("\n") != 1):
            raise RuntimeError(f"{done.args} ended with {done.returncode}: {done.stderr}")
        if done.returncode:
            raise Refused("NoEngine" if done.returncode == 3 else "InvalidProblem", done.stderr)
        return np.load(result)

    def _arguments(self, name, files, options):
        """The command for a call; takes out of `options` what it passes on."""
        if name in self._PASSES:
            return self._conv(name, files, options)
        if engine := options.pop("engine", ""):
            options["method"] = engine
        if name == "signal.upfirdn":
            # SciPy passes over a value that does not count, the program refuses it.
            if options["mode"] != "constant":
                del options["cval"]
            return ["upfirdn", *files, *self._passed(options, "up", "down", "axis", "mode", "cval")]
        if name == "signal.resample_poly":
            window = f"kaiser:{options.pop('beta', 5.0)}" if len(files) == 1 else files[1]
            return ["resample", files[0], "--window", window,
                    *self._passed(options, "up", "down", "axis", "padtype", "cval")]
        if name in ("image.convolve1d", "image.correlate1d"):
            options["axes"] = options.pop("axis")
        api, function = name.split(".")
        # The other of the two goes through the command of the same name.
        if api == "image" and function != "convolve":
            return self._ndimage(function.removesuffix("1d"), files, options)
        return self._convolve(api, function, files, options)

    def _convolve(self, api, function, files, options):
        operation = function.removesuffix("2d").removeprefix("fft").removeprefix("oa")
        if api not in self._APIS or operation not in ("convolve", "correlate"):
            raise Unavailable(f"{api}.{function}")
        # The program calls convolve2d when it is given a boundary, fftconvolve when it is given axes.
        return ["convolve", *files, "--api", self._APIS[api], "--op", operation, *self._sums(options),
                *self._passed(options, "mode", "boundary", "origin", "axes", "method")]

    def _ndimage(self, function, files, options):
        second = "--weights" if function in ("convolve", "correlate") else "--footprint"
        weights = [second, files[1]] if len(files) > 1 else []
        return ["ndimage", function, files[0], *weights, *self._sums(options), *self._passed(
            options, "boundary", "sigma", "order", "truncate", "radius", "size", "rank",
            "percentile", "origin", "axis", "axes", "method")]

    def _sums(self, options):
        passed = self._passed(options, "accumulator")
        if "store" in options:  # refused where the result is no integer
            rounding, overflow = options.pop("store").split(", ")
            passed += ["--rounding", rounding, "--overflow", overflow]
        return passed

    def _passed(self, options, *names):
        return [f"--{name}={self._joined(options.pop(name))}" for name in names if name in options]

    def _conv(self, name, files, options):
        arguments = ["conv", *files[:2], *self._PASSES[name]]
        if len(files) > 2:
            arguments += ["--bias", files[2]]
        for option, sent in (("stride", "stride"), ("dilation", "dilation"), ("groups", "groups"),
                             ("layout", "layout"), ("shape", "shape"), ("padding", "pad"),
                             ("output_padding", "output-padding"), ("engine", "engine")):
            value = options.pop(option, "")
            if option == "padding" and isinstance(value, (list, tuple)):
                # ONNX order: all begins, then all ends.
                half = len(value) // 2
                value = [f"{low}:{high}" for low, high in zip(value[:half], value[half:])]
            if value != "":
                arguments.append(f"--{sent}={self._joined(value)}")
        return arguments

    @staticmethod
    def _joined(value):
        values = value if isinstance(value, (list, tuple)) else [value]
        return ",".join(map(str, values)).replace("_", "-")
