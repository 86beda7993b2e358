"""python3 -m bench.compare OLD.json NEW.json [--band 0.1]: what changed between two result files.

Exit status 1 if a problem got slower than the noise band allows, or wrong."""

import argparse
import sys

from . import results


def main():
    parser = argparse.ArgumentParser(prog="python3 -m bench.compare", description=__doc__)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--band", type=float, default=0.1,
                        help="relative change that counts as noise; noisy figures get twice as much (0.1)")
    options = parser.parse_args()
    if options.band <= 0:
        parser.error(f"--band is {options.band}; it must be above 0")
    old, new = (timed(results.load(path)) for path in (options.old, options.new))
    bad = 0
    for key in [k for k in old if k in new]:
        bad += compare(key, old[key], new[key], options.band)
    for key in [k for k in old if k not in new]:
        print(f"gone     {key[0]} on {key[1]}")
        bad += 1
    for key in [k for k in new if k not in old]:
        print(f"new      {key[0]} on {key[1]}: {new[key]['median_us']:.1f} us")
    both = [k for k in old if k in new]
    change = results.geometric_mean(new[k]["median_us"] / old[k]["median_us"] for k in both)
    print(f"{len(both)} problems compared, geometric mean of new/old time {change or 1:.3f}, {bad} worse")
    sys.exit(1 if bad else 0)


def timed(report):
    return {(r["problem"], r["engine"]): r for r in report["records"] if "median_us" in r}


def compare(key, old, new, band):
    """Prints a line for a change beyond the band; 1 if it is for the worse."""
    if new.get("error_over_bound", 0) > 1:
        print(f"WRONG    {key[0]} on {key[1]}: error is {new['error_over_bound']:.2f} of its bound")
        return 1
    ratio = new["median_us"] / old["median_us"]
    allowed = band * (2 if old["noisy"] or new["noisy"] else 1)
    if abs(ratio - 1) <= allowed:
        return 0
    word = "slower" if ratio > 1 else "faster"
    print(f"{word:8} {key[0]} on {key[1]}: {old['median_us']:.1f} -> {new['median_us']:.1f} us ({ratio:.2f}x)")
    return int(ratio > 1)


if __name__ == "__main__":
    main()
