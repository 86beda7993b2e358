"""python3 -m bench.long_sums PROGRAM [-o docs/figures/bounds/long-sums.svg] [--max 1e7]

Measures the error of sums in f32 against their length, engine by engine, and draws it with the bounds. PROGRAM is
`faltung`. Operands are normally distributed; the error is that of all outputs together, as a share of their norm."""

import argparse
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from . import plots

OUTPUTS = 8  # of a problem over channels or taps; 32 over outputs
SEED = 7

# name: (engine, fewest terms, what a sum runs over). A transform needs more than one tap.
CURVES = {
    "cpu.direct, channels": ("cpu.direct", 1, "channels"),
    "cpu.direct, taps": ("cpu.direct", 1, "taps"),
    "cpu.direct, outputs": ("cpu.direct", 1, "outputs"),
    "cpu.gemm, channels": ("cpu.gemm", 1, "channels"),
    "cpu.gemm, outputs": ("cpu.gemm", 1, "outputs"),
    "cpu.fft, taps": ("cpu.fft", 2, "taps"),
    "cpu.reference, taps": ("cpu.reference", 1, "taps"),
}


def operands(kind, terms):
    """(shape of x, shape of the second operand, arguments of `faltung conv`, words of the problem)."""
    if kind == "channels":
        return (1, terms, 1), (OUTPUTS, terms, 1), [], f"op=fwd n=1 c={terms} in=1 k={OUTPUTS} f=1"
    if kind == "taps":
        length = terms + OUTPUTS - 1
        return (1, 1, length), (1, 1, terms), [], f"op=fwd n=1 c=1 in={length} k=1 f={terms}"
    return ((1, 1, terms + 3), (1, 8, terms), ["--pass", "backward-filter", "--shape", "8,1,4"],
            f"op=wgrad n=1 c=1 in={terms + 3} k=8 f=4")


def exact(kind, x, second):
    """The sums and those of magnitudes, in f64: as good as exact here."""
    if kind == "channels":
        products = (row.astype(np.float64) * x[0, :, 0] for row in second[:, :, 0])
        return np.array([(each.sum(), np.abs(each).sum()) for each in products]).T
    x, second = x.astype(np.float64), second.astype(np.float64)
    if kind == "taps":
        windows = [x[0, 0, i:i + second.shape[2]] for i in range(OUTPUTS)]
        return (np.array([w @ second[0, 0] for w in windows]),
                np.array([np.abs(w) @ np.abs(second[0, 0]) for w in windows]))
    windows = [x[0, 0, r:r + second.shape[2]] for r in range(4)]
    return (np.array([second[0] @ w for w in windows]).T.ravel(),
            np.array([np.abs(second[0]) @ np.abs(w) for w in windows]).T.ravel())


def bound(program, engine, words, x, second, y, magnitudes):
    """What the plan states, in the same measure: a share of the norm of the outputs."""
    text = subprocess.run([program, "explain", "--engine", engine, "--device", "cpu", words + " dtype=f32"], check=True,
                          capture_output=True, text=True).stdout
    constant = float(re.search(r"^error +at most ([0-9.e+-]+)", text, re.MULTILINE)[1])
    norm = np.linalg.norm
    spread = norm(x) * norm(second) if "||x||" in text else norm(magnitudes)
    return constant * spread / norm(y) + 2.0**-24


def measure(program, engine, kind, terms, folder):
    shape, second_shape, arguments, words = operands(kind, terms)
    random = np.random.default_rng(SEED)
    x = random.standard_normal(shape, dtype=np.float32)
    second = random.standard_normal(second_shape, dtype=np.float32)
    np.save(folder / "x.npy", x)
    np.save(folder / "w.npy", second)
    subprocess.run([program, "conv", folder / "x.npy", folder / "w.npy", "-o", folder / "y.npy", "--engine", engine,
                    "--device", "cpu", *arguments], check=True)
    y, magnitudes = exact(kind, x, second)
    error = np.load(folder / "y.npy").astype(np.float64).ravel() - y
    return np.linalg.norm(error) / np.linalg.norm(y), bound(program, engine, words, x, second, y, magnitudes)


def lengths(fewest, most):
    """Two a decade."""
    return [n for n in (round(10**(e / 2)) for e in range(15)) if fewest <= n <= most]


def main():
    parser = argparse.ArgumentParser(prog="python3 -m bench.long_sums", description=__doc__)
    parser.add_argument("program", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/figures/bounds/long-sums.svg"))
    parser.add_argument("--max", type=float, default=1e7, help="terms of the longest sums")
    options = parser.parse_args()
    curves = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (engine, fewest, kind) in CURVES.items():
            for terms in lengths(fewest, options.max):
                point = (terms, *measure(options.program.resolve(), engine, kind, terms, Path(folder)))
                curves.setdefault(name, []).append(point)
                print(f"{name}: {terms} terms, error {point[1]:.2e}, bound {point[2]:.2e}", flush=True)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    plots.long_sums(curves, options.output)


if __name__ == "__main__":
    main()
