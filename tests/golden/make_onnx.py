"""Writes onnx.txt: what ONNX's reference evaluator answers to the cases of nn_test.cpp.

    python3 make_onnx.py > onnx.txt        (made with onnx 1.23.2, NumPy 2.4.6;
                                            1.20.1 pads where auto_pad is VALID)
"""

import numpy as np
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from sequence import sequence


def case(name, op, x, w, zero_points=(), **attributes):
    evaluate(name, op, {"x": x, "w": w, **{f"z{i}": z for i, z in enumerate(zero_points)}},
             **attributes)


def evaluate(name, op, operands, **attributes):
    node = helper.make_node(op, list(operands), ["y"], **attributes)
    inputs = [helper.make_tensor_value_info(key, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
              for key, a in operands.items()]
    output = helper.make_tensor_value_info("y", TensorProto.UNDEFINED, None)
    model = helper.make_model(helper.make_graph([node], "g", inputs, [output]))
    y = ReferenceEvaluator(model).run(None, operands)[0]
    print(f"{name}: {' '.join(str(int(v)) for v in (*y.shape, *y.ravel()))}")


x = sequence("f4", 1, 2, 7)
w = sequence("f4", 3, 2, 4)
for auto_pad in ["SAME_UPPER", "SAME_LOWER", "VALID"]:
    for stride in [1, 2, 3]:
        case(f"conv {auto_pad} {stride}", "Conv", x, w, auto_pad=auto_pad, strides=[stride])
case("conv dilated", "Conv", sequence("f4", 2, 4, 6, 5), sequence("f4", 2, 2, 3, 2), group=2,
     dilations=[1, 2], strides=[2, 1], pads=[1, 0, 2, 1])

x = sequence("f4", 1, 2, 3, 3)
w = sequence("f4", 2, 2, 3, 3)
case("transpose", "ConvTranspose", x, w)
case("transpose stride", "ConvTranspose", x, w, strides=[3, 2], pads=[1, 2, 1, 2],
     output_padding=[2, 1])
case("transpose dilation", "ConvTranspose", x, w, dilations=[2, 2])
case("transpose output_shape", "ConvTranspose", x, w, strides=[3, 2], output_shape=[10, 8])
case("transpose SAME_UPPER", "ConvTranspose", x, w, strides=[2, 2], auto_pad="SAME_UPPER")
case("transpose SAME_LOWER", "ConvTranspose", x, w, strides=[2, 2], auto_pad="SAME_LOWER")
case("transpose SAME_UPPER output_shape", "ConvTranspose", x, w, strides=[2, 2],
     auto_pad="SAME_UPPER", output_shape=[4, 6])
case("transpose SAME_LOWER output_shape", "ConvTranspose", x, w, strides=[2, 2],
     auto_pad="SAME_LOWER", output_shape=[4, 6])

byte, code = sequence("u1", 1, 2, 4, 4), sequence("i1", 3, 2, 2, 3)
case("integer", "ConvInteger", byte, code)
case("integer zero", "ConvInteger", byte, code, (np.uint8(40), np.int8(-7)), pads=[1, 1, 1, 1])
case("integer zero u8", "ConvInteger", byte, sequence("u1", 3, 2, 2, 3),
     (np.uint8(255), np.uint8(3)), pads=[0, 1, 1, 0])


def qlinear(name, x, w, scales, zero_points, bias=None, **attributes):
    """`scales` and `zero_points` are those of x, w and y; y has the type of its zero point."""
    operands = [x, *pairs(0, scales, zero_points), w, *pairs(1, scales, zero_points),
                *pairs(2, scales, zero_points)] + ([bias] if bias is not None else [])
    evaluate(name, "QLinearConv", {f"o{i}": np.asarray(a) for i, a in enumerate(operands)},
             **attributes)


def pairs(i, scales, zero_points):
    return np.asarray(scales[i], "f4"), zero_points[i]


# Powers of two make halves, which round to even; the zero point of y is even there, because the
# evaluator adds it before it rounds, where QuantizeLinear rounds first.
qlinear("qlinear halves", byte, code, (0.5, 0.25, 16), (np.uint8(0), np.int8(0), np.uint8(100)))
qlinear("qlinear channels", byte, code, (0.02, [0.013, 0.04, 0.007], 0.11),
        (np.uint8(40), np.array([-7, 0, 3], "i1"), np.uint8(131)),
        np.array([1000, -200, 3000], "i4"), pads=[1, 0, 1, 2], strides=[1, 2])
qlinear("qlinear i8", sequence("i1", 2, 4, 5, 4), sequence("i1", 4, 2, 2, 2),
        (0.5, [0.5, 0.125, 2, 0.25], 8), (np.int8(-3), np.zeros(4, "i1"), np.int8(-20)), group=2,
        dilations=[2, 1])
qlinear("qlinear u8 to i8", byte, sequence("u1", 3, 2, 2, 3), (0.1, 0.03, 0.7),
        (np.uint8(128), np.uint8(90), np.int8(5)), pads=[1, 1, 1, 1])
