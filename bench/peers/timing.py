"""Median of at least 15 runs, caches flushed before each; CUDA events on a GPU, wall clock on a CPU."""

import os
import time

import numpy as np

FLUSH_BYTES = 256 << 20
LEAST_SAMPLES = 15


def summary(seconds):
    ordered = np.sort(np.array(seconds)) * 1e6
    p10, median, p90 = np.quantile(ordered, [0.1, 0.5, 0.9])
    return {"samples": len(seconds), "median_us": float(median), "p10_us": float(p10), "p90_us": float(p90),
            "noisy": bool((p90 - p10) > 0.1 * median)}


class CpuClock:
    def __init__(self):
        self.other = np.zeros(FLUSH_BYTES, np.uint8)

    def once(self, call):
        self.other[::64] += 1
        start = time.perf_counter()
        call()
        return time.perf_counter() - start


class CudaClock:
    """Events of PyTorch, on the current stream, which CuPy calls are made to share."""

    def __init__(self):
        import torch

        self.torch = torch
        self.other = torch.empty(FLUSH_BYTES, dtype=torch.uint8, device="cuda")

    def once(self, call):
        events = [self.torch.cuda.Event(enable_timing=True) for _ in range(2)]
        self.other.zero_()
        events[0].record()
        call()
        events[1].record()
        events[1].synchronize()
        return events[0].elapsed_time(events[1]) * 1e-3


def _busy_seconds():
    """Processor time of each thread of this process."""
    scheduler_clock_of_a_thread = 6  # the kernel's number, what pthread_getcpuclockid gives
    busy = {}
    for thread in map(int, os.listdir("/proc/self/task")):
        try:
            busy[thread] = time.clock_gettime((~thread << 3) | scheduler_clock_of_a_thread)
        except OSError:  # it has ended
            pass
    return busy


class PinnedThreads:
    """While it is entered, the threads busiest since it was made have a processor each, if they are several.

    `faltung bench` does the same, and says why: cpp/tools/bench/pinned_threads.hpp.
    """

    def __init__(self):
        self.allowed = os.sched_getaffinity(0)
        self.before = _busy_seconds()
        self.pinned = []

    def __enter__(self):
        worked = {thread: busy - self.before.get(thread, 0) for thread, busy in _busy_seconds().items()}
        working = sorted((thread for thread in worked if worked[thread] > 0), key=worked.get, reverse=True)
        working = [thread for thread in working if 8 * worked[thread] >= worked[working[0]]]
        if len(working) < 2 or len(self.allowed) < 2:
            return
        for thread, processor in zip(working, sorted(self.allowed)):
            self._set(thread, {processor})
            self.pinned.append(thread)

    def __exit__(self, *_):
        for thread in self.pinned:
            self._set(thread, self.allowed)

    @staticmethod
    def _set(thread, processors):
        try:
            os.sched_setaffinity(thread, processors)
        except OSError:  # it has ended
            pass


def measure(clock, call, max_seconds):
    """Two warm-up runs, then 15 timed ones and at least 0.2 s; fewer (3 or more) if they take too long."""
    start = time.perf_counter()
    pinned = PinnedThreads()
    first = clock.once(call)
    if first > max_seconds:
        return None
    clock.once(call)
    with pinned:
        return _samples(clock, call, max_seconds, start)


def _samples(clock, call, max_seconds, start):
    seconds = []
    while True:
        seconds.append(clock.once(call))
        if len(seconds) >= LEAST_SAMPLES and sum(seconds) >= 0.2:
            break
        if len(seconds) >= 3 and time.perf_counter() - start > max_seconds or len(seconds) == 10000:
            break
    return summary(seconds)
