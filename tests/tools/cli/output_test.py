"""Where results go and operands come from: streams, descriptors, modes, names, and how much memory it takes."""

import json
import os
import signal
import stat
import subprocess
import time
import unittest

from files import read_npy, write_npy, write_png
from program import PROGRAM, ProgramTest, has_output_open, nameless_files, run

INVALID, FILE = 2, 5


class OutputTest(ProgramTest):
    ARGUMENTS = ("convolve", "x.npy", "k.npy", "-o")

    def setUp(self):
        super().setUp()
        write_npy(self.folder / "x.npy", [3], [1, 2, 1])
        write_npy(self.folder / "k.npy", [2], [3, 4])
        self.expected = ("f8", (4,), [3, 10, 11, 4])

    def call(self, *arguments, **options):
        return subprocess.run([PROGRAM, *map(str, arguments)], cwd=self.folder, timeout=120, check=False, **options)

    def shell(self, command):
        result = subprocess.run(["bash", "-c", command], cwd=self.folder, timeout=120, check=False, env={**os.environ, "F": PROGRAM}, capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stderr), (0, ""), command)

    def check_result(self, name="y.npy"):
        self.assertEqual(read_npy(self.folder / name), self.expected)


class Streams(OutputTest):
    def test_standard_output_of_a_file(self):
        for name in ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
            path = self.folder / "y.npy"
            path.write_bytes(b"")
            inode = path.stat().st_ino
            self.shell(f'"$F" convolve x.npy k.npy -o {name} > y.npy')
            self.check_result()
            self.assertEqual(path.stat().st_ino, inode, "the redirected file is written, not replaced")
            self.assertEqual(self.files(), ["k.npy", "x.npy", "y.npy"])

    def test_redirection_that_appends(self):
        self.shell("printf head > y.npy; \"$F\" convolve x.npy k.npy -o /dev/stdout >> y.npy")
        data = (self.folder / "y.npy").read_bytes()
        self.assertEqual(data[:4], b"head")
        (self.folder / "y.npy").write_bytes(data[4:])
        self.check_result()

    def test_pipes_and_process_substitution(self):
        self.shell('"$F" convolve x.npy k.npy -o - | cat > y.npy')
        self.check_result()
        self.shell('"$F" convolve <(cat x.npy) <(cat k.npy) -o >(cat > z.npy); wait; for i in 1 2 3 4 5 6 7 8 9; do [ -s z.npy ] || sleep 0.2; done')
        self.check_result("z.npy")
        self.shell('cat x.npy | "$F" convolve - k.npy -o y.npy')
        self.check_result()
        self.shell('"$F" convolve - k.npy -o y.npy < x.npy')
        self.check_result()
        self.shell('mkfifo in out; cat x.npy > in & cat out > y.npy & "$F" convolve in k.npy -o out; wait')
        self.check_result()

    def test_a_picture_through_pipes(self):
        write_png(self.folder / "in.png", 2, 2, 1, [1, 2, 3, 4])
        self.shell('cat in.png | "$F" filter - -o - --kernel box:1 | cmp - <("$F" filter in.png -o - --kernel box:1)')

    def test_what_cannot_be_a_stream(self):
        for redirection, word in (("<&-", "standard input"), ("< .", "not a regular file"), ("< /dev/zero", "not a regular file")):
            result = subprocess.run(["bash", "-c", f'"$F" convolve - k.npy -o y.npy {redirection}'], cwd=self.folder, env={**os.environ, "F": PROGRAM}, capture_output=True, text=True, check=False)
            self.assertEqual((result.returncode, result.stdout, result.stderr.count("\n")), (FILE, "", 1), redirection)
            self.assertIn(word, result.stderr)
        result = subprocess.run(["bash", "-c", '"$F" convolve x.npy k.npy -o - >&-'], cwd=self.folder, env={**os.environ, "F": PROGRAM}, capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, FILE, result.stderr)
        self.assertEqual(self.files(), ["k.npy", "x.npy"])

    def test_nothing_is_written_when_it_fails(self):
        result = run("convolve", self.folder / "x.npy", self.folder / "k.npy", "-o", "-", "--method", "winograd")
        self.assertEqual((result.returncode, result.stdout, result.stderr.count("\n")), (INVALID, "", 1))

    def test_terminals_get_no_binary(self):
        main, other = os.openpty()
        result = self.call(*self.ARGUMENTS, "-", stdout=other, stderr=subprocess.PIPE)
        os.close(other)
        os.close(main)
        self.assertEqual(result.returncode, FILE)
        self.assertIn(b"terminal", result.stderr)


