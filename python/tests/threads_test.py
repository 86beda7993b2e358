"""Many threads that call at once, with the interpreter's lock or without one: results are those of one thread."""

import subprocess
import sys
import sysconfig
import threading
import unittest

import numpy as np

import faltung
from faltung import ndimage, nn, restoration, signal

THREADS, ROUNDS = 8, 20

FIRST_CALLS = """
import sys, threading
import numpy, faltung
sys.setswitchinterval(1e-6)
together, sums = threading.Barrier(8), []
def work():
    together.wait()
    sums.append(faltung.signal.convolve([1., 2.], [3.], "same").sum())
threads = [threading.Thread(target=work) for _ in range(8)]
for each in threads: each.start()
for each in threads: each.join()
sys.exit(sums != [9.] * 8)
"""


def calls(seed):
    """Calls whose plans are shared or new, with operands of the thread's own."""
    rng = np.random.default_rng(seed)
    x, k = rng.integers(-9, 9, 300).astype(float), rng.integers(-9, 9, 7 + seed % 3).astype(float)
    image, weight = rng.integers(-9, 9, (20, 30)).astype("f4"), rng.integers(-9, 9, (2, 1, 3, 3)).astype("f4")
    batch = image[None, None]
    plan = faltung.Plan("op=fwd dtype=f64 in=300 f=9 pad=4")
    plan.bind_filter(np.ones((1, 1, 9)))
    return [
        lambda: signal.convolve(x, k), lambda: signal.correlate(x, k, "same", "direct"), lambda: faltung.numpy.convolve(x, k),
        lambda: signal.resample_poly(x, 3, 2), lambda: ndimage.uniform_filter(image, 3 + 2 * (seed % 4)),
        lambda: ndimage.median_filter(image, 3), lambda: ndimage.gaussian_filter(image, 1 + seed % 5),
        lambda: nn.conv2d(batch, weight, padding=1), lambda: plan.run_bound(x[None, None]),
        lambda: restoration.richardson_lucy(abs(image), np.ones((3, 3), "f4") / 9, 2),
        lambda: np.frombuffer(faltung.explain("op=fwd dtype=f64 in=300 f=9").encode(), "u1"),
    ]


class Threads(unittest.TestCase):
    def test_results_are_those_of_one_thread(self):
        wanted = [[call() for call in calls(seed)] for seed in range(THREADS)]
        together, wrong = threading.Barrier(THREADS), []

        def work(seed):
            mine = calls(seed)
            together.wait()
            for turn in range(ROUNDS):
                for number in range(len(mine)):
                    at = (number + seed + turn) % len(mine)  # not in step with the others
                    try:
                        if not np.array_equal(mine[at](), wanted[seed][at]):
                            wrong.append((seed, at))
                    except Exception as error:
                        wrong.append((seed, at, error))

        threads = [threading.Thread(target=work, args=(seed, )) for seed in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_a_plan_is_shared(self):
        plan = faltung.Plan("op=fwd dtype=f32 c=2 in=40x40 k=4 f=3x3 pad=1")
        x, w = np.ones((1, 2, 40, 40), "f4"), np.ones((4, 2, 3, 3), "f4")
        want, wrong = plan.run(x, w), []

        def work():
            out = np.empty_like(want)
            for _ in range(ROUNDS):
                plan.run(x, w, out)
                wrong.extend([] if np.array_equal(out, want) else [True])

        threads = [threading.Thread(target=work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_a_filter_is_bound_while_others_run(self):
        """Each result is by one filter or the other, whole."""
        plan, x = faltung.Plan("op=fwd dtype=f64 in=20000 f=301 pad=150"), np.ones((1, 1, 20000))
        filters = [np.full((1, 1, 301), value) for value in (1.0, 2.0)]
        plan.bind_filter(filters[0])
        one, wrong, done = plan.run_bound(x), [], threading.Event()

        def work():
            while not done.is_set():
                y = plan.run_bound(x)
                if not (np.allclose(y, one) or np.allclose(y, 2 * one)):
                    wrong.append(y)

        threads = [threading.Thread(target=work) for _ in range(THREADS // 2)]
        for thread in threads:
            thread.start()
        for turn in range(5 * ROUNDS):
            plan.bind_filter(filters[turn % 2])
        done.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_first_calls_at_once(self):
        """What the extension module looks up when it is first needed must not have threads wait for each other for ever,
        as five of eight of these programs once did."""
        for _ in range(8):
            subprocess.run([sys.executable, "-c", FIRST_CALLS], check=True, timeout=60)

    def test_the_interpreter_keeps_its_lock_or_none(self):
        """The extension module asks for none: an interpreter without one does not take it back for us."""
        enabled = getattr(sys, "_is_gil_enabled", lambda: True)()
        print(f"Python {sys.version.split()[0]}, with{'' if enabled else 'out'} a lock of the interpreter")
        if sysconfig.get_config_var("Py_GIL_DISABLED"):
            self.assertFalse(enabled)


if __name__ == "__main__":
    unittest.main()
