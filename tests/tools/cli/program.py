"""Runs the program under test."""

import os
import pathlib
import subprocess
import tempfile
import unittest

PROGRAM = os.environ["FALTUNG_PROGRAM"]


def run(*arguments, **options):
    """The finished process, with stdout and stderr as text."""
    return subprocess.run(
        [PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False, **options
    )


def has_output_open(process, folder):
    """Whether the process has a file below the folder open that has no name, or a temporary one."""
    try:
        for number in os.listdir(f"/proc/{process}/fd"):
            target = os.readlink(f"/proc/{process}/fd/{number}")
            if target.startswith(str(folder)) and ("(deleted)" in target or ".faltung-" in target):
                return True
    except OSError:
        pass
    return False


def nameless_files(folder):
    """Whether the file system has them: then a killed program leaves nothing behind."""
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600))
        return True
    except OSError:
        return False


class ProgramTest(unittest.TestCase):
    """A test with an empty folder of its own, `self.folder`."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def succeed(self, *arguments):
        """Runs the program, which must say nothing on stderr, and returns its stdout."""
        result = run(*arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ""), arguments)
        return result.stdout

    def files(self):
        return sorted(path.name for path in self.folder.iterdir())
