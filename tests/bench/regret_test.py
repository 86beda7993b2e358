"""bench.regret, bench.cpu_sizes and bench.ways on results made up here."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from bench import cpu_sizes, regret, ways  # noqa: E402  after its folder is known

MACHINE = {"name": "none", "instruction_set": "avx2", "threads": 1, "commit": "0123456789", "date": "2026-12-01"}


def record(problem, pick, **timed):
    """A problem of ways named by their letters: estimate, then a time for each pass."""
    return {"problem": problem, "suite": "s", "passes": 1, "pick": pick,
            "ways": {way: {"estimate_us": values[0], "us": list(values[1:])} for way, values in timed.items()}}


class Regret(unittest.TestCase):
    def test_is_the_time_taken_over_the_least_of_all_ways_and_passes(self):
        file = {"machine": MACHINE, "records": [
            record("op=fwd in=9 f=3", "a", a=(8, 12, 10), b=(9, 5, 6)),
            record("op=fwd in=8 f=3", "a", a=(8, 4, 4), b=(9, 5, None)),
            record("op=fwd in=7 f=3", "a", a=(8, None), b=(9, 5))]}  # what is taken was not timed
        first, second = regret.choices_of(file)
        self.assertEqual((first.best, first.regret, first.ratio), ("b", 2, 0.8))
        self.assertEqual((second.best, second.regret), ("a", 1))
        self.assertEqual(first.measured_regret, 1)
        text, beyond = regret.section(file)
        self.assertIn("2 problems of 3", text)
        self.assertIn("| 2.00 | `op=fwd in=9 f=3` | a | 10 | b | 5 |", text)
        self.assertEqual(len([line for line in beyond if "mean is 1.414" in line]), 1)

    def test_what_measuring_takes_is_judged_by_later_passes(self):
        file = {"machine": MACHINE, "records": [record("p", "a", a=(1, 5, 5), b=(1, 6, 4))]}
        self.assertEqual(regret.choices_of(file)[0].measured_regret, 5 / 4)


class CpuSizes(unittest.TestCase):
    def test_cuts_until_the_estimate_is_small(self):
        def expect(problem):
            words = dict(word.split("=", 1) for word in problem.split())
            size = 1.0
            for n in words["in"].split("x"):
                size *= int(n)
            return size * int(words.get("c", 1)) * int(words.get("n", 1))

        cut = cpu_sizes.cut_down("op=fwd n=64 c=16 in=64x64 k=16 f=3x3 pad=1", expect, 20000)
        self.assertEqual(cut, "op=fwd c=16 in=32x32 k=16 f=3x3 pad=1")
        self.assertEqual(cpu_sizes.cut_down("op=fwd c=16 in=20x20 k=16 f=3x3", expect, 1600), "op=fwd c=4 in=20x20 k=8 f=3x3")
        self.assertEqual(cpu_sizes.cut_down("op=fwd in=128 f=128 pad=127:0", expect, 100), "op=fwd in=64 f=64 pad=63:0")
        self.assertIsNone(cpu_sizes.cut_down("op=fwd in=31 f=31", expect, 1))
        self.assertIsNone(cpu_sizes.cut_down("op=fwd in=31 f=31", lambda problem: None, 1))


class Ways(unittest.TestCase):
    def test_reads_problems_of_a_suite_without_comments(self):
        root = Path(__file__).parents[2] / "bench" / "problems"
        shapes = ways.problems(root / "cpu_sizes.txt")
        self.assertGreaterEqual(len(shapes), 300)
        self.assertTrue(all(line.startswith("op=") and "#" not in line for line in shapes))
        self.assertEqual(len(set(shapes)), len(shapes))


if __name__ == "__main__":
    unittest.main()
