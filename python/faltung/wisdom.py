"""What was measured of problems on this machine, and which way later plans take for it (docs/planning.md).

Nothing is timed unless ``measure`` is called, or wisdom is imported that was measured before.
"""

import os

from . import _core

__all__ = [
    "export_wisdom", "export_wisdom_file", "forget_wisdom", "import_wisdom", "import_wisdom_file", "measure", "wisdom_of"
]


def measure(problem, device="cpu", *, engine="", ways=8, max_seconds=10.):
    """Times the ways that may be the fastest for a problem, and remembers: later plans take the fastest.

    Returns every way, the fastest first, as a dict of ``way``, ``outcome`` ("measured", "cut", "wrong", "failed",
    "overdue", "refused" or "not run"), ``estimate_us``, ``measured_us`` (0 if it was not timed) and ``reason``.

    >>> import faltung
    >>> ways = faltung.wisdom.measure('op=fwd dtype=f32 in=1000 f=5')
    >>> ways[0]['outcome'], ways[0]['measured_us'] > 0
    ('measured', True)
    >>> faltung.wisdom.forget_wisdom()
    """
    return _core.measure(str(problem), device, engine, ways, max_seconds)


def wisdom_of(problem, device="cpu"):
    """What is remembered of a problem: pairs of a way and microseconds, the fastest first.

    >>> import faltung
    >>> faltung.wisdom.wisdom_of('op=fwd dtype=f32 in=1001 f=5')
    []
    """
    return _core.wisdom_of(str(problem), device)


def export_wisdom():
    """Everything remembered, as text: one line a problem and machine.

    >>> import faltung
    >>> faltung.wisdom.forget_wisdom()
    >>> faltung.wisdom.export_wisdom()
    ''
    """
    return _core.export_wisdom()


def import_wisdom(text):
    """Adds lines of ``export_wisdom`` to what is remembered; others are skipped. Returns how many were taken, how many
    of those are of other machines, and how many were skipped.

    >>> import faltung
    >>> faltung.wisdom.import_wisdom('not wisdom')
    {'taken': 0, 'foreign': 0, 'skipped': 1}
    """
    return _core.import_wisdom(text)


def export_wisdom_file(path):
    """Merges everything remembered into a file. Processes may do so at the same time."""
    _core.export_wisdom_file(os.fspath(path))


def import_wisdom_file(path):
    """As ``import_wisdom``, from a file. InvalidProblem if it cannot be read."""
    return _core.import_wisdom_file(os.fspath(path))


def forget_wisdom():
    """Forgets everything in this process; files stay."""
    _core.forget_wisdom()
