"""scripts/gpu-check where no GPU is: its steps, what it keeps when a program crashes or hangs, and
that the pack needs nothing of this machine.

Usage: gpu_check_test.py PACK, a folder that `scripts/gpu-check --pack` made.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest

PACK = pathlib.Path(sys.argv.pop()).resolve()
# A program that runs PROGRAM, but for what each test wants of it.
WRAPPER = """#!/usr/bin/env bash
program={program}
case $1 in {case}) {action} ;; esac
exec "$program" "$@"
"""


class GpuCheck(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.results = self.folder / "results"

    def run_check(self, *arguments, pack=PACK, limit=None, **options):
        environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
        if limit:
            environment["FALTUNG_GPU_CHECK_LIMIT"] = str(limit)
        return subprocess.run([pack / "gpu-check", *arguments, self.results], env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100, **options)

    def kept(self, name):
        with tarfile.open(self.results / "results.tar.gz") as archive:
            return archive.extractfile(f"./{name}").read().decode()

    def steps(self):
        """Result by step, as the archive has it."""
        rows = [line.split("|")[1:3] for line in self.kept("summary.md").splitlines()[2:]]
        return {step.strip(): result.strip() for step, result in rows}

    def wrapped(self, case, action):
        """A pack whose program does `action` where its first argument is `case`."""
        pack = self.folder / "pack"
        (pack / "bin").mkdir(parents=True)
        for source in [*PACK.iterdir(), *(PACK / "bin").iterdir()]:
            target = pack / source.relative_to(PACK)
            if not target.exists():
                target.symlink_to(source)
        program = pack / "bin" / "faltung"
        program.unlink()
        program.write_text(WRAPPER.format(program=PACK / "bin" / "faltung", case=case, action=action))
        program.chmod(0o755)
        (pack / "gpu-check").unlink()
        (pack / "gpu-check").write_bytes((PACK / "gpu-check").read_bytes())
        (pack / "gpu-check").chmod(0o755)
        return pack

    def test_programs_start_with_what_the_pack_holds(self):
        for program in (PACK / "bin").iterdir():
            found = subprocess.run(["ldd", program], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)
            own = [line for line in found.stdout.splitlines() if str(PACK / "lib") in line or "bin/../lib" in line]
            self.assertNotIn("not found", found.stdout)
            self.assertTrue(any("libstdc++" in line for line in own), found.stdout)

    def test_rehearsal_goes_through_the_steps(self):
        result = self.run_check("--rehearse")
        steps = self.steps()
        self.assertEqual(result.returncode, 0, result.stdout)
        for step in ("machine", "verify", "tests", "kernels"):
            self.assertEqual(steps[step], "passed", result.stdout)
        self.assertIn("NOT RUN: made for a GPU", steps["ncu"])
        self.assertRegex(self.kept("machine.log"), r"(?m)^\d{4}$")  # tests
        self.assertIn("[  PASSED  ] ", self.kept("tests.log"))
        self.assertIn("21 problems: 21 passed", self.kept("verify.log"))
        self.assertIn("cpu.direct op=signal dtype=f32 in=9000 f=9: predicted", self.kept("kernels.log"))
        self.assertEqual((self.results / "summary.md").read_text(), self.kept("summary.md"))

    def test_without_a_gpu_each_step_says_so(self):
        pack = self.wrapped("info", "\"$program\" info | grep -v '^device   cuda\\|^no GPU'; echo 'no GPU   none here'; exit 0")
        for mode, count in (("--quick", 7), (None, 11)):
            result = self.run_check(*filter(None, [mode]), pack=pack)
            steps = self.steps()
            self.assertEqual((result.returncode, len(steps)), (77, count), result.stdout)
            self.assertEqual(steps.pop("machine"), "passed")
            self.assertEqual(set(steps.values()), {"NOT RUN: no GPU answers here: none here"})

    def test_a_crash_hides_no_other_problem(self):
        # The first run ends in the middle of a line, as a program that is killed does.
        once = self.folder / "once"
        pack = self.wrapped("verify", f"[[ -e {once} ]] || {{ touch {once}; \"$program\" \"$@\" | head -n 5; kill -SEGV $$; }}")
        result = self.run_check("--rehearse", pack=pack)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(self.steps()["verify"], "FAILED (exit 1)", result.stdout)
        self.assertEqual(self.steps()["kernels"], "passed")
        log = self.kept("verify.log")
        self.assertIn("FAILED: cpu.direct on tests/problems/smoke.txt (exit 139)", log)
        self.assertIn("again, each in a process of its own: 19", log)
        self.assertEqual(log.count("1 problems: 1 passed"), 19)
        self.assertIn("smoke.txt:22 ", log)

    def test_answers_fill_the_record_of_the_libraries(self):
        record = self.folder / "validated.md"
        record.write_bytes((PACK / "standins" / "validated.md").read_bytes())
        answers = self.folder / "answers.txt"
        answers.write_text("cufft.length_of_0\tCUFFT_INVALID_SIZE\ncudnn.relu_of_nan\ta number\n")
        fill = [sys.executable, PACK / "standins" / "record_validation", record, answers, "--device", "NVIDIA H200, 580"]
        subprocess.run(fill, check=True)
        text = record.read_text()
        rows = {line.split("|")[1].strip(" `"): line.split("|")[4].strip() for line in text.splitlines() if line.startswith("| `")}
        self.assertEqual(rows.pop("cufft.length_of_0"), "CUFFT_INVALID_SIZE")
        self.assertEqual(rows.pop("cudnn.relu_of_nan"), "a number")
        self.assertEqual(set(rows.values()), {"no answer"})
        self.assertRegex(text, r"## Last run\n\n\d{4}-\d\d-\d\d, NVIDIA H200, 580\.\n$")
        answers.write_text("cufft.unknown\tyes\n")
        self.assertEqual(subprocess.run(fill, stdout=subprocess.DEVNULL).returncode, 1)

    def test_a_step_that_hangs_is_stopped_and_keeps_what_it_had(self):
        # The list of records as bench writes it, cut in the middle of the third.
        text = '{"machine":{},\\n"records": [\\n{"problem":"a"},\\n{"problem":"b"},\\n{"prob'
        pack = self.wrapped("bench", f"printf '{text}'; sleep 100")
        result = self.run_check("--rehearse", pack=pack, limit=10)
        steps = self.steps()
        self.assertEqual(steps["kernels"], "STOPPED after 10 s", result.stdout)
        self.assertEqual(steps["verify"], "passed")
        self.assertIn("cudnn", steps)
        records = json.loads(self.kept("kernels-cpu.direct.json"))["records"]
        self.assertEqual([record["problem"] for record in records], ["a", "b"])

    def test_a_run_that_is_killed_keeps_the_steps_before(self):
        pack = self.wrapped("bench", "sleep 15")
        process = subprocess.Popen([pack / "gpu-check", "--rehearse", self.results], stdout=subprocess.DEVNULL,
                                   start_new_session=True)
        give_up = time.monotonic() + 60
        while not (self.results / "summary.md").exists() or "| tests |" not in (self.results / "summary.md").read_text():
            self.assertLess(time.monotonic(), give_up)
            time.sleep(0.1)
        time.sleep(0.3)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.assertIn("21 passed", self.kept("verify.log"))
        self.assertEqual(list(self.steps()), ["machine", "verify", "validate", "libraries", "tests"])


if __name__ == "__main__":
    if not PACK.is_dir():  # gpu_check.pack has said why
        print("gpu_check: the steps are NOT RUN, there is no pack")
        sys.exit(77)
    unittest.main()
