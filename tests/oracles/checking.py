"""Random data, error bounds, and the loop that all comparisons share."""

import argparse
import os
import sys
import time
import zlib

import numpy as np

from client import NAMES, Library, Refused, Unavailable

INTEGERS = ("i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64")
ROUNDOFF = {"f16": 2.0**-11, "bf16": 2.0**-8, "f32": 2.0**-24, "f64": 2.0**-53,
            "c64": 2.0**-24, "c128": 2.0**-53}


def roundoff(dtype):
    """Unit roundoff; 0 for integers, which are exact."""
    return ROUNDOFF.get(NAMES[np.dtype(dtype)], 0.0)


def accumulator_roundoff(dtype):
    """Of the type in which sums of this result type are formed: f32 for the half types."""
    return min(roundoff(dtype), ROUNDOFF["f32"])


def wide(array):
    """The same values as f64 or c128, which hold every type but 64-bit integers exactly."""
    return array.astype(np.complex128 if np.iscomplexobj(array) else np.float64)


def sum_bound(terms, magnitude, dtype, result=None):
    """Error of a sum of `terms` products with sum |x||w| = magnitude, stored in `dtype`.

    A product and the additions after it round at most `terms` times, a complex product counts for
    sqrt(5) roundings (Brent, Percival & Zimmermann 2007), the scaling and the store for one each:
    (terms + 4) u. Higham, Accuracy and Stability, section 3.1.
    """
    bound = (terms + 4) * accumulator_roundoff(dtype) * magnitude
    if result is not None and roundoff(dtype) > accumulator_roundoff(dtype):
        bound = bound + roundoff(dtype) * np.abs(wide(result))
    return bound


def fft_bound(points, x_norm, w_norm, dtype):
    """Largest error of one element computed by FFT: 4 u log2(points) |x|_2 |w|_2 (Higham, 24.1)."""
    return 4 * accumulator_roundoff(dtype) * np.log2(2 * points + 2) * x_norm * w_norm


class Draw:
    """Random choices for one problem, replayed by its seed and number."""

    def __init__(self, seed, kind, number):
        self.rng = np.random.default_rng([seed, zlib.crc32(kind.encode()), number])

    def integer(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def one_of(self, choices):
        return choices[self.rng.integers(len(choices))]

    def chance(self, probability):
        return bool(self.rng.random() < probability)

    def extents(self, rank, largest):
        """Small and odd extents as often as large ones."""
        return [self.one_of([1, 2, 3, self.integer(1, largest), self.integer(1, largest)])
                for _ in range(rank)]

    def array(self, shape, dtype, magnitude=100, whole=False):
        """Values of a type; integers over their whole range up to `magnitude`. Sometimes a view
        with gaps, permuted axes or negative strides."""
        dtype = np.dtype(dtype)
        shape = tuple(shape)
        style = self.one_of(["plain", "plain", "plain", "steps", "reversed", "permuted"])
        order = list(self.rng.permutation(len(shape))) if style == "permuted" else None
        made = [shape[i] for i in order] if order is not None else list(shape)
        if style == "steps":
            made = [2 * extent for extent in made]
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            low, high = max(limits.min, -magnitude), min(limits.max, magnitude)
            values = self.rng.integers(low, high, made, endpoint=True)
        else:
            values = self.rng.standard_normal(made)
            if dtype.kind == "c":
                values = values + 1j * self.rng.standard_normal(made)
            if whole:
                values = np.round(3 * values)
        values = np.asarray(values).astype(dtype)
        if style == "steps" and shape:
            return values[tuple(slice(None, None, 2) for _ in shape)]
        if style == "reversed" and shape:
            return values[tuple(slice(None, None, -1) for _ in shape)]
        if order is not None:
            return values.transpose(np.argsort(order))
        return values


class Mismatch(Exception):
    pass


def check(ours, theirs, bound=0.0, same_type=True):
    """Raises Mismatch unless type and shape agree and |ours - theirs| <= bound, elementwise.

    With bound 0 the two must be equal; NaN equals NaN.
    """
    theirs = np.asarray(theirs)
    if same_type and ours.dtype != theirs.dtype:
        raise Mismatch(f"type {ours.dtype}, theirs {theirs.dtype}")
    if ours.shape != theirs.shape:
        raise Mismatch(f"shape {ours.shape}, theirs {theirs.shape}")
    if ours.size == 0:
        return
    if ours.dtype.kind in "iu" and not np.any(bound):
        wrong = ours != theirs
    else:
        with np.errstate(invalid="ignore"):
            error = np.abs(wide(ours) - wide(theirs))
        wrong = ~(error <= bound) & ~(np.isnan(wide(ours)) & np.isnan(wide(theirs)))
    if np.any(wrong):
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        limit = np.broadcast_to(bound, ours.shape)[at]
        raise Mismatch(f"{np.count_nonzero(wrong)} of {ours.size} elements are off, the first at "
                       f"{at}: {ours[at]!r}, theirs {theirs[at]!r}, bound {limit:.3g}")


def check_refusal(function, *arguments, **options):
    """Raises Mismatch unless the call throws InvalidProblem."""
    try:
        function(*arguments, **options)
    except Refused as refusal:
        if refusal.kind == "InvalidProblem":
            return
    raise Mismatch("accepted, but must be refused")


def main(title, kinds, caller=Library):
    """Runs `kinds`, a list of (name, number of problems, function(faltung, draw, problem)).

    A function raises Mismatch or Refused, or returns; it writes what it tried into the dictionary
    `problem`, for the report. Prints counts as GoogleTest does.
    """
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("path", help="of oracle_server, or of the program if that is compared")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("FALTUNG_TEST_SEED", 1)))
    parser.add_argument("--only", metavar="KIND:NUMBER", help="replays one problem")
    parser.add_argument("--device", help="that oracle_server computes on; the CPU by default")
    parser.add_argument("--seconds", type=float, default=float("inf"),
                        help="after which no problem is begun; each kind has its share of them")
    arguments = parser.parse_args()
    share = arguments.seconds / len(kinds)
    options = {"device": arguments.device} if arguments.device else {}
    print(f"{title}, seed {arguments.seed} (FALTUNG_TEST_SEED)")

    passed, failures = 0, 0
    with caller(arguments.path, **options) as faltung:
        for name, count, function in kinds:
            start, planned = time.perf_counter(), count
            for number in range(count):
                label = f"{name}:{number}"
                if number > 0 and time.perf_counter() - start > share:
                    count -= planned - number
                    break
                if arguments.only not in (None, label):
                    continue
                problem = {}
                try:
                    function(faltung, Draw(arguments.seed, name, number), problem)
                    passed += 1
                except Unavailable as reason:
                    count -= 1
                    unavailable = reason
                except (Mismatch, Refused) as error:
                    failures += 1
                    print(f"FAILED {label}: {error}\n  {problem}\n  replay: --seed "
                          f"{arguments.seed} --only {label}")
            if not count:
                print(f"{name}: NOT RUN ({unavailable})")
            print(f"  {name}: {count} problems, {time.perf_counter() - start:.1f} s", flush=True)
    print(f"[  PASSED  ] {passed} tests.")
    if failures:
        print(f"[  FAILED  ] {failures} tests, listed above")
    sys.exit(1 if failures or not passed else 0)
