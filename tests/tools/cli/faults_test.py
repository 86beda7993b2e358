"""Every call of the system that touches a file fails once, for every command that writes one: the program
says so and leaves nothing behind, or the result is right. Interrupted and short calls must go unnoticed."""

import errno
import itertools
import os
import unittest

from files import write_npy, write_png, write_wav
from program import ProgramTest, run

FAILING_CALLS = os.environ.get("FALTUNG_FAILING_CALLS", "")
COMMANDS = {
    "y.npy": "convolve x.npy k.npy -o y.npy --method cpu.reference",
    "z.npy": "conv t.npy w.npy --bias bias.npy -o z.npy --engine cpu.reference",
    "out.png": "filter in.png --kernel kernel.npy -o out.png",
    "wet.wav": "reverb dry.wav dry.wav -o wet.wav",
}
FAULTS = [(errno.EIO, 0), (errno.EIO, 1), (errno.ENOSPC, 0), (errno.ENOSPC, 1), (errno.EACCES, 0), (errno.EINTR, 0), (0, 0)]


@unittest.skipUnless(FAILING_CALLS, "needs a build without sanitizers")
class Faults(ProgramTest):
    def setUp(self):
        super().setUp()
        write_npy(self.folder / "x.npy", [5], [1, 2, 3, 4, 5])
        write_npy(self.folder / "k.npy", [3], [1, 2, 3])
        write_npy(self.folder / "t.npy", [1, 1, 5], [1, 2, 3, 4, 5])
        write_npy(self.folder / "w.npy", [1, 1, 3], [1, 2, 3])
        write_npy(self.folder / "bias.npy", [1], [1])
        write_npy(self.folder / "kernel.npy", [1, 1], [1])
        write_png(self.folder / "in.png", 2, 2, 1, [1, 2, 3, 4])
        write_wav(self.folder / "dry.wav", [[1, 2, 3]])

    def run_with_fault(self, command, named, call, error=0, forever=0):
        count = self.folder.with_suffix(".count")
        self.addCleanup(lambda: count.unlink(missing_ok=True))
        environment = {
            **os.environ,
            "LD_PRELOAD": FAILING_CALLS,
            "FALTUNG_FAULT_FOLDER": str(self.folder),
            "FALTUNG_FAULT_NAMED": str(named),
            "FALTUNG_FAULT_COUNT": str(count),
            "FALTUNG_FAULT_CALL": str(call),
            "FALTUNG_FAULT_ERRNO": str(error),
            "FALTUNG_FAULT_FOREVER": str(forever),
        }
        arguments = [str(self.folder / word) if "." in word and word[0] != "c" else word for word in command.split()]
        result = run(*arguments, env=environment)
        return result, int(count.read_text())

    def test_every_call(self):
        faults = 0
        # All commands write through the same class: one of them in every state of the folder is enough.
        states = list(itertools.product((0, 1), (False, True)))
        cases = [(output, *state) for output in COMMANDS for state in (states if output == "y.npy" else states[1:2])]
        for output, named, exists in cases:
            command = COMMANDS[output]
            path = self.folder / output
            path.unlink(missing_ok=True)
            if exists:
                path.write_bytes(b"old")
            result, calls = self.run_with_fault(command, named, 0)
            self.assertEqual((result.returncode, result.stderr), (0, ""), command)
            self.assertGreaterEqual(calls, 8, command)  # open and read twice, create, write, sync, rename
            right = path.read_bytes()
            for call in range(1, calls + 1):
                for error, forever in FAULTS:
                    path.unlink(missing_ok=True)
                    if exists:
                        path.write_bytes(b"old")
                    before = self.files()
                    result, _ = self.run_with_fault(command, named, call, error, forever)
                    faults += 1
                    context = f"{command}: call {call}, errno {error}: {result.stderr}"
                    if error in (0, errno.EINTR) and result.returncode == 0:
                        self.assertEqual(path.read_bytes(), right, context)
                        self.assertEqual(self.files(), sorted({*before, output}), context)
                        continue
                    self.assertEqual(self.files(), before, context)
                    self.assertEqual(result.returncode, 5, context)
                    if exists:
                        self.assertEqual(path.read_bytes(), b"old", context)
                    self.assertEqual((result.stdout, result.stderr.count("\n")), ("", 1), context)
                    self.assertIn(str(self.folder), result.stderr)
                    # Opening, syncing and renaming are not repeated when a signal interrupts them.
                    self.assertIn(os.strerror(error), result.stderr)
        print(f"{faults} failing calls survived")


if __name__ == "__main__":
    unittest.main()
