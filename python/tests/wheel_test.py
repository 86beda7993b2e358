"""What must hold of a wheel in an environment that has NumPy beside it and nothing of the source tree."""

import importlib.metadata
import pathlib
import re
import subprocess
import sys

import numpy as np

import faltung

LIMIT = 50  # milliseconds

package = pathlib.Path(faltung.__file__).parent
assert pathlib.Path(sys.prefix) in package.parents, f"faltung comes from {package}"
assert importlib.metadata.version("faltung") == faltung.__version__

loaded = {line.split()[-1] for line in open("/proc/self/maps") if re.search(r"/lib(faltung|tbb|hwy)[^/]*$", line.rstrip())}
assert loaded and all(pathlib.Path(sys.prefix) in pathlib.Path(path).parents for path in loaded), loaded

# Each library that came with the wheel has its licence there, and the wheel's own list names it.
files = importlib.metadata.files("faltung")
carried = {re.match(r"lib[a-z_]+", path.name).group() for path in files if path.parts[0] == "faltung.libs"}
licences = {str(path) for path in files if ".dist-info/licenses" in str(path)}
named = {name for name in importlib.metadata.metadata("faltung").get_all("License-File")}
assert {pathlib.Path(path).name for path in licences} >= {"LICENSE"}, licences
assert carried and all(any(f"/licenses/{name}/" in path for path in licences) for name in carried), (carried, licences)
assert {path.partition("/licenses/")[2] for path in licences} == named, (licences, named)
assert all(path.read_text().strip() for path in files if str(path) in licences)

if "--jax" in sys.argv:
    assert set(faltung._core.jax_targets) == {"conv", "conv_input", "conv_weight"}

np.testing.assert_array_equal(faltung.signal.convolve([1, 2, 3], [0, 1, 10]), [0, 1, 12, 23, 30])
x = np.random.default_rng(1).integers(-3, 4, (2, 3, 40, 40)).astype(np.float32)
w = np.ones((4, 3, 5, 5), np.float32)
windows = np.lib.stride_tricks.sliding_window_view(x, (5, 5), (2, 3)).sum((1, 4, 5))
np.testing.assert_array_equal(faltung.nn.conv2d(x, w), np.stack([windows] * 4, 1))
long = np.arange(20000.0)
assert "cpu." in faltung.explain("op=fwd dtype=f64 in=20000 f=4000")
np.testing.assert_allclose(faltung.signal.convolve(long, np.ones(4000), "valid")[0], 3999 * 2000, rtol=1e-9)

# Of the processor's time, for a machine that does other things besides makes others wait.
timed = "import numpy, time; t = time.process_time(); import faltung; print((time.process_time() - t) * 1e3)"
milliseconds = min(float(subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True).stdout)
                   for _ in range(15))
print(f"faltung {faltung.__version__} of {package}: imported in {milliseconds:.1f} ms after NumPy, with "
      f"{', '.join(sorted(pathlib.Path(path).name for path in loaded))}")
assert milliseconds < LIMIT, f"the import takes {milliseconds:.1f} ms; the limit is {LIMIT}"
