"""bench.cliffs on results made up here."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from bench import cliffs  # noqa: E402  after its folder is known

MACHINE = {"name": "none", "commit": "0123456", "date": "2026-12-01"}


def record(problem, us, family="f", products=1e6, gigabytes=1e-6):
    return {"problem": problem, "canonical": problem, "family": family, "engine": "e", "way": "w", "p10_us": us,
            "median_us": us, "tflop_per_s": 2 * products / us * 1e-6, "gb_per_s": gigabytes / us * 1e6}


def file(*records, copy=1e9):
    return {"machine": MACHINE, "ceilings": {"copy_bytes_per_second": copy}, "records": list(records)}


class Section(unittest.TestCase):
    def test_names_what_takes_longer_than_its_neighbour_and_memory(self):
        runs = [file(record("op=fwd dtype=f32 in=1", 10), record("op=fwd dtype=f32 in=2", 90),
                     record("op=fwd dtype=f32 in=3", 50, gigabytes=60e-6), record("op=fwd dtype=f32 in=4", 39),
                     record("op=fwd dtype=f64 in=5", 79)),
                file(record("op=fwd dtype=f32 in=2", 60), record("op=fwd dtype=f32 in=4", 60), copy=5e8)]
        text = cliffs.section(runs)
        self.assertIn("1 of 5", text)
        self.assertIn("| 6.0 | 60 | `op=fwd dtype=f32 in=2` | e/w |", text)
        self.assertNotIn("in=3", text)  # in 60 us its tensors are copied
        self.assertNotIn("in=4", text)
        self.assertNotIn("in=5", text)  # products of 8 bytes count twice
        self.assertIn("1 GB/s", text)

    def test_neighbours_are_those_of_the_section(self):
        one = file(record("op=fwd dtype=f32 in=1", 10), record("op=fwd dtype=f32 in=2", 50, family="g"))
        self.assertIn("0 of 2", cliffs.section([one]))


if __name__ == "__main__":
    unittest.main()
