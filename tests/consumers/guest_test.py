"""What faltung does to the project that holds it, and what that project's flags do to faltung.

Configures and compiles nothing: the commands that would be run are read. Environment: CXX; CMAKE; CMAKE_GENERATOR;
FALTUNG_CUDA, ON where this build has the CUDA engines.
"""

import json
import os
import pathlib
import re
import shlex
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CMAKE = os.environ.get("CMAKE", "cmake")
CXX = os.environ.get("CXX", "c++")
HAS_CUDA = os.environ.get("FALTUNG_CUDA") == "ON"


def run(*command, fails=False):
    """What a command says. Ends the test unless it succeeds, or fails if it is to fail."""
    done = subprocess.run([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL)
    if (done.returncode != 0) != fails:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def configure_at(build, *options, source, cuda, fails=False):
    return run(
        CMAKE, "-S", source, "-B", build, f"-DCMAKE_CXX_COMPILER={CXX}", f"-DFALTUNG_CUDA={cuda}",
        "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", *options, fails=fails)


class Guest(unittest.TestCase):
    def configure(self, *options, source=HERE / "host", cuda="OFF", fails=False):
        """Configures a project with flags from nowhere but `options`; returns what CMake says."""
        folder = tempfile.TemporaryDirectory(prefix="faltung guest ")
        self.addCleanup(folder.cleanup)
        self.build = pathlib.Path(folder.name)
        return configure_at(self.build, *options, source=source, cuda=cuda, fails=fails)

    def commands(self, ours, suffix=".cpp"):
        """The words of each compile command: of faltung's sources, or of the host's one."""
        entries = json.loads((self.build / "compile_commands.json").read_text())
        found = [
            shlex.split(entry["command"]) for entry in entries
            if entry["file"].endswith(suffix) and ours != entry["file"].endswith("consumer.cpp")
        ]
        self.assertEqual(len(found) > 50 if ours and suffix == ".cpp" else len(found) > 0, True)
        return found

    def levels(self, ours):
        """The optimisation that holds in each command: the last word about it."""
        return {([w for w in words if w.startswith("-O")] or [None])[-1] for words in self.commands(ours)}

    def macros(self, ours):
        """What the compiler defines about arithmetic under the flags of each command."""
        # What is included, precompiled headers too, has no say in it.
        flags = {
            tuple(w for w in words[1:words.index("-o")]
                  if not w.startswith(("-I", "-isystem", "-include", "-Winvalid-pch", "-Xclang", "/")))
            for words in self.commands(ours)
        }
        pattern = re.compile(r"#define (__FAST_MATH__|__FINITE_MATH_ONLY__|__GCC_IEC_559_COMPLEX) (\d+)")
        return {
            tuple(sorted(pattern.findall(run(CXX, *f, "-dM", "-E", "-x", "c++", "/dev/null")))) for f in flags
        }

    def types(self, said):
        return dict(re.findall(r"type of (\w+): (\w+)_LIBRARY", said))


class Kind(Guest):
    def test_the_hosts_libraries_stay_what_they_were(self):
        self.assertEqual(self.types(self.configure()), {"host_library": "STATIC", "faltung": "SHARED"})

    def test_build_shared_libs_of_the_host_counts(self):
        for value, both in ("OFF", "STATIC"), ("ON", "SHARED"):
            said = self.configure(f"-DBUILD_SHARED_LIBS={value}")
            self.assertEqual(self.types(said), {"host_library": both, "faltung": both})

    def test_faltung_shared_goes_first(self):
        said = self.configure("-DBUILD_SHARED_LIBS=ON", "-DFALTUNG_SHARED=OFF")
        self.assertEqual(self.types(said), {"host_library": "SHARED", "faltung": "STATIC"})
        said = self.configure("-DFALTUNG_SHARED=maybe", fails=True)
        self.assertIn("FALTUNG_SHARED is 'maybe'; it must be AUTO, ON or OFF", said)


class Level(Guest):
    def test_without_a_build_type_faltung_alone_is_optimised(self):
        said = self.configure()
        self.assertIn("faltung's own code is compiled with -O3 all the same", said)
        self.assertEqual((self.levels(ours=True), self.levels(ours=False)), ({"-O3"}, {None}))

    def test_what_the_host_chose_holds(self):
        for option, level in (("-DCMAKE_BUILD_TYPE=Debug", None), ("-DCMAKE_BUILD_TYPE=MinSizeRel", "-Os"),
                              ("-DCMAKE_CXX_FLAGS=-O1", "-O1"), ("-DHOST_OPTIONS=-O0", "-O0")):
            said = self.configure(option)
            self.assertNotIn("all the same", said)
            self.assertEqual(self.levels(ours=True), {level}, option)


class Arithmetic(Guest):
    def test_fast_mathematics_stays_with_the_host(self):
        self.configure("-DCMAKE_BUILD_TYPE=Release")
        exact = self.macros(ours=False)
        for option in ("-DCMAKE_CXX_FLAGS=-ffast-math", "-DCMAKE_CXX_FLAGS_RELEASE=-Ofast",
                       "-DHOST_OPTIONS=-ffast-math", "-DCMAKE_CXX_FLAGS_RELEASE=-O2 -ffinite-math-only"):
            self.configure("-DCMAKE_BUILD_TYPE=Release", option)
            self.assertNotEqual(self.macros(ours=False), exact, option)
            self.assertEqual(self.macros(ours=True), exact, option)

    def test_a_build_of_its_own_is_exact_too(self):
        plain = ("-DFALTUNG_TOOLS=OFF", "-DFALTUNG_TESTS=OFF")
        self.configure(*plain, source=ROOT)
        exact = self.macros(ours=True)
        self.configure(*plain, "-DCMAKE_CXX_FLAGS_RELEASE=-Ofast", source=ROOT)
        self.assertEqual(self.macros(ours=True), exact)

    @unittest.skipUnless(HAS_CUDA, "NOT RUN: no CUDA toolkit")
    def test_fast_kernels_stay_with_the_host(self):
        self.configure("-DCMAKE_CUDA_FLAGS=--use_fast_math -lineinfo",
                       "-DHOST_OPTIONS=$<$<COMPILE_LANGUAGE:CUDA>:-use_fast_math>", cuda="ON")
        for words in self.commands(ours=True, suffix=".cu"):
            self.assertIn("-lineinfo", words)
            named = [w for w in words if "fast" in w and "/" not in w]  # files may be called so
            self.assertEqual(named, ["-Xcompiler=-fno-fast-math"])


class Static(Guest):
    """An installed static library, moved: an empty archive does for what is asked of CMake's files."""

    @classmethod
    def setUpClass(cls):
        """Installs and moves it, once for all tests: `built`, `first` and `last` are where it was made, put and moved to."""
        folder = tempfile.TemporaryDirectory(prefix="faltung prefix ")
        cls.addClassCleanup(folder.cleanup)
        cls.built, cls.first, cls.last = (pathlib.Path(folder.name, name) for name in ("built", "first", "moved"))
        configure_at(cls.built, "-DFALTUNG_SHARED=OFF", "-DFALTUNG_TOOLS=OFF", "-DFALTUNG_TESTS=OFF", source=ROOT,
                     cuda="ON" if HAS_CUDA else "OFF")
        (cls.built / "libfaltung.a").write_bytes(b"!<arch>\n")
        run(CMAKE, "--install", cls.built, "--prefix", cls.first)
        cls.first.rename(cls.last)

    def test_it_names_no_place_of_the_machine_it_was_built_on(self):
        files = [*self.last.rglob("*.cmake"), *self.last.rglob("*.pc")]
        self.assertGreaterEqual(len(files), 4)
        for file in files:
            text = file.read_text()
            # The CUDA toolkit is no part of the system: pkg-config's users get a hint where it was.
            text = re.sub(r"-L\S*cuda\S* ", "", text)
            for place in map(str, (ROOT, self.built, self.first)):
                self.assertNotIn(place, text, file)
            self.assertEqual(re.findall(r'[\s";:=](/(?:usr|opt|lib|home|root|tmp)\b\S*)', text), [], file)

    def test_it_finds_what_it_needs_where_cmake_is_3_25_1(self):
        """Its consumers require CMake 3.25, and that CMake's module stops such a project with CUDA 13."""
        self.configure(f"-DCMAKE_PREFIX_PATH={self.last}", f"-DCMAKE_MODULE_PATH={HERE / 'cmake-3.25.1'}",
                       source=HERE / "find_package")
        if "FALTUNG_TBB_LIBRARY" not in (self.build / "CMakeCache.txt").read_text():
            self.skipTest("built without oneTBB")
        said = self.configure(f"-DCMAKE_PREFIX_PATH={self.last}", "-DFALTUNG_TBB_LIBRARY=",
                              source=HERE / "find_package", fails=True)
        self.assertIn("install libtbb-dev", said)


if __name__ == "__main__":
    unittest.main()
