"""tune, wisdom and what explain and FALTUNG_VERBOSE tell of both."""

import json
import os
import re
import subprocess
import unittest

from program import PROGRAM, ProgramTest, run

PROBLEM = "op=fwd dtype=f32 in=3000 f=41 pad=20"
OTHER = "op=fwd dtype=f64 in=900 f=7"
CANONICAL = "op=fwd dtype=f32 n=1 c=1 in=3000 k=1 f=41 pad=20"


def plans(*arguments, **variables):
    return run(*arguments, env={**os.environ, **{name: str(value) for name, value in variables.items()}})


class Wisdom(ProgramTest):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "wisdom.txt"

    def tune(self, *problems):
        return json.loads(self.succeed("tune", "--device", "cpu", "--output", self.file, "--json", *problems))

    def test_tuned_problems_are_planned_by_the_times(self):
        problems = self.tune(PROBLEM, *OTHER.split())["problems"]
        self.assertEqual([p["problem"] for p in problems], [CANONICAL, "op=fwd dtype=f64 n=1 c=1 in=900 k=1 f=7"])
        best = problems[0]["ways"][0]
        self.assertEqual(best["outcome"], "measured")
        result = plans("explain", "--device", "cpu", "--json", PROBLEM, FALTUNG_WISDOM_FILE=self.file)
        plan = json.loads(result.stdout)
        self.assertEqual(f"{plan['engine']}/{plan['way']}", best["way"])
        chosen = next(c for c in plan["candidates"] if c["engine"] == plan["engine"])
        self.assertEqual(chosen["measured_us"], best["measured_us"])
        text = plans("explain", "--device", "cpu", PROBLEM, FALTUNG_WISDOM_FILE=self.file).stdout
        self.assertIn(f"{best['way']}, the fastest measured\n", text)

    def test_a_named_way_is_no_other(self):
        self.tune(PROBLEM)
        result = plans("explain", "--device", "cpu", "--engine", "cpu.reference", PROBLEM, FALTUNG_WISDOM_FILE=self.file)
        self.assertIn("engine     cpu.reference/", result.stdout)

    def test_show_counts_what_it_skips(self):
        self.tune(PROBLEM)
        line = self.file.read_text()
        foreign = line.replace("faltung 0", "faltung 9")  # its checksum is now another
        self.file.write_text("# a remark\n" + line + "nonsense\n" + line[:-9] + "\n" + foreign)
        shown = json.loads(self.succeed("wisdom", "show", "--json", self.file))
        self.assertEqual((shown["lines"], shown["foreign"], shown["skipped"]), (1, 0, 3))
        self.assertEqual(shown["problems"][0]["problem"], CANONICAL)
        text = self.succeed("wisdom", "show", self.file)
        self.assertIn(CANONICAL, text)
        self.assertIn("1 lines, 0 of them from other machines, 3 skipped\n", text)

    def test_merge_keeps_all_lines(self):
        self.tune(PROBLEM)
        first = self.file.rename(self.folder / "first.txt")
        self.tune(OTHER)
        all_of = self.folder / "all.txt"
        self.succeed("wisdom", "merge", "--output", all_of, first, self.file)
        lines = all_of.read_text().splitlines()
        self.assertEqual(sorted(lines), sorted(first.read_text().splitlines() + self.file.read_text().splitlines()))
        before = all_of.read_text()
        self.succeed("wisdom", "merge", "-o", all_of, all_of, first)
        self.assertEqual(all_of.read_text(), before)

    def test_programs_may_tune_at_once(self):
        problems = [f"op=fwd dtype=f32 in={length} f=5" for length in range(500, 504)]
        running = [
            subprocess.Popen([PROGRAM, "tune", "--device", "cpu", "-o", self.file, "--max-seconds", "5", problem],
                             stdout=subprocess.DEVNULL) for problem in problems
        ]
        self.assertEqual([process.wait(120) for process in running], [0] * 4)
        shown = json.loads(self.succeed("wisdom", "show", "--json", self.file))
        self.assertEqual((len(shown["problems"]), shown["skipped"]), (4, 0))

    def test_files_that_are_missing_are_errors_but_not_to_plans(self):
        result = run("wisdom", "show", self.file)
        self.assertEqual((result.returncode, result.stdout), (5, ""))
        self.assertIn("does not exist", result.stderr)
        result = plans("explain", "--device", "cpu", PROBLEM, FALTUNG_WISDOM_FILE=self.file)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        result = plans("explain", "--device", "cpu", PROBLEM, FALTUNG_WISDOM_FILE=self.folder)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(run("tune", "--device", "cpu", "-o", self.folder / "no" / "w.txt", OTHER).returncode, 5)

    def test_merge_needs_a_file(self):
        self.tune(OTHER)
        result = run("wisdom", "merge", self.file)
        self.assertEqual(result.returncode, 2)
        self.assertIn("--output", result.stderr)

    def test_explain_lists_every_way(self):
        text = self.succeed("explain", "--device", "cpu", "--ways", PROBLEM)
        ways = text[text.index("\nways\n") + 6 :].splitlines()
        self.assertTrue(ways[0].startswith("  -> "), ways[0])
        self.assertGreater(len(ways), 20)
        for line in ways:
            self.assertRegex(line, r"^(  -> |     )cpu\.\w+/\w+: \S")
        shown = json.loads(self.succeed("explain", "--device", "cpu", "--ways", "--json", PROBLEM))["ways"]
        self.assertEqual(len(shown), len(ways))
        for way in shown:
            self.assertIn("estimate_us" if way["supported"] else "reason", way)
            self.assertEqual("limit_us" in way, way["supported"])
        limits = {way["way"]: way["limit_us"] for way in shown if way["supported"]}
        self.assertGreater(limits["rows"], limits["transforms"])  # that form fewer products
        self.assertIn(f", limit {limits['rows']:.6g} us", text)

    def test_verbose_tells_a_line_an_event(self):
        (self.folder / "p.txt").write_text(OTHER + "\n")
        verify = "verify", "--device", "cpu", "--engine", "cpu.direct", self.folder / "p.txt"
        self.assertEqual(plans(*verify).stderr, "")
        plan = r"faltung: plan cpu cpu\.\w+/\w+ estimate \S+ us, workspace \d+ bytes \[op=fwd .*\]"
        a_run = r"faltung: run cpu cpu\.\w+/\w+ took \S+ us \[op=fwd .*\]"
        for value, pattern in ("dispatch", plan), ("exec", a_run), ("exec,dispatch", f"({plan}|{a_run})"):
            lines = plans(*verify, FALTUNG_VERBOSE=value).stderr.splitlines()
            self.assertTrue(lines, value)
            for line in lines:
                self.assertTrue(re.fullmatch(pattern, line), line)
        self.assertIn("policy ", plans(*verify, FALTUNG_VERBOSE="explain").stderr)


if __name__ == "__main__":
    unittest.main()
