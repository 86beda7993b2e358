"""The figures of docs/benchmarks.md, as SVG."""

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402  after the back end is chosen

from . import results  # noqa: E402

# Okabe & Ito's palette: told apart with any colour vision.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C510A", "#5E3C99",
           "#4D4D4D"]
plt.rcParams.update({"svg.hashsalt": "faltung", "font.size": 10, "axes.grid": True, "grid.alpha": 0.3,
                     "axes.spines.top": False, "axes.spines.right": False, "svg.fonttype": "none"})


def _save(figure, path):
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def roofline(rows, ceilings, path):
    """Achieved rate against arithmetic intensity, both direct-equivalent, under the measured roofs."""
    figure, axes = plt.subplots(figsize=(8, 5))
    reached = [0.1]
    for index, (family, members) in enumerate(results.families(rows).items()):
        points = [(r.chosen["tflop_per_s"] * 1e3 / r.chosen["gb_per_s"], r.chosen["tflop_per_s"])
                  for r in members if r.ours]
        if points:
            axes.scatter(*zip(*points), s=28, color=COLOURS[index % len(COLOURS)], label=family)
            reached += [p[0] for p in points]
    copy = ceilings["copy_bytes_per_second"] * 1e-12
    ends = [min(reached) / 2, max(reached) * 2]
    axes.plot(ends, [copy * e for e in ends], color="black", lw=1)
    axes.text(ends[0] * 1.2, copy * ends[0] * 1.7, f"copy {copy * 1e3:.0f} GB/s", rotation=30, fontsize=8)
    for name, rate in ceilings["matrix_flops"].items():
        axes.axhline(rate * 1e-12, color="grey", lw=0.8, ls="--")
        axes.text(ends[1], rate * 1e-12, f" {name}", va="center", fontsize=8)
    axes.set(xscale="log", yscale="log", xlabel="direct-equivalent flop per byte moved once",
             ylabel="direct-equivalent TFLOP/s")
    axes.legend(fontsize=7, loc="lower right")
    _save(figure, path)


def speedups(rows, path):
    """Best peer over ours for every problem; losses stand left of the line."""
    shown = [r for r in rows if r.speedup]
    figure, axes = plt.subplots(figsize=(8, 0.22 * len(shown) + 1))
    names = list(results.families(rows))
    colours = [COLOURS[names.index(r.family) % len(COLOURS)] for r in shown]
    axes.barh(range(len(shown)), [r.speedup - 1 for r in shown], left=1, color=colours, height=0.7)
    axes.set_yticks(range(len(shown)), [r.problem for r in shown], fontsize=6)
    axes.invert_yaxis()
    axes.axvline(1, color="black", lw=1)
    axes.set(xscale="log", xlabel="best peer's time over ours (right of 1: faster)")
    _save(figure, path)


def sweep(report, title, path):
    """Time against filter length: every engine's curve, and a ring around what the dispatcher chose."""
    curves, chosen = {}, []
    for record in report["records"]:
        if "median_us" not in record:
            continue
        taps = int(record["problem"].split(" f=")[1].split()[0].split("x")[0])
        curves.setdefault(record["engine"], []).append((taps, record["median_us"]))
        if record.get("chosen"):
            chosen.append((taps, record["median_us"]))
    figure, axes = plt.subplots(figsize=(8, 4.5))
    for index, (engine, points) in enumerate(sorted(curves.items())):
        axes.plot(*zip(*sorted(points)), marker="o", ms=4, color=COLOURS[index % len(COLOURS)], label=engine)
    if chosen:
        axes.scatter(*zip(*chosen), s=90, facecolors="none", edgecolors="black", label="chosen")
    axes.set(xscale="log", yscale="log", xlabel="filter length in taps", ylabel="microseconds", title=title)
    axes.legend(fontsize=8)
    _save(figure, path)


def long_sums(curves, path):
    """Error against the number of terms: measured (points), and the bound that the plan states (dashes)."""
    figure, axes = plt.subplots(figsize=(8, 5))
    for index, (name, points) in enumerate(curves.items()):
        terms, errors, bounds = zip(*points)
        axes.plot(terms, errors, marker="o", ms=4, color=COLOURS[index % len(COLOURS)], label=name)
        axes.plot(terms, bounds, ls="--", lw=0.8, color=COLOURS[index % len(COLOURS)])
    axes.set(xscale="log", yscale="log", xlabel="terms of a sum in f32", ylabel="error as a share of the norm",
             title="Measured (points) and bound (dashes)")
    axes.legend(fontsize=8)
    _save(figure, path)


def regret(choices, path):
    """Left: regret, sorted, of each machine. Right: estimate against time of what the planner took."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5))
    for index, (name, made) in enumerate(choices.items()):
        regrets = sorted(choice.regret for choice in made)
        share = [100 * (i + 1) / len(regrets) for i in range(len(regrets))]
        left.plot(share, regrets, color=COLOURS[index], label=name)
        right.scatter([c.pick_us for c in made], [c.estimate_us for c in made], s=8, color=COLOURS[index], label=name)
    left.axhline(1.25, color="grey", lw=0.8, ls="--")
    left.set(yscale="log", xlabel="problems, by regret, in per cent", ylabel="time taken over that of the fastest way")
    ends = [min(c.pick_us for made in choices.values() for c in made), max(c.pick_us for made in choices.values() for c in made)]
    for factor, style in ((1, "-"), (1.5, "--"), (1 / 1.5, "--")):
        right.plot(ends, [factor * end for end in ends], color="grey", lw=0.8, ls=style)
    right.set(xscale="log", yscale="log", xlabel="microseconds", ylabel="estimate")
    left.legend(fontsize=8)
    _save(figure, path)
