"""python3 -m bench.fit RESULT.json... [--write]: fits what the CPU's ways take beside what their policies count.

Of results of bench.ways, of one thread. A way's time is a start, its policy's estimate times a factor, and cycles for each
row of y and each element of x, w and y, more where elements have 16 bits: none of them negative, with the least sum of
the errors' logarithms, which count by the time of the fastest way over that of this one: what is never taken need not
be right. Prints each way's residuals before and after; --write makes them cpp/cpu/fitted_costs.inc.

Times older than the kernels they are of are refused: those of a way, if its engine's folder has changed since but for
policies and the engine's own file, which say how long it takes. Needs NumPy."""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import numpy

from . import regret, results

TABLE = "cpp/cpu/fitted_costs.inc"
TERMS = ["start", "work", "row", "input", "filter", "output", "f16 input", "f16 filter", "f16 output", "bf16 input",
         "bf16 filter", "bf16 output"]
FEWEST = 8  # problems that say something about a way
FEW = 30  # that say no more than its start, its factor, and what a tap takes
LEAST_START = 700  # cycles: what checks and dispatch take of the smallest run
LEAST_START_OF_TRANSFORMS = 13000  # those that err by the norm of the data are not for what direct sums do in 5 us
ROUNDED = ["cpu.fft/transforms", "cpu.fft/watched"]
HEADING = """\
// Written by python3 -m bench.fit of {sources}.
// way, start, work, row, {{input, filter, output}} of all types, of f16, of bf16: see fitted_cost.cpp.
"""


def main():
    parser = argparse.ArgumentParser(prog="python3 -m bench.fit", description=__doc__)
    parser.add_argument("results", nargs="+")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    files = [results.load(path) for path in options.results]
    for path, file in zip(options.results, files):
        refuse_old(path, file["machine"])
    samples = gather(files, [table_at(file["machine"]) for file in files])
    fitted = {}
    print(f"{'way':28}{'problems':>9}{'near before':>12}{'after':>7}{'r.m.s. before':>14}{'after':>7}")
    for way in sorted(samples):
        cases = samples[way]
        if len(cases) < FEWEST:
            continue
        fitted[way] = fit(way, cases)
        before, after = spread(numpy.array([c["estimate_us"] / c["us"] for c in cases])), spread(errors(cases, fitted[way]))
        print(f"{way:28}{len(cases):9}{before[0]:12.0%}{after[0]:7.0%}{before[1]:14.2f}{after[1]:7.2f}")
    if options.write:
        names = ", ".join(Path(path).name for path in options.results)
        Path(TABLE).write_text(HEADING.format(sources=names) + "".join(line(way, fitted[way]) for way in fitted))


def refuse_old(path, machine):
    """Exits if kernels changed since."""
    if machine["threads"] != 1:
        sys.exit(f"bench.fit: {path} is of {machine['threads']} threads; the costs are those of one")
    for folder in ("cpp/cpu/direct", "cpp/cpu/gemm", "cpp/cpu/fft"):
        changed = git("log", "--format=%h %s", f"{machine['commit']}..HEAD", "--", folder, ":!*_policy.*", ":!*_engine.*")
        if changed:
            sys.exit(f"bench.fit: {path} was measured at {machine['commit'][:7]}, and {folder} has changed since:\n"
                     f"{changed}\nmeasure anew by python3 -m bench.ways")


def git(*words):
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout.strip()


def table_at(machine):
    """The costs that the estimates of a result were made with."""
    return read_table(git("show", f"{machine.get('estimates_commit', machine['commit'])}:{TABLE}"))


def read_table(text):
    table = {}
    for way, numbers in re.findall(r'^\{"([^"]+)", (.*)\},$', text, re.MULTILINE):
        values = [float(value) for value in re.sub(r"[{}]", "", numbers).split(",")]
        table[way] = numpy.array(values)
    return table


def line(way, costs):
    start, work, row, *rest = (f"{value:.4g}" for value in costs)
    groups = ", ".join("{" + ", ".join(rest[i:i + 3]) + "}" for i in (0, 3, 6))
    return f'{{"{way}", {start}, {work}, {row}, {groups}}},\n'


