"""faltung.wisdom: what is measured, kept in a file, and taken by later plans."""

import doctest
import pathlib
import tempfile
import unittest

import faltung
from faltung import wisdom

LINE = "op=fwd dtype=f32 in=3000 f=41 pad=20"


class Wisdom(unittest.TestCase):
    def setUp(self):
        wisdom.forget_wisdom()
        self.addCleanup(wisdom.forget_wisdom)

    def test_plans_take_the_fastest_measured_way(self):
        ways = wisdom.measure(LINE)
        best = ways[0]
        self.assertEqual(best["outcome"], "measured")
        plan = faltung.Plan(LINE)
        self.assertEqual(f"{plan.engine}/{plan.way}", best["way"])
        self.assertEqual(wisdom.wisdom_of(faltung.Problem(LINE))[0], (best["way"], best["measured_us"]))

    def test_one_engine_alone(self):
        for way in wisdom.measure(LINE, engine="cpu.fft", ways=1):
            self.assertTrue(way["way"].startswith("cpu.fft/"), way)

    def test_files_keep_it(self):
        wisdom.measure(LINE, ways=2)
        text = wisdom.export_wisdom()
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "wisdom.txt"
            wisdom.export_wisdom_file(path)
            wisdom.forget_wisdom()
            self.assertEqual(wisdom.export_wisdom(), "")
            self.assertEqual(wisdom.import_wisdom_file(path), {"taken": 1, "foreign": 0, "skipped": 0})
            with self.assertRaisesRegex(faltung.InvalidProblem, "does not exist"):
                wisdom.import_wisdom_file(path.with_name("other.txt"))
        self.assertEqual(wisdom.export_wisdom(), text)

    def test_examples(self):
        self.assertEqual(doctest.testmod(wisdom).failed, 0)


if __name__ == "__main__":
    unittest.main()