class Files(OutputTest):
    def test_a_replaced_file_keeps_its_mode(self):
        for mode in (0o600, 0o640, 0o755, 0o666):
            (self.folder / "y.npy").write_bytes(b"old")
            (self.folder / "y.npy").chmod(mode)
            self.succeed("convolve", self.folder / "x.npy", self.folder / "k.npy", "-o", self.folder / "y.npy")
            self.check_result()
            self.assertEqual(stat.S_IMODE((self.folder / "y.npy").stat().st_mode), mode)

    @unittest.skipUnless(os.geteuid() == 0, "only root may give files away")
    def test_a_replaced_file_keeps_its_owner(self):
        (self.folder / "y.npy").write_bytes(b"old")
        os.chown(self.folder / "y.npy", 12345, 23456)
        self.succeed("convolve", self.folder / "x.npy", self.folder / "k.npy", "-o", self.folder / "y.npy")
        status = (self.folder / "y.npy").stat()
        self.assertEqual((status.st_uid, status.st_gid), (12345, 23456))

    @unittest.skipIf(os.geteuid() == 0, "root may write everything")
    def test_a_file_that_may_not_be_written_stays(self):
        (self.folder / "y.npy").write_bytes(b"old")
        (self.folder / "y.npy").chmod(0o400)
        result = self.call(*self.ARGUMENTS, "y.npy", capture_output=True)
        self.assertEqual(result.returncode, FILE)
        self.assertIn(b"Permission denied", result.stderr)

    def test_names_are_checked_before_the_work(self):
        write_npy(self.folder / "x.npy", [20000], [1.0] * 20000)
        for name in ("n" * 260 + ".npy", "x.npy/y.npy", "no/y.npy", "y.txt", "y"):
            started = time.monotonic()
            result = self.call("convolve", "x.npy", "x.npy", "--method", "cpu.reference", "-o", name, capture_output=True)
            self.assertEqual(result.returncode, FILE, name)
            self.assertEqual(result.stderr.count(b"\n"), 1)
            # The work takes 4e8 products on the reference engine.
            self.assertLess(time.monotonic() - started, 20, name)
            self.assertEqual(self.files(), ["k.npy", "x.npy"])

    def test_endings(self):
        write_png(self.folder / "in.png", 2, 2, 1, [1, 2, 3, 4])
        result = self.call("filter", "in.png", "-o", "out.jpg", "--kernel", "box:1", capture_output=True, text=True)
        self.assertEqual(result.returncode, FILE)
        for word in ("out.jpg", "'.jpg'", ".png", ".npy"):
            self.assertIn(word, result.stderr)
        result = self.call("filter", "in.png", "-o", "OUT.NPY", "--kernel", "box:1", capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(read_npy(self.folder / "OUT.NPY"), ("u1", (2, 2), [1, 2, 3, 4]))

    def test_empty_values_are_refused(self):
        for option in ("--mode", "--boundary", "--origin", "--axes", "--method", "--device"):
            result = self.call(*self.ARGUMENTS, "y.npy", option, "", capture_output=True, text=True)
            self.assertEqual((result.returncode, result.stdout, result.stderr.count("\n")), (INVALID, "", 1), option)
            self.assertIn(option, result.stderr)
            self.assertIn("empty", result.stderr)

    def test_killed_while_it_works(self):
        write_npy(self.folder / "x.npy", [20000], [1.0] * 20000)
        process = subprocess.Popen([PROGRAM, "convolve", "x.npy", "x.npy", "-o", "y.npy", "--method", "cpu.reference"], cwd=self.folder)
        deadline = time.monotonic() + 60
        while not has_output_open(process.pid, self.folder) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        self.assertIsNone(process.poll(), "it should still work")
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
        left = [name for name in self.files() if name not in ("k.npy", "x.npy")]
        if not nameless_files(self.folder):
            self.assertRegex(" ".join(left), r"^\.faltung-\d+-\d+\.tmp$")
        else:
            self.assertEqual(left, [])


class Memory(ProgramTest):
    def peak(self, *arguments):
        """Peak resident memory in bytes, of the largest of the children so far: the program runs in a child of
        a child, so that earlier tests do not count."""
        code = (
            "import json, resource, subprocess, sys\n"
            "done = subprocess.run(sys.argv[1:], capture_output=True, text=True)\n"
            "print(json.dumps([done.returncode, done.stderr, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))"
        )
        result = subprocess.run(["python3", "-c", code, PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=True, cwd=self.folder)
        returncode, stderr, kibibytes = json.loads(result.stdout)
        self.assertEqual((returncode, stderr), (0, ""))
        return kibibytes * 1024

    @unittest.skipIf(os.environ.get("FALTUNG_SANITIZED"), "sanitizers hold memory of their own")
    def test_operand_and_result_are_held_once(self):
        elements = 1 << 24
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (%d,), }" % elements
        with open(self.folder / "large.npy", "wb") as file:
            file.write(b"\x93NUMPY\x01\x00\x76\x00" + header.ljust(117) + b"\n")
            file.write(bytes(4 * elements))
        write_npy(self.folder / "x.npy", [5], [1, 2, 3, 4, 5], "f4")
        write_npy(self.folder / "k.npy", [3], [1, 2, 3], "f4")
        for command in ("convolve {} k.npy -o y.npy --method direct",
                        "convolve {} k.npy -o y.npy --method direct --api numpy",
                        "convolve {} k.npy -o y.npy --method direct --api scipy.ndimage"):
            small = self.peak(*command.format("x.npy").split())
            large = self.peak(*command.format("large.npy").split())
            # 64 MiB come in and go out; the rest is what an engine works with.
            self.assertLess(large - small, 2 * 4 * elements + (16 << 20), command)
            print(f"{command}: {(large - small) / (4 * elements):.2f} of the file")


if __name__ == "__main__":
    unittest.main()