def gather(files, tables):
    """Way to its cases: what is counted for each term, in microseconds of a cycle, and the time."""
    samples = {}
    for file, table in zip(files, tables):
        us_of_cycle = 1e-3 / file["machine"]["clock_ghz"]
        for record in file["records"]:
            if not record["ways"]:
                continue
            counts = counts_of(record["canonical"])
            times = regret.times(record["ways"])
            for way, us in times.items():
                if way.startswith("cpu.reference/") or way.endswith("/in_result"):
                    continue  # never taken for its time; quotes a guess
                estimate = record["ways"][way]["estimate_us"]
                known = table.get(way, numpy.eye(1, len(TERMS), 1)[0])
                terms = numpy.array(counts) * us_of_cycle
                others = float(numpy.delete(known, 1) @ numpy.delete(terms, 1))
                terms[1] = (estimate - others) / known[1] if known[1] else 0
                samples.setdefault(way, []).append({"terms": terms, "us": us, "estimate_us": estimate,
                                                    "weight": min(times.values()) / us})
    return samples


def counts_of(problem):
    """Of each term but the work, whose place is left."""
    words = dict(word.split("=", 1) for word in problem.split())
    inputs = [int(n) for n in words["in"].split("x")]

    def each(key, default):
        parts = words.get(key, default).split("x")
        return parts if len(parts) == len(inputs) else parts * len(inputs)

    taps, pads = [int(v) for v in each("f", "1")], [[int(v) for v in pad.split(":")] for pad in each("pad", "0")]
    strides, dilations, zeros = ([int(v) for v in each(key, "1")] for key in ("stride", "dil", "idil"))
    outputs = [((n - 1) * u + 1 + pad[0] + pad[-1] - (r - 1) * d - 1) // s + 1
               for n, r, pad, s, d, u in zip(inputs, taps, pads, strides, dilations, zeros)]
    batch, c, k, groups = (int(words.get(key, "1")) for key in ("n", "c", "k", "g"))
    types = words["dtype"].split(":")
    types = types if len(types) == 3 else types * 3
    x, w, y = batch * c * prod(inputs), k * c // groups * prod(taps), batch * k * prod(outputs)
    sizes = [x, w, y]
    halves = [[size if name == wanted else 0 for size, name in zip(sizes, types)] for wanted in ("f16", "bf16")]
    return [1, 0, y / max(1, outputs[-1]), *sizes, *halves[0], *halves[1]]


def prod(values):
    return int(numpy.prod(values, dtype=numpy.float64))


def fit(way, cases):
    """The costs; of few cases with one term beside start and factor, or none, whichever errs least."""
    if len(cases) >= FEW:
        return fit_terms(way, cases, list(range(len(TERMS))))
    found = [fit_terms(way, cases, used) for used in ([0, 1], [0, 1, 3], [0, 1, 4], [0, 1, 5])]
    return min(found, key=lambda costs: spread(errors(cases, costs))[1])


def fit_terms(way, cases, used):
    """Costs that are not negative and err least, as factors; doubt keeps that of the work at 1."""
    us = numpy.array([case["us"] for case in cases])
    terms = numpy.array([case["terms"] for case in cases]) / us[:, None]
    doubt = numpy.zeros(len(TERMS))
    doubt[1] = 1
    rows = numpy.vstack([terms, doubt])[:, used]
    aim = numpy.ones(len(rows))
    shares = numpy.array([case["weight"] for case in cases] + [1])
    weights = numpy.sqrt(shares)
    for _ in range(12):
        found = not_negative(rows * weights[:, None], aim * weights)
        ratios = numpy.maximum(rows @ found, 1e-3)
        # So that what is least are the magnitudes of the ratios' logarithms.
        weights = numpy.sqrt(shares * numpy.maximum(abs(numpy.log(ratios)), 0.1) / numpy.maximum((ratios - 1) ** 2, 0.01))
        weights[-1] = 1
    costs = numpy.zeros(len(TERMS))
    costs[used] = numpy.where(found < 1e-3, 0, found)
    costs[0] = max(costs[0], LEAST_START_OF_TRANSFORMS if way in ROUNDED else LEAST_START)
    return costs


def not_negative(a, b):
    """min |a x - b| over x >= 0, one coordinate after the other."""
    products, aim = a.T @ a, a.T @ b
    x = numpy.zeros(a.shape[1])
    for _ in range(2000):
        for j in range(len(x)):
            if products[j, j] > 0:
                x[j] = max(0.0, x[j] + (aim[j] - products[j] @ x) / products[j, j])
    return x


def errors(cases, costs):
    return numpy.array([case["terms"] @ costs / case["us"] for case in cases])


def spread(ratios):
    """The share of estimates that are near, and their r.m.s. factor."""
    return numpy.mean([regret.is_near(r) for r in ratios]), float(numpy.exp(numpy.sqrt(numpy.mean(numpy.log(ratios) ** 2))))


if __name__ == "__main__":
    main()
