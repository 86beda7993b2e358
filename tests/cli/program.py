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
