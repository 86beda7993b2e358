"""What every call of the package is asked to be."""

from . import _core

_NAMES = ("method", "accuracy", "reproducible", "flush_subnormals", "engine", "workspace_limit")


class options:
    """How calls within a ``with`` statement are carried out, in this thread or task.

    method : "direct" sums each output by itself, "fft" transforms, "auto" takes the faster. A call's own argument
        of that name goes first.
    accuracy : "normwise", or "elementwise": errors are measured by each result's own products, also by FFT.
    reproducible : results have the same bits for any batch, number of threads, instruction set and device.
    flush_subnormals : numbers too small to be normal count as zero.
    engine : the name of an engine, a family or a way, such as "cpu.fft".
    workspace_limit : bytes of scratch memory that a call may need.

    What is not given is as outside; statements may lie within each other.

    >>> import faltung
    >>> with faltung.options(accuracy="elementwise", reproducible=True):
    ...     faltung.signal.convolve([1., 2., 3.], [0., 1., 0.5])
    array([0. , 1. , 2.5, 4. , 1.5])
    """

    def __init__(self, *, method=None, accuracy=None, reproducible=None, flush_subnormals=None, engine=None,
                 workspace_limit=None):
        values = (method, accuracy, reproducible, flush_subnormals, engine, workspace_limit)
        self._given = {name: value for name, value in zip(_NAMES, values) if value is not None}
        _core.CallOptions(**self._given)  # says now what is wrong
        self._outside = []

    def __enter__(self):
        given = {**options_in_force(), **self._given}
        made = _core.CallOptions(**given)
        made.given = given
        self._outside.append(_core.options_in_force.set(made))
        return self

    def __exit__(self, *error):
        _core.options_in_force.reset(self._outside.pop())


def options_in_force():
    """As keywords of `options`; empty outside."""
    made = _core.options_in_force.get()
    return {} if made is None else made.given


def method_in_force():
    """"auto" where the options leave the choice; transforms have an order of sums of their own."""
    given = options_in_force()
    return "direct" if given.get("reproducible") else given.get("method", "auto")


def call_with(given, function, *arguments):
    """The function under these options: for what is called later, or elsewhere."""
    if not given:
        return function(*arguments)
    with options(**given):
        return function(*arguments)
