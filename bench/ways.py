"""python3 -m bench.ways SUITE.txt... -o RESULT.json [--seconds 600] [--passes 2]: times every way of every problem.

By `faltung tune`, each problem in a process of its own: operands in cache where they fit, the least of many short runs,
of one thread by the processor's clock.
A result file that is there goes on where it ended, problems with the fewest passes first; one of another commit,
instruction set or number of threads is refused. FALTUNG_CPU_TARGET=avx2 in the environment makes it that of another
instruction set. bench.regret and bench.fit read the file."""

import argparse
import json
import os
import subprocess
import sys
import time
import zlib
from datetime import date
from pathlib import Path

CODE = ["cpp", "include"]  # what the program is built from


def main():
    parser = argparse.ArgumentParser(prog="python3 -m bench.ways", description=__doc__)
    parser.add_argument("suites", nargs="+")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--program", default="build/release/cpp/tools/faltung")
    parser.add_argument("--seconds", type=float, default=600, help="for all; none begins later (600)")
    parser.add_argument("--problem-seconds", type=float, default=2, help="for a pass of one problem (2)")
    parser.add_argument("--passes", type=int, default=1, help="over every problem (1)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--estimates", action="store_true",
                        help="time nothing: ask anew what the planner takes and expects, of problems that were timed")
    options = parser.parse_args()
    machine = describe(options.program, options.threads)
    if options.estimates:
        return ask_anew(Path(options.output), machine, options)
    result = resume(Path(options.output), machine)
    records = {record["problem"]: record for record in result["records"]}
    for suite in options.suites:
        for problem in problems(Path(suite)):
            records.setdefault(problem, {"problem": problem, "suite": Path(suite).stem, "passes": 0, "ways": {}})
    result["records"] = list(records.values())
    end = time.monotonic() + options.seconds
    for record in result["records"]:
        record["tries"] = 0
    waiting = [record for record in result["records"] if record["passes"] < options.passes]
    while waiting and time.monotonic() < end:
        record = min(waiting, key=lambda each: (each["tries"], zlib.crc32(each["problem"].encode())))  # as if at random
        time_once(record, options)
        write(Path(options.output), result)
        waiting = [each for each in waiting if each["passes"] < options.passes and each["tries"] < 2 * options.passes]
    print(f"{len(result['records'])} problems, {len(waiting)} of them with fewer than {options.passes} passes")


def problems(path):
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line.startswith("op=")]


def describe(program, threads):
    """The machine and the code, which must be those of the program."""
    changed = git("status", "--porcelain", "--", *CODE)
    if changed:
        sys.exit(f"bench.ways: a result names its commit, and there are changes beside it; commit them first:\n{changed}")
    newest = max((path for folder in CODE for path in Path(folder).rglob("*.*pp")), key=lambda path: path.stat().st_mtime)
    if newest.stat().st_mtime > Path(program).stat().st_mtime:
        sys.exit(f"bench.ways: {newest} is newer than {program}; build it again")
    info = ask(program, threads, "info", "--json")
    cpu = next(device for device in info["devices"] if device["device"] == "cpu")
    plan = ask(program, threads, "explain", "--json", "--device", "cpu", "op=fwd", "dtype=f32", "in=4096", "f=65")
    return {"name": cpu["name"], "record": info["machine"], "instruction_set": plan["facts"]["instruction_set"],
            "clock_ghz": 3.7, "threads": threads, "commit": git("rev-parse", "HEAD"), "compiler": info["compiler"],
            "date": date.today().isoformat()}


def git(*words):
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout.strip()


def ask(program, threads, *words):
    environment = {key: value for key, value in os.environ.items() if key != "FALTUNG_WISDOM_FILE"}
    environment["FALTUNG_THREADS"] = str(threads)
    run = subprocess.run([program, *words], capture_output=True, text=True, env=environment, check=False)
    if run.returncode != 0 and not run.stdout:
        sys.exit(f"bench.ways: {program} {' '.join(words)}: {run.stderr}")
    return json.loads(run.stdout)


def resume(path, machine):
    if not path.exists():
        return {"machine": machine, "records": []}
    result = json.loads(path.read_text())
    for key in ("name", "instruction_set", "threads", "commit"):
        if result["machine"][key] != machine[key]:
            sys.exit(f"bench.ways: {path} is of {key} {result['machine'][key]}, here it is {machine[key]}; "
                     "name another file, or remove this one")
    return result


def ask_anew(path, machine, options):
    """Estimates and choices of the program there is, beside times of an earlier one."""
    result = json.loads(path.read_text())
    if result["machine"]["instruction_set"] != machine["instruction_set"]:
        sys.exit(f"bench.ways: {path} is of {result['machine']['instruction_set']}; set FALTUNG_CPU_TARGET to it")
    for record in result["records"]:
        if record["ways"]:
            take_plan(record, options)
    result["machine"]["estimates_commit"] = machine["commit"]
    write(path, result)


def take_plan(record, options):
    """What the planner takes and expects."""
    plan = ask(options.program, options.threads, "explain", "--json", "--ways", "--device", "cpu",
               *record["problem"].split())
    record["canonical"] = plan["problem"]
    record["pick"] = f"{plan['engine']}/{plan['way']}"
    ways = record["ways"]
    for way in plan["ways"]:
        name = f"{way['engine']}/{way['way']}"
        if way["supported"]:
            ways.setdefault(name, {"us": []})["estimate_us"] = float(f"{way['estimate_us']:.5g}")


def time_once(record, options):
    """Adds a pass: the time of each way, and what the planner takes and expects."""
    take_plan(record, options)
    words = record["problem"].split()
    found = ask(options.program, options.threads, "tune", "--json", "--device", "cpu", "--ways", "1000",
                "--run-seconds", str(4 * options.problem_seconds), "--max-seconds", str(options.problem_seconds),
                *(["--processor-time"] if options.threads == 1 else []), *words)
    for way in found["problems"][0]["ways"]:
        if way["outcome"] == "refused":
            continue
        entry = record["ways"].setdefault(way["way"], {"us": []})
        entry["us"].append(way.get("measured_us"))
        if way["outcome"] in ("wrong", "failed"):
            print(f"{way['outcome']}: {way['way']} on {record['problem']}: {way.get('reason')}")
    record["passes"] = sum(us is not None for us in record["ways"][record["pick"]]["us"])
    record["tries"] = record.get("tries", 0) + 1


def write(path, result):
    new = path.with_name(path.name + ".new")
    lines = ",\n".join(json.dumps(record, separators=(",", ":")) for record in result["records"])
    new.write_text(f'{{"machine": {json.dumps(result["machine"])},\n"records": [\n{lines}\n]}}\n')
    os.replace(new, path)


if __name__ == "__main__":
    main()
