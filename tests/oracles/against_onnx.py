"""The ONNX backend node tests of Conv, ConvTranspose and ConvInteger: models and expected outputs
come from the onnx package."""

import pathlib
import re

import numpy as np
import onnx
import onnx.backend.test
from onnx import numpy_helper

from checking import check, fft_bound, main, sum_bound, wide

FOLDER = pathlib.Path(onnx.backend.test.__file__).parent / "data" / "node"
OPERATORS = {"Conv": "nn.conv", "ConvTranspose": "nn.conv_transpose",
             "ConvInteger": "nn.conv_integer"}


def cases():
    """(folder, node) of every node test that is one of the operators alone."""
    found = []
    for folder in sorted(FOLDER.iterdir()):
        if re.search("conv", folder.name) and (folder / "model.onnx").exists():
            nodes = onnx.load(folder / "model.onnx").graph.node
            if len(nodes) == 1 and nodes[0].op_type in OPERATORS:
                found.append((folder, nodes[0]))
    return found


def tensors(folder, pattern):
    files = sorted((folder / "test_data_set_0").glob(pattern))
    return [numpy_helper.to_array(onnx.load_tensor(file)) for file in files]


def options_of(node):
    """Attributes in our words. kernel_shape only repeats the shape of the filter."""
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    attributes.pop("kernel_shape", None)
    names = {"strides": "stride", "dilations": "dilation", "group": "groups", "pads": "padding"}
    auto_pad = attributes.pop("auto_pad", b"NOTSET").decode()
    options = {names.get(name, name): value for name, value in attributes.items()}
    if auto_pad.startswith("SAME"):
        options["padding"] = auto_pad.lower()
    return options


def node_test(case):
    folder, node = case

    def run(faltung, draw, problem):
        problem.update(test=folder.name, operator=node.op_type)
        inputs, expected = tensors(folder, "input_*.pb"), tensors(folder, "output_*.pb")[0]
        options = options_of(node)
        problem.update(options)
        if node.op_type == "ConvInteger":
            zeros = [int(zero.reshape(-1)[0]) for zero in inputs[2:3]]
            if zeros:
                options["zero_x"] = zeros[0]
            if len(inputs) > 3:
                options["zero_w"] = [int(zero) for zero in inputs[3].reshape(-1)]
            check(faltung.call(OPERATORS[node.op_type], *inputs[:2], **options), expected)
            return
        ours = faltung.call_some_engine(draw, OPERATORS[node.op_type], *inputs, **options)
        x, w = wide(inputs[0]), wide(inputs[1])
        bias = np.abs(inputs[2]).max() if len(inputs) > 2 else 0
        magnitude = np.abs(x).max() * np.abs(w).sum() + bias
        check(ours, expected, 2 * sum_bound(w.size + 1, magnitude, expected.dtype) + fft_bound(
            x.size + expected.size, np.linalg.norm(x), np.linalg.norm(w), expected.dtype))
    return run


if __name__ == "__main__":
    found = cases()
    present = {node.op_type for _, node in found}
    assert present == set(OPERATORS), f"the onnx package has tests for {present} only"
    main("faltung.nn against ONNX", [(folder.name, 1, node_test((folder, node)))
                                     for folder, node in found])
