"""Times calls through Python beside those of SciPy and NumPy, and prints a table.

    PYTHONPATH=PACKAGE python -m bench.python_calls [--rounds 400] >bench/results/python.md

PACKAGE is the folder of the package: build/release/tests/python/package once the tests have run; without it the
installed one. Each row times both in turn, in rounds of about a millisecond, and gives the shortest of each: what a call
takes when nothing else does.
"""

import argparse
import subprocess
import sys
import time

import numpy as np
import scipy
import scipy.ndimage
import scipy.signal

import faltung


def rows(rng):
    """(what, ours, theirs): from next to no work, where a call is all there is, to a millisecond of it."""

    def signal(*shapes, dtype="f8"):
        return [rng.standard_normal(shape).astype(dtype) for shape in shapes]

    for n, m in (8, 3), (100, 9), (1664, 65), (20_000, 101):
        x, k = signal(n, m)
        yield f"`numpy.convolve`, f64, {n} by {m}", lambda: faltung.numpy.convolve(x, k), lambda: np.convolve(x, k)
    for n, m in (8, 3), (1664, 65), (20_000, 101):
        x, k = signal(n, m)
        yield (f"`signal.convolve`, f64, {n} by {m}", lambda: faltung.signal.convolve(x, k),
               lambda: scipy.signal.convolve(x, k))
    x, k = signal((64, 64), (5, 5), dtype="f4")
    yield "`signal.convolve2d`, f32, 64 x 64 by 5 x 5", lambda: faltung.signal.convolve2d(x, k, "same"), \
        lambda: scipy.signal.convolve2d(x, k, "same")
    x, h = signal(1000, 31)
    yield "`signal.upfirdn`, f64, 1000 by 31, up 3, down 2", lambda: faltung.signal.upfirdn(h, x, 3, 2), \
        lambda: scipy.signal.upfirdn(h, x, 3, 2)
    yield "`signal.lfilter`, f64, 1000 by 31", lambda: faltung.signal.lfilter(h, 1.0, x), \
        lambda: scipy.signal.lfilter(h, 1.0, x)
    yield "`signal.savgol_filter`, f64, 1000 by 31", lambda: faltung.signal.savgol_filter(x, 31, 3), \
        lambda: scipy.signal.savgol_filter(x, 31, 3)
    x, = signal((64, 64), dtype="f4")
    for name, options in (("gaussian_filter", {"sigma": 2}), ("uniform_filter", {"size": 5}), ("sobel", {}),
                          ("median_filter", {"size": 3}), ("grey_erosion", {"size": 7}),
                          ("correlate", {"weights": signal((5, 5))[0]})):
        said = ", ".join(f"{key} {np.shape(value) or value}" for key, value in options.items())
        yield (f"`ndimage.{name}`, f32, 64 x 64{', ' * bool(said)}{said}",
               lambda: getattr(faltung.ndimage, name)(x, **options), lambda: getattr(scipy.ndimage, name)(x, **options))


def shortest(ours, theirs, rounds):
    """Microseconds of a call of either, in turn."""
    calls, best = (ours, theirs), [float("inf")] * 2
    counts = []
    for call in calls:
        start = time.perf_counter()
        call()
        call()
        counts.append(max(1, int(1e-3 / max(time.perf_counter() - start, 1e-6))))
    for _ in range(rounds):
        for i, call in enumerate(calls):
            start = time.perf_counter()
            for _ in range(counts[i]):
                call()
            best[i] = min(best[i], (time.perf_counter() - start) / counts[i])
    return [each * 1e6 for each in best]


def import_milliseconds():
    code = "import numpy, time; t = time.perf_counter(); import faltung; print((time.perf_counter() - t) * 1e3)"
    return min(float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(9))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=400)
    rounds = parser.parse_args().rounds
    importing = import_milliseconds()
    print("# Calls through Python\n")
    print(f"Made by `python -m bench.python_calls`: the shortest of {rounds} rounds, {faltung.threads()} threads, SciPy "
          f"{scipy.__version__}, NumPy {np.__version__}.\n`import faltung` takes {importing:.0f} ms beside "
          "NumPy's import.\n")
    print("| call | us | theirs, us | theirs / ours |\n|---|--:|--:|--:|")
    ratios, timed = [], {}
    for what, ours, theirs in rows(np.random.default_rng(1)):
        a, b = timed[what] = shortest(ours, theirs, rounds)
        ratios.append(b / a)
        print(f"| {what} | {a:.1f} | {b:.1f} | {b / a:.2f} |", flush=True)
    print(f"| **geometric mean** | | | **{np.exp(np.log(ratios).mean()):.2f}** |")
    print("\n| goal | is | should be |\n|---|--:|--:|")
    least, (a, b) = timed["`numpy.convolve`, f64, 8 by 3"][0], timed["`numpy.convolve`, f64, 1664 by 65"]
    print(f"| a call that sums next to nothing, us | {least:.2f} | below 3 |")
    print(f"| 1664 by 65 in f64, times as fast as `numpy.convolve` | {b / a:.2f} | 3 |")
    print(f"| `import faltung` after NumPy, ms | {importing:.0f} | below 50 |")


if __name__ == "__main__":
    main()
