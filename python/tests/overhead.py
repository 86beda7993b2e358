"""How long a call takes that computes next to nothing, how long the import takes, and one call beside NumPy's.

Prints minima, which load on the machine hardly touches; fails only where a call is far beyond its goal of 3 us.
"""

import subprocess
import sys
import timeit

import numpy as np

import faltung


def microseconds(call, count):
    # Short rounds, of which some are not interrupted.
    return min(timeit.repeat(call, number=count, repeat=1500)) / count * 1e6


x, k = np.ones(8), np.ones(3)
call = microseconds(lambda: faltung.signal.convolve(x, k), 20)
numpy_call = microseconds(lambda: faltung.numpy.convolve(x, k), 20)
theirs = microseconds(lambda: np.convolve(x, k), 20)
print(f"a call: {call:.2f} us, as NumPy's {numpy_call:.2f} us; NumPy itself {theirs:.2f} us")

x, k = np.random.default_rng(1).normal(size=(2, 1664))
k = k[:65].copy()
ours = microseconds(lambda: faltung.numpy.convolve(x, k), 3)
theirs = microseconds(lambda: np.convolve(x, k), 3)
print(f"1664 by 65 in float64: {ours:.1f} us, NumPy {theirs:.1f} us, {theirs / ours:.1f} times")

code = "import numpy, time; t = time.perf_counter(); import faltung; print((time.perf_counter() - t) * 1e3)"
importing = min(float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(5))
print(f"import faltung, NumPy imported before: {importing:.1f} ms")
sys.exit(0 if call < 15 else f"a call takes {call:.1f} us")
