"""python3 -m bench.expectations PROGRAM [--check]: what the planner expects of the sixty problems on an H200.

Writes way, microseconds and comparison anew into the table of bench/results/engines-cuda.md, from what
`PROGRAM explain --machine h200` says; the peers' times, which were measured, stay. PROGRAM is `faltung` of a build with
CUDA, on a machine where cuDNN is installed. With --check nothing is written, and the exit status is 1 if a row differs."""

import argparse
import json
import pathlib
import re
import subprocess
import sys

PAGE = pathlib.Path(__file__).parent / "results" / "engines-cuda.md"
ROW = re.compile(r"\| `(?P<problem>[^`]+)` \| (?P<way>\S+) \| (?P<us>\d+) \| (?P<peer>(?P<peer_us>\d+), [^|]+) \|")


def main():
    parser = argparse.ArgumentParser(prog="python3 -m bench.expectations", description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    before = PAGE.read_text()
    head, title, table = before.partition("## The sixty problems\n")
    lines = table.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if line.startswith("## "):
            break
        if row := ROW.match(line):
            lines[number] = row_of(options.program, row)
    after = head + title + "".join(lines)
    if not options.check:
        PAGE.write_text(after)
        return 0
    for old, new in zip(before.splitlines(), after.splitlines()):
        if old != new:
            print(f"-{old}\n+{new}")
    return int(before != after)


def row_of(program, row):
    command = [program, "explain", "--json", "--machine", "h200", "op=" + row["problem"]]
    plan = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    way = plan["engine"].removeprefix("cuda.") + "/" + plan["way"]
    return f"| `{row['problem']}` | {way} | {plan['estimate_us']:.0f} | {row['peer']} | {words(way, plan, row)} |\n"


def words(way, plan, row):
    us, peer_us = plan["estimate_us"], int(row["peer_us"])
    if us > 1.05 * peer_us:
        return f"**lost**, {us / peer_us:.1f} times"
    if way.startswith("cudnn") and "channels first" in row["peer"]:
        return "equal, the same library"
    if us > peer_us / 1.05:
        return "equal"
    return f"{peer_us / us:.1f} times faster"


if __name__ == "__main__":
    sys.exit(main())
