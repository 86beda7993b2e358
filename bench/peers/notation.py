"""The problem notation (docs/notation.md), as far as peers need it: op=fwd|dgrad|wgrad|signal|filter|long; and the
calls that suites name (cpp/tools/bench/call.hpp)."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Problem:
    """One line of a suite. `pads` are (low, high) per axis; extents and factors one per axis."""

    text: str
    family: str
    op: str
    dtype: str
    tf32: bool
    batch: int
    inputs: int
    outputs: int
    groups: int
    extent: tuple
    taps: tuple
    stride: tuple
    dilation: tuple
    pads: tuple
    boundary: str
    mode: str
    separable: bool
    flip: bool
    unread: dict = field(default_factory=dict)

    @property
    def rank(self):
        return len(self.extent)

    @property
    def depthwise(self):
        return self.groups == self.inputs == self.outputs


@dataclass
class Call:
    """A line that names a front end's function; `window` is the taps or the members along each axis."""

    text: str
    family: str
    function: str
    dtype: str
    extent: tuple
    window: tuple
    percentile: float
    up: int
    down: int


KNOWN = {"op", "dtype", "b", "n", "c", "k", "g", "in", "f", "stride", "pad", "dil", "boundary", "mode", "sep",
         "flip", "math"}


def _per_axis(text, rank):
    values = tuple(int(v) for v in text.split("x"))
    return values * rank if len(values) == 1 else values


def _pads(text, rank):
    pads = []
    for part in text.split("x"):
        low, _, high = part.partition(":")
        pads.append((int(low), int(high or low)))
    return tuple(pads * rank if len(pads) == 1 else pads)


def _parse_call(text, family, words):
    extent = tuple(int(v) for v in words["in"].split("x"))
    return Call(text=text, family=family, function=words["call"], dtype=words["dtype"], extent=extent,
                window=_per_axis(words.get("size") or words["f"], len(extent)),
                percentile=float(words.get("percentile", 50)), up=int(words.get("up", 1)), down=int(words.get("down", 1)))


def parse(text, family=""):
    """A Problem, or a Call."""
    words = dict(word.split("=", 1) for word in text.split())
    if "call" in words:
        return _parse_call(text, family, words)
    extent = tuple(int(v) for v in words["in"].split("x"))
    rank = len(extent)
    dtype = words.get("dtype", "f32")
    boundary = words.get("boundary", "reflect" if words["op"] == "filter" else "zero")
    return Problem(
        text=text, family=family, op=words["op"],
        dtype="f32" if dtype == "tf32" else dtype,
        tf32=dtype == "tf32" or words.get("math") == "fast",
        batch=int(words.get("b", words.get("n", 1))),
        inputs=int(words.get("c", 1)), outputs=int(words.get("k", 1)), groups=int(words.get("g", 1)),
        extent=extent, taps=_per_axis(words["f"], rank), stride=_per_axis(words.get("stride", "1"), rank),
        dilation=_per_axis(words.get("dil", "1"), rank), pads=_pads(words.get("pad", "0"), rank),
        boundary=boundary, mode=words.get("mode", "same"), separable=words.get("sep") == "1",
        flip=words.get("flip") == "1", unread={k: v for k, v in words.items() if k not in KNOWN})


def read_suite(path):
    """Problems and calls of a suite file; a comment line that stands alone names the family of what follows."""
    problems, family = [], ""
    for line in Path(path).read_text().splitlines():
        text, _, comment = (part.strip() for part in line.partition("#"))
        if text:
            problems.append(parse(text, family))
        elif comment:
            family = comment
    return problems
