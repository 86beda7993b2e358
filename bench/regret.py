"""python3 -m bench.regret RESULT.json... -o FOLDER: how good the planner's choices and estimates are.

Of results of bench.ways, one for each instruction set. *Regret* is the time of the way that the planner takes over that of
the fastest one; that of `measure` is of the way that was fastest in the first of several passes. Prints a page, and with
-o writes it to FOLDER/regret.md, with its figure. --check exits with 1 if a figure is beyond what must be reached."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from . import results

NEAR = 1.5  # an estimate within this factor is right
SHOWN = 20
# What must be reached, at most: regrets, and the share of estimates that are not near.
GOALS = {"mean": 1.04, "p95": 1.25, "worst": 2.0, "measured mean": 1.02, "far": 0.1}


@dataclass
class Choice:
    """What the planner made of one problem."""

    problem: str
    pick: str
    pick_us: float
    estimate_us: float
    best: str
    best_us: float
    measured_regret: float | None

    @property
    def regret(self):
        return self.pick_us / self.best_us

    @property
    def ratio(self):
        """Estimate over time."""
        return self.estimate_us / self.pick_us


def main():
    parser = argparse.ArgumentParser(prog="python3 -m bench.regret", description=__doc__)
    parser.add_argument("results", nargs="+")
    parser.add_argument("-o", "--output", help="a folder")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    files = [results.load(path) for path in options.results]
    page, missed = "", []
    for file in files:
        text, beyond = section(file)
        page += text
        missed += beyond
    if options.output:
        from . import plots  # needs matplotlib

        folder = Path(options.output)
        folder.mkdir(parents=True, exist_ok=True)
        named = {name_of(file): choices_of(file) for file in files}
        plots.regret(named, folder / "regret.svg")
        heading = "# Regret: what the planner takes, against the fastest way\n\n![Regret](regret.svg)\n"
        (folder / "regret.md").write_text(heading + page)
    print(page)
    for line in missed:
        print(f"beyond: {line}")
    sys.exit(1 if options.check and missed else 0)


def name_of(file):
    machine = file["machine"]
    threads = machine["threads"]
    return f"{machine['instruction_set']}, {threads} thread{'s' if threads > 1 else ''}"


def times(ways):
    """Way to its least time, of those that were timed."""
    least = {}
    for way, entry in ways.items():
        us = [value for value in entry["us"] if value]
        if us:
            least[way] = min(us)
    return least


def choices_of(file):
    choices = []
    for record in file["records"]:
        timed = times(record.get("ways", {}))
        pick = record.get("pick")
        if pick not in timed:
            continue
        best = min(timed, key=timed.get)
        choices.append(Choice(record["problem"], pick, timed[pick], record["ways"][pick]["estimate_us"], best, timed[best],
                              measured_regret(record["ways"], timed)))
    return choices


def measured_regret(ways, timed):
    """Of the way that was the fastest in the first pass, by all passes; None if there was one alone."""
    first = {way: entry["us"][0] for way, entry in ways.items() if entry["us"][0]}
    passes = max(len(entry["us"]) for entry in ways.values())
    return timed[min(first, key=first.get)] / min(timed.values()) if passes > 1 and first else None


def section(file):
    """The page of one result, and what of it is beyond the goals."""
    machine, choices = file["machine"], choices_of(file)
    regrets = sorted(choice.regret for choice in choices)
    near = sum(is_near(choice.ratio) for choice in choices)
    ratios = [entry["estimate_us"] / us for record in file["records"] if "ways" in record
              for way, us in times(record["ways"]).items() if (entry := record["ways"][way])["estimate_us"]]
    measured = results.geometric_mean(choice.measured_regret for choice in choices)
    figures = {"mean": results.geometric_mean(regrets), "p95": regrets[int(0.95 * (len(regrets) - 1))], "worst": regrets[-1],
               "measured mean": measured or 1, "far": 1 - near / len(choices)}
    text = (f"\n## {name_of(file)}\n\nMeasured {machine['date']}, commit {machine['commit'][:7]}, {machine['name']}; "
            f"{len(choices)} problems of {len(file['records'])}, operands in cache where they fit.\n\n"
            "| | regret of `estimate` | goal |\n|---|--:|--:|\n")
    for key, words in (("mean", "geometric mean"), ("p95", "95 of 100 problems"), ("worst", "worst")):
        text += f"| {words} | {figures[key]:.3f} | {GOALS[key]} |\n"
    if measured:
        text += f"| geometric mean of `measure` | {measured:.3f} | {GOALS['measured mean']} |\n"
    text += (f"| estimates within {NEAR} of the time: of what is taken | {near / len(choices):.0%} | "
             f"{1 - GOALS['far']:.0%} |\n| the same of all {len(ratios)} ways timed | "
             f"{sum(map(is_near, ratios)) / len(ratios):.0%} | |\n")
    text += f"\nThe {SHOWN} worst choices:\n\n| regret | problem | taken | us | fastest | us |\n|--:|---|---|--:|---|--:|\n"
    for choice in sorted(choices, key=lambda each: -each.regret)[:SHOWN]:
        text += (f"| {choice.regret:.2f} | `{choice.problem}` | {choice.pick} | {choice.pick_us:.4g} | {choice.best} | "
                 f"{choice.best_us:.4g} |\n")
    text += f"\nThe {SHOWN} worst estimates:\n\n| estimate / time | problem | way | us |\n|--:|---|---|--:|\n"
    for choice in sorted(choices, key=lambda each: -max(each.ratio, 1 / each.ratio))[:SHOWN]:
        text += f"| {choice.ratio:.2f} | `{choice.problem}` | {choice.pick} | {choice.pick_us:.4g} |\n"
    beyond = [f"{name_of(file)}: {key} is {figures[key]:.3f}, at most {goal} is asked" for key, goal in GOALS.items()
              if figures[key] > goal]
    return text, beyond


def is_near(ratio):
    return 1 / NEAR <= ratio <= NEAR


if __name__ == "__main__":
    main()
