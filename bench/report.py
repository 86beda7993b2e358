"""python3 -m bench.report OURS.json [--peers PEERS.json]... [--sweep SWEEP.json] -o docs/benchmarks.md

Merges the result files of one run into a page with figures beside it."""

import argparse
from pathlib import Path

from . import cliffs, plots, results


def main():
    parser = argparse.ArgumentParser(prog="python3 -m bench.report", description=__doc__)
    parser.add_argument("ours")
    parser.add_argument("--peers", action="append", default=[], help="of bench.peers or faltung_cudnn_bench")
    parser.add_argument("--sweep", action="append", default=[], help="filter-length sweep made with --engine all")
    parser.add_argument("--cliffs", action="append", default=[], help="of bench/problems/cliffs.txt, see bench.cliffs")
    parser.add_argument("-o", "--output", required=True)
    options = parser.parse_args()
    ours = results.load(options.ours)
    peers = [results.load(path) for path in options.peers]
    rows = results.join(ours, peers)
    page = Path(options.output)
    figures = page.parent / "figures" / page.stem
    figures.mkdir(parents=True, exist_ok=True)
    base = figures.relative_to(page.parent)
    plots.roofline(rows, ours["ceilings"], figures / "roofline.svg")
    text = heading(ours, peers, options) + totals(rows) + f"\n![Roofline]({base}/roofline.svg)\n"
    if any(r.speedup for r in rows):
        plots.speedups(rows, figures / "speedup.svg")
        text += f"\n![Best peer over ours]({base}/speedup.svg)\n"
    for index, path in enumerate(options.sweep):
        sweep = results.load(path)
        title = sweep["records"][0]["family"]
        plots.sweep(sweep, title, figures / f"sweep{index}.svg")
        text += f"\n![{title}]({base}/sweep{index}.svg)\n"
    text += "".join(table(family, members) for family, members in results.families(rows).items())
    if options.cliffs:
        text += cliffs.section([results.load(path) for path in options.cliffs])
    page.write_text(text)


def heading(ours, peers, options):
    machine = ours["machine"]
    ceilings = ours["ceilings"]
    rates = ", ".join(f"{name} {rate * 1e-12:.3g} TFLOP/s" for name, rate in ceilings["matrix_flops"].items())
    lines = [f"# Benchmarks: {machine['name']}\n",
             f"Measured {machine['date']}, commit {machine['commit']}, {machine['details']}."]
    launch = ceilings["launch_seconds"]
    lines.append(f"Ceilings of the same run: copy {ceilings['copy_bytes_per_second'] * 1e-9:.0f} GB/s, products "
                 f"{rates}" + (f", empty launch {launch * 1e6:.1f} us." if launch else "."))
    for file in peers:
        found = ", ".join(f"{name} {version}" for name, version in file["versions"].items())
        threads = f" ({file['threads']} threads)" if file["device"] == "cpu" else ""
        lines.append(f"Peers{threads}: {found}.")
        if file["missing"]:
            lines.append("Missing peers: " + ", ".join(file["missing"]) + ".")
    lines.append(f"""
Every figure is the median of at least 15 runs with the caches flushed before each (of engines and peers that take
long, of at least 3); inputs are random.
The limit is the longer of every tensor moved once at copy speed and, for dense layers, the arithmetic at the
rate of products. TFLOP/s are direct-equivalent: what direct summation would do, whatever the algorithm. Error is
the largest error over its bound; 1 would be the bound. `*` marks noisy figures (p90 - p10 above a tenth of
the median), `(ref)` a problem that only the reference could do.

Data: """ + ", ".join(f"`{Path(path).name}`" for path in [options.ours] + options.peers) + ".\n")
    return "\n".join(lines)


def number(value, digits=3):
    return "" if value is None else f"{value:.{digits}g}"


def totals(rows):
    text = "\n| family | problems | best peer / ours | fraction of the limit | regret | worst regret |\n|---|--:|--:|--:|--:|--:|\n"
    means = []
    for family, members in results.families(rows).items():
        speedup = results.geometric_mean(r.speedup for r in members)
        means.append((speedup, results.geometric_mean(r.fraction for r in members)))
        regrets = [r.regret for r in members if r.regret]
        text += (f"| {family} | {len(members)} | {number(speedup)} | {number(means[-1][1])} | "
                 f"{number(results.geometric_mean(regrets))} | {number(max(regrets, default=None))} |\n")
    overall = [results.geometric_mean(column) for column in zip(*means)] if means else [None, None]
    text += f"| **geometric mean** | {len(rows)} | **{number(overall[0])}** | **{number(overall[1])}** | | |\n"
    ratios = [r.speedup for r in rows if r.speedup]
    wins, losses = sum(s > 1.05 for s in ratios), sum(s < 0.95 for s in ratios)
    return text + f"\n{wins} wins, {len(ratios) - wins - losses} ties within 5 %, {losses} losses.\n"


def table(family, members):
    text = (f"\n## {family}\n\n| problem | engine | us | limit us | fraction | best peer | us | peer / ours | error | regret |\n"
            "|---|---|--:|--:|--:|---|--:|--:|--:|--:|\n")
    for row in members:
        record = row.chosen
        if not row.ours:
            reason = record.get("skipped", "not timed").splitlines()[0]
            text += f"| `{row.problem}` | {reason} | | | | | | | | |\n"
            continue
        peer, peer_us = row.best_peer or ("", None)
        engine = record["engine"] + (" (ref)" if record["fallback"] else "")
        text += (f"| `{row.problem}` | {engine} | {record['median_us']:.1f}{'*' if record['noisy'] else ''} | "
                 f"{record['limit_us']:.1f} | {number(row.fraction, 2)} | {peer} | "
                 f"{'' if peer_us is None else f'{peer_us:.1f}'} | {number(row.speedup)} | "
                 f"{number(record.get('error_over_bound'), 2)} | {number(row.regret)} |\n")
    return text


if __name__ == "__main__":
    main()
