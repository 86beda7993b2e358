"""A backend for ONNX's convolutions by faltung.nn, and ONNX's own tests of them through it.

The tests are those of the onnx package: of the nodes, and models converted from PyTorch. All must pass.
"""

import sys
import unittest

try:
    import onnx
    import onnx.backend.test
    from onnx import helper, numpy_helper
    from onnx.backend.base import Backend, BackendRep
except ImportError as error:
    print(f"ONNX: NOT RUN ({error}; scripts/setup test installs it)")
    sys.exit(77)

import numpy as np

from faltung import nn


def pads_of(options, extents, taps):
    """(before, after) for each axis of a forward convolution."""
    rule, rank = options.get("auto_pad", "NOTSET"), len(taps)
    strides, dilations = options.get("strides", [1] * rank), options.get("dilations", [1] * rank)
    if rule in ("NOTSET", "VALID"):
        pads = options.get("pads", [0] * 2 * rank) if rule == "NOTSET" else [0] * 2 * rank
        return list(zip(pads[:rank], pads[rank:]))
    totals = [max(0, (-(-n // step) - 1) * step + (r - 1) * apart + 1 - n)
              for n, r, step, apart in zip(extents, taps, strides, dilations)]
    return [halves(total, rule) for total in totals]


def halves(total, rule):
    """An odd element stands at the end for SAME_UPPER, and in front otherwise."""
    less, more = total // 2, total - total // 2
    return (less, more) if rule == "SAME_UPPER" else (more, less)


def geometry(options, x, w):
    rank = w.ndim - 2
    return {"stride": options.get("strides", [1] * rank), "dilation": options.get("dilations", [1] * rank),
            "groups": options.get("group", 1), "padding": pads_of(options, x.shape[2:], w.shape[2:])}


def conv(options, x, w, bias=None):
    return getattr(nn, f"conv{w.ndim - 2}d")(x, w, bias, **geometry(options, x, w))


def conv_integer(options, x, w, x_zero=0, w_zero=0):
    return nn.conv_integer(x, w, x_zero, w_zero, **geometry(options, x, w))


def qlinear_conv(options, x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias=None):
    return nn.qlinear_conv(x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias, y_zero.dtype,
                           **geometry(options, x, w))


def conv_transpose(options, x, w, bias=None):
    rank = w.ndim - 2
    strides, dilations = options.get("strides", [1] * rank), options.get("dilations", [1] * rank)
    more, rule = options.get("output_padding", [0] * rank), options.get("auto_pad", "NOTSET")
    pads = options.get("pads", [0] * 2 * rank)
    pads = list(zip(pads[:rank], pads[rank:]))
    wanted = options.get("output_shape")
    if wanted is None and rule.startswith("SAME"):
        wanted = [n * step for n, step in zip(x.shape[2:], strides)]
    if wanted is not None:
        pads = [halves((n - 1) * step + extra + (r - 1) * apart + 1 - extent, rule)
                for n, step, extra, r, apart, extent in zip(x.shape[2:], strides, more, w.shape[2:], dilations, wanted)]
    return getattr(nn, f"conv_transpose{rank}d")(x, w, bias, strides, pads, more, options.get("group", 1), dilations)


OPERATORS = {"Conv": conv, "ConvTranspose": conv_transpose, "ConvInteger": conv_integer, "QLinearConv": qlinear_conv}


class Prepared(BackendRep):
    def __init__(self, graph):
        self.graph = graph

    def run(self, inputs, **options):
        values = {each.name: numpy_helper.to_array(each) for each in self.graph.initializer} | {"": None}
        names = [each.name for each in self.graph.input if each.name not in values]
        values |= dict(zip(names, inputs, strict=True))
        for node in self.graph.node:
            attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
            attributes = {name: each.decode() if isinstance(each, bytes) else each for name, each in attributes.items()}
            values[node.output[0]] = np.asarray(OPERATORS[node.op_type](attributes, *(values[name] for name in node.input)))
        return [values[each.name] for each in self.graph.output]


class Faltung(Backend):
    @classmethod
    def prepare(cls, model, device="CPU", **options):
        return Prepared(model.graph)

    @classmethod
    def supports_device(cls, device):
        return device == "CPU"


suite = onnx.backend.test.BackendTest(Faltung, __name__)
suite.include(r"(?i)^test_(?!.*deform).*conv.*_cpu$")
globals().update(suite.test_cases)


def chosen(tests):
    """Without those of other operators, of which the package has thousands."""
    for test in tests:
        if isinstance(test, unittest.TestSuite):
            yield from chosen(test)
        elif not getattr(getattr(test, test._testMethodName), "__unittest_skip__", False):
            yield test


if __name__ == "__main__":
    every = unittest.TestSuite(chosen(unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])))
    result = unittest.TextTestRunner(sys.stdout).run(every)
    failed = len(result.failures) + len(result.errors)
    print(f"ONNX {onnx.__version__}: {result.testsRun - failed} of {result.testsRun} tests of convolutions pass")
    sys.exit(0 if not failed and not result.skipped and result.testsRun > 40 else 1)
