"""python3 -m bench.peers SUITE -o peers.json [--device cpu|cuda] [--only NAME] [--threads N]"""

import argparse
import datetime
import importlib
import json
import os
import platform
import sys

from . import notation, timing


def arguments():
    parser = argparse.ArgumentParser(prog="python3 -m bench.peers", description=__doc__)
    parser.add_argument("suite")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--only", help="peers whose name starts with this")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--max-seconds", type=float, default=20, help="for one peer on one problem")
    return parser.parse_args()


def versions(names):
    found, missing = {}, {}
    for name in names:
        try:
            found[name] = importlib.import_module(name).__version__
        except Exception as error:  # a peer may fail in any way when it is imported
            missing[name] = f"{type(error).__name__}: {error}".splitlines()[0]
    return found, missing


def limit_threads(count):
    """Every peer gets the same number of threads; libraries read these before they are imported.

    XLA has no setting of its own: it counts the processors it may run on.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(count)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
    os.environ.update(JAX_ENABLE_X64="1", XLA_PYTHON_CLIENT_PREALLOCATE="false")


def calls(problem, device, present):
    """(peer, call) for everything that can do this problem, or this call."""
    import numpy as np

    rng = np.random.default_rng(20261120)
    if isinstance(problem, notation.Call):
        from . import call_peers

        for make in call_peers.ALL if device == "cpu" else ():
            if make not in call_peers.OPENCV or "cv2" in present:
                yield from make(problem, rng)
        return
    if device == "cpu":
        from . import cpu_peers

        for make in cpu_peers.ALL:
            if make is cpu_peers.opencv_filter and "cv2" not in present:
                continue
            yield from make(problem, rng)
    elif "cupy" in present:
        from . import cupy_peers

        for make in cupy_peers.ALL:
            yield from make(problem)
    if "torch" in present:
        from . import torch_peers

        torch_peers.prepare(problem)
        for make in torch_peers.ALL:
            for name, call, _ in make(problem, device):
                yield name, call
    if "jax" in present:
        from . import jax_peers

        for make in jax_peers.ALL:
            yield from make(problem)


def share_stream():
    """CuPy works on PyTorch's stream, so that the same events time both."""
    import cupy
    import torch

    cupy.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream).use()


def machine(device):
    facts = {"processor": platform.processor() or platform.machine(), "system": platform.platform()}
    try:
        with open("/proc/cpuinfo") as info:
            facts["processor"] = next(l.split(": ", 1)[1].strip() for l in info if l.startswith("model name"))
    except (OSError, StopIteration):
        pass
    if device == "cuda":
        import torch

        facts["gpu"] = torch.cuda.get_device_name()
        facts["cudnn"] = torch.backends.cudnn.version()
        facts["cuda"] = torch.version.cuda
    return facts


def time_problem(problem, clock, options, present):
    record = {"problem": problem.text, "family": problem.family, "peers": {}, "failed": {}}
    for name, call in calls(problem, options.device, present):
        if options.only and not name.startswith(options.only):
            continue
        try:
            result = timing.measure(clock, call, options.max_seconds)
        except Exception as error:  # out of memory, an unsupported shape: the others still count
            record["failed"][name] = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            continue
        if result is None:
            record["failed"][name] = f"one run takes more than {options.max_seconds} s"
        else:
            record["peers"][name] = result
    return record


def main():
    options = arguments()
    limit_threads(options.threads)
    names = ["numpy", "scipy"] + (["cv2", "torch"] if options.device == "cpu" else ["torch", "cupy"]) + ["jax"]
    present, missing = versions(names)
    for name, reason in missing.items():
        print(f"peer {name} is missing: {reason}", file=sys.stderr)
    if "torch" in present:
        import torch

        torch.set_num_threads(options.threads)
    if "cv2" in present:
        import cv2

        cv2.setNumThreads(options.threads)
    if options.device == "cuda" and "cupy" in present and "torch" in present:
        share_stream()
    clock = timing.CudaClock() if options.device == "cuda" else timing.CpuClock()
    problems = notation.read_suite(options.suite)
    report = {"device": options.device, "threads": options.threads, "versions": present, "missing": missing,
              "machine": machine(options.device), "date": datetime.date.today().isoformat(), "records": []}
    for index, problem in enumerate(problems, 1):
        record = time_problem(problem, clock, options, present)
        best = min(record["peers"].items(), key=lambda item: item[1]["median_us"], default=None)
        text = f"{best[0]} {best[1]['median_us']:.1f} us" if best else "no peer"
        print(f"[{index}/{len(problems)}] {problem.text}: {text}", file=sys.stderr, flush=True)
        report["records"].append(record)
        with open(options.output, "w") as file:
            json.dump(report, file, indent=1)


if __name__ == "__main__":
    main()
