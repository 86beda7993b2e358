"""SciPy's and NumPy's own tests of the functions that faltung has, with faltung's in their place.

    scipy_suite.py signal|ndimage|numpy [--all]

The tests are those of the installed wheels; nothing of them is kept here. Those that fail are named, with the reason,
in docs/compatibility.md: a failure that is not there fails this test, and so does one there that fails no more. Without
--all one test is left out that tries 9,730 pairs of lengths.
"""

import pathlib
import re
import sys

import numpy
import pytest
import scipy

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/compatibility.md"
# Of each suite: the package, its files, the tests chosen, and how many there are at least.
SUITES = {
    "signal": (scipy, ["signal/tests/test_signaltools.py", "signal/tests/test_upfirdn.py",
                "signal/tests/test_savitzky_golay.py"],
               "TestConvolve or TestConvolve2d or TestFFTConvolve or TestOAConvolve or TestAllFreqConvolves or TestMedFilt "
               "or TestOrderFilt or TestCorrelate or TestCorrelationLags or TestUpfirdn or "
               "test_sg_ or test_lfilter_ or "
               "(TestLinearFilter and not Extended and (FIR or scalar_a or invalid_params)) or "
               "(TestResample and (mutable or output or dc or polyphase or poly_vs or correlate1d or gh_15620))", 1000),
    "ndimage": (scipy, ["ndimage/tests/test_filters.py", "ndimage/tests/test_morphology.py"],
                 # Structuring elements that are not flat are left to SciPy.
                 "test_filters.py or (test_grey_ and not -structure-)", 1000),
    "numpy": (numpy, ["_core/tests/test_numeric.py", "_core/tests/test_regression.py", "ma/tests/test_core.py"],
              "TestCorrelate or TestConvolve or test_convolve", 11),
}


class Counter:
    """What became of the tests, by the names of their functions."""

    def __init__(self):
        self.passed, self.failed = 0, {}

    def pytest_runtest_logreport(self, report):
        if report.failed:
            name = re.sub(r"\[.*", "", report.nodeid.split("::", 1)[1]).split("::")[-1]
            self.failed[name] = self.failed.get(name, 0) + 1
        elif report.when == "call" and report.passed:
            self.passed += 1


def listed(suite):
    """The tests that the page says to fail."""
    section = re.search(r"^## SciPy's own tests\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    rows = re.findall(rf"^\| {suite} \| (.*?) \|", section.group(1), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def main(suite, everything):
    package, files, chosen, least = SUITES[suite]
    root = pathlib.Path(package.__file__).parent
    if not everything:
        chosen = f"({chosen}) and not test_real_manylens"
    counter = Counter()
    pytest.main(["-q", "--tb=line", "-p", "replace_scipy", "-p", "no:cacheprovider", "-W", "ignore",
                 f"--rootdir={root}", f"--confcutdir={root}", "-k", chosen, *(str(root / file) for file in files)],
                plugins=[counter])
    failures = sum(counter.failed.values())
    total = counter.passed + failures
    known = listed(suite)
    print(f"{package.__name__} {package.__version__}, {suite}: {counter.passed} of {total} pass ({counter.passed / max(total, 1):.2%})")
    new, gone = sorted(set(counter.failed) - known), sorted(known - set(counter.failed))
    for name in new:
        print(f"{name} fails ({counter.failed[name]} times), and docs/compatibility.md does not say why")
    for name in gone:
        print(f"{name} passes, but docs/compatibility.md says that it fails")
    # For scripts/run-tests, which counts cases.
    print(f"Ran {counter.passed} tests in all")
    return 1 if new or gone or counter.passed < least else 0


sys.exit(main(sys.argv[1], "--all" in sys.argv))
