"""python3 -m bench.cliffs RESULT.json... [--factor 4]: problems that are slow beside one that differs in one thing.

The results are of `faltung bench bench/problems/cliffs.txt --cache warm --no-check --json`, run with FALTUNG_THREADS=1;
of several the shortest time of each problem counts. The first problem of a section is what its others are compared
with, by the time of a multiply-add: products of complex numbers count as four, sums of 8 bytes as two, and those with
the zeros of input dilation not at all. Exit status 1 if some problem takes more than the factor and longer than all its
tensors take to copy, or if some problem was not timed. --markdown writes the section of docs/benchmarks-cpu.md that bench.report takes with --cliffs."""

import argparse
import sys

from . import results

CALL_US = 2.0  # below this a run is what checks and dispatch cost
# Multiply-adds of 4-byte numbers that one of the accumulator's type counts as.
WEIGHTS = {"c64": 4, "c128": 8, "f64": 2, "i64": 2, "u64": 2}


def main():
    parser = argparse.ArgumentParser(prog="python3 -m bench.cliffs", description=__doc__)
    parser.add_argument("results", nargs="+")
    parser.add_argument("--factor", type=float, default=4, help="that counts as a cliff (4)")
    parser.add_argument("--all", action="store_true", help="print every problem, not only cliffs")
    parser.add_argument("--markdown", action="store_true", help="a table of what is left, for a page")
    options = parser.parse_args()
    files = [results.load(path) for path in options.results]
    fastest = shortest_times(files)
    cliffs, family = 0, None
    if options.markdown:
        print(section(files, options.factor))
    for ratio, record, cliff in compared(fastest, best_copy_rate(files), options.factor):
        cliffs += cliff
        if options.markdown:
            continue
        if record["family"] != family:
            family = record["family"]
            print(f"# {family}: {time(record):.1f} us, {unit_ns(record):.4f} ns a product")
        if cliff or options.all:
            print(f"{'cliff' if cliff else '     '} {ratio:6.2f}x {time(record):9.1f} us  {record['problem']}"
                  f"  {record['engine']}/{record.get('way', '')}")
    missing = [r for r in files[0]["records"] if r["problem"] not in fastest]
    for record in missing:
        print(f"not timed: {record['problem']}: {record.get('skipped', '')}")
    print(f"{len(fastest)} problems, {cliffs} cliffs")
    sys.exit(1 if cliffs or missing else 0)


def section(files, factor=4):
    """The table of what is left, with how it was measured, for a page."""
    machine, rate = files[0]["machine"], best_copy_rate(files)
    fastest = shortest_times(files)
    left = [(ratio, record) for ratio, record, cliff in compared(fastest, rate, factor) if cliff]
    text = f"""
## Cliffs

Problems of `bench/problems/cliffs.txt` whose multiply-adds take more than {factor:g} times as long as those of the plain
neighbour, the first of their section, unless memory explains it: {len(left)} of {len(fastest)}. {machine["name"]}, of which one
was used, warm caches, {machine["date"]}, commit {machine["commit"]}, by

    FALTUNG_THREADS=1 faltung bench bench/problems/cliffs.txt --device cpu --cache warm --no-check \\
        --max-seconds 0.02 --samples 5 --json

Where other work ran beside it, of several runs the shortest time of each problem counts, and the best copy rate, {rate * 1e-9:.0f} GB/s.

| times a product | us | problem | by |
|--:|--:|---|---|
"""
    return text + "".join(row(ratio, record) for ratio, record in left)


def row(ratio, record):
    return f"| {ratio:.1f} | {time(record):.3g} | `{record['problem']}` | {record['engine']}/{record.get('way', '')} |\n"


def best_copy_rate(files):
    return max(file["ceilings"]["copy_bytes_per_second"] for file in files)


def compared(fastest, copy_rate, factor):
    """Each problem's time of a product over its neighbour's, its record, and whether that is a cliff."""
    for records in by_family(fastest).values():
        for record in records:
            ratio = unit_ns(record) / unit_ns(records[0])
            explained = time(record) <= max(CALL_US, memory_us(record, copy_rate))
            yield ratio, record, ratio > factor and not explained


def shortest_times(files):
    """Problem to its record with the shortest time."""
    fastest = {}
    for record in (r for file in files for r in file["records"] if "p10_us" in r):
        best = fastest.setdefault(record["problem"], record)
        if time(record) < time(best):
            fastest[record["problem"]] = record
    return fastest


def by_family(fastest):
    families = {}
    for record in fastest.values():
        families.setdefault(record["family"], []).append(record)
    return families


def time(record):
    """Microseconds of the run, short of what others on the machine took from it."""
    return record["p10_us"]


def memory_us(record, copy_rate):
    """Microseconds in which all tensors are moved at that many bytes a second."""
    return record["gb_per_s"] * record["median_us"] * 1e3 / copy_rate * 1e6


def unit_ns(record):
    """Time of a multiply-add of one real pair of 4 bytes."""
    multiply_adds = record["tflop_per_s"] * record["median_us"] * 1e6 / 2
    return time(record) * 1e3 / (multiply_adds * real_products(record["canonical"]))


def real_products(problem):
    """Real products of 4 bytes for each multiply-add that the problem counts."""
    words = dict(word.split("=", 1) for word in problem.split())
    sums = words.get("acc", words["dtype"].split(":")[0])
    axes = words["in"].count("x") + 1
    steps = [int(u) for u in words.get("idil", "1").split("x")]
    steps *= axes if len(steps) == 1 else 1
    share = 1.0
    for step in steps:
        share /= step
    return share * WEIGHTS.get(sums, 1)


if __name__ == "__main__":
    main()
