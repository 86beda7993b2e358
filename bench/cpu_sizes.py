"""python3 -m bench.cpu_sizes SUITE.txt... -o bench/problems/cpu_sizes.txt: problems of other suites, small enough for one
core.

The batch becomes 1, and every other problem of f16 or bf16 one of f32. While the planner, asked about --machine, expects
more than a problem may take, the longest axis is halved, no shorter than its filter; then channels are, in whole groups;
then the filter with its axis. What is still too long, and what another line became already, is left out. Lines keep
their comments."""

import argparse
import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HEADING = """\
# Problems of {suites} at sizes for one core.
# Written by python3 -m bench.cpu_sizes, which says how."""
MAX_US = [1000, 100, 300, 30]  # in turns


def main():
    parser = argparse.ArgumentParser(prog="python3 -m bench.cpu_sizes", description=__doc__)
    parser.add_argument("suites", nargs="+")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--program", default="build/release/cpp/tools/faltung")
    parser.add_argument("--machine", default="avx512_server", help="a name of `faltung info`")
    options = parser.parse_args()

    def expect(problem):
        return estimate_us(options.program, options.machine, problem)

    seen = set()
    text = ""
    for suite in options.suites:
        lines = [line for line in Path(suite).read_text().splitlines() if line.startswith("op=")]
        with ThreadPoolExecutor(2) as pool:
            cut = list(pool.map(lambda item: cut_down(with_type(*item), expect, MAX_US[item[0] % len(MAX_US)]),
                                enumerate(lines)))
        text += f"# {Path(suite).stem}\n"
        for line, problem in zip(lines, cut):
            if problem is None or problem in seen:
                continue
            seen.add(problem)
            _, mark, note = line.partition("#")
            text += problem + ("  #" + note if mark else "") + "\n"
    names = ", ".join(Path(suite).stem for suite in options.suites)
    Path(options.output).write_text(HEADING.format(suites=names) + "\n\n" + text)
    print(f"{len(seen)} problems in {options.output}")


def with_type(index, line):
    problem = line.split("#")[0].strip()
    return re.sub(r"dtype=(f16|bf16)\b", "dtype=f32", problem) if index // len(MAX_US) % 2 else problem


def estimate_us(program, machine, problem):
    """What the planner expects on a machine that need not be here; None if it refuses."""
    run = subprocess.run([program, "explain", "--json", "--machine", machine, *problem.split()], capture_output=True,
                         text=True, env={"FALTUNG_THREADS": "1"}, check=False)
    return json.loads(run.stdout)["estimate_us"] if run.returncode == 0 else None


def cut_down(problem, expect, max_us):
    """The problem at a size for which `expect` says at most max_us; None if there is none."""
    words = dict(word.split("=", 1) for word in problem.split())
    for batch in ("n", "b"):
        words.pop(batch, None)
    while True:
        text = " ".join(f"{key}={value}" for key, value in words.items())
        us = expect(text)
        if us is None:
            return None
        if us <= max_us:
            return text
        if not (halve_input(words) or halve_channels(words) or halve_filter(words)):
            return None


def halve_input(words):
    inputs, filters = numbers(words["in"]), spread(words["f"], words["in"])
    dilations = spread(words.get("dil", "1"), words["in"])
    least = [max(16, (f - 1) * d + 1) for f, d in zip(filters, dilations)]
    axis = max(range(len(inputs)), key=lambda a: inputs[a] / least[a])
    if inputs[axis] < 2 * least[axis]:
        return False
    inputs[axis] //= 2
    words["in"] = "x".join(map(str, inputs))
    return True


def halve_channels(words):
    channels = [key for key in ("c", "k", "g") if key in words]
    values = {key: int(words[key]) for key in channels}
    groups = values.get("g", 1)
    if groups > 1:
        if any(value % 2 for value in values.values()):
            return False
        words.update({key: str(value // 2) for key, value in values.items()})
        return True
    widest = max(channels, key=values.get, default=None)
    if widest is None or values[widest] < 8 or values[widest] % 2:
        return False
    words[widest] = str(values[widest] // 2)
    return True


def halve_filter(words):
    """Halves input, taps and pads of filters that are as long as what they filter."""
    inputs, filters = numbers(words["in"]), numbers(words["f"])
    if max(filters) < 64:
        return False
    words["in"] = "x".join(str(max(1, n // 2)) for n in inputs)
    words["f"] = "x".join(str(max(1, n // 2)) for n in filters)
    if "pad" in words:
        words["pad"] = re.sub(r"\d+", lambda match: str(int(match[0]) // 2), words["pad"])
    return True


def numbers(text):
    return [int(part) for part in text.split("x")]


def spread(text, like):
    """One value an axis, where one may serve all."""
    values = numbers(text)
    return values if len(values) > 1 else values * len(numbers(like))


if __name__ == "__main__":
    main()
