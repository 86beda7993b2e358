"""jax.lax.conv_general_dilated and its gradients, in f64 on the CPU: strides, dilations of filter
and input, pads of any sign, groups, both layouts, one to three dimensions."""

import os

os.environ["JAX_PLATFORMS"] = "cpu"
# Every problem is compiled for its shapes and run twice: compile fast.
os.environ["XLA_FLAGS"] = "--xla_backend_optimization_level=0 --xla_disable_hlo_passes=fusion"

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)

from checking import check, fft_bound, main, sum_bound, wide
from client import DTYPES, NAMES

LETTERS = "DHW"


def spatial(draw, rank, input_dilations=(1, 1, 1, 2, 3)):
    """Per axis: input, filter, stride, dilation, input dilation, pads; the output has elements."""
    largest = [30, 9, 5][rank - 1]
    while True:
        axes = [dict(input=draw.integer(1, largest), filter=draw.integer(1, [9, 4, 3][rank - 1]),
                     stride=draw.integer(1, 3), dilation=draw.integer(1, 3),
                     input_dilation=draw.one_of(input_dilations),
                     low=draw.integer(-2, 5), high=draw.integer(-2, 5)) for _ in range(rank)]
        # Cropping more than there is: XLA and we agree on no output, so ask for one.
        if all((a["input"] - 1) * a["input_dilation"] + 1 + a["low"] + a["high"]
               > (a["filter"] - 1) * a["dilation"] for a in axes):
            return axes


def convolution(axes, groups, layout):
    rank = len(axes)
    names = LETTERS[3 - rank:]
    data = f"NC{names}" if layout == "nchw" else f"N{names}C"
    kernel = f"OI{names}" if layout == "nchw" else f"O{names}I"

    def apply(x, w):
        return jax.lax.conv_general_dilated(
            x, w, window_strides=[a["stride"] for a in axes],
            padding=[(a["low"], a["high"]) for a in axes],
            lhs_dilation=[a["input_dilation"] for a in axes],
            rhs_dilation=[a["dilation"] for a in axes],
            dimension_numbers=(data, kernel, data), feature_group_count=groups)
    return apply


def passes(apply):
    """(x, w, dy) to y and both gradients, as NumPy's arrays: JAX would compile every sum of them for
    its shape. One compilation for all three, because those take the time."""
    @jax.jit
    def compiled(x, w, dy):
        y, transposes = jax.vjp(apply, x, w)
        # Gradients in JAX are transposes, ours are adjoints: they conjugate.
        return y, *(jax.numpy.conj(g) for g in transposes(jax.numpy.conj(dy)))
    return lambda *operands: map(np.asarray, compiled(*operands))


def notation(op, dtype, axes, n, c, k, groups, layout):
    def each(name):
        return "x".join(str(a[name]) for a in axes)
    pads = "x".join(f"{a['low']}:{a['high']}" for a in axes)
    return (f"op={op} dtype={dtype} n={n} c={c} in={'x'.join(str(a['input']) for a in axes)} k={k} "
            f"f={'x'.join(str(a['filter']) for a in axes)} stride={each('stride')} "
            f"pad={pads} dil={each('dilation')} "
            f"idil={each('input_dilation')} g={groups} layout={layout}")


def general(faltung, draw, problem):
    """One convolution and both of its gradients."""
    rank = draw.one_of([1, 1, 2, 2, 3])
    axes = spatial(draw, rank)
    groups = draw.one_of([1, 1, 2, 3])
    n, c, k = draw.integer(1, 3), groups * draw.integer(1, 3), groups * draw.integer(1, 3)
    layout = draw.one_of(["nchw", "nhwc"])
    dtype = draw.one_of(["f64", "f64", "f32", "c128", "f16", "bf16"])
    x_space, w_space = [a["input"] for a in axes], [a["filter"] for a in axes]
    x_shape, w_shape = [n, c, *x_space], [k, c // groups, *w_space]
    if layout == "nhwc":
        x_shape, w_shape = [n, *x_space, c], [k, *w_space, c // groups]
    x, w = draw.array(x_shape, DTYPES[dtype]), draw.array(w_shape, DTYPES[dtype])
    # The notation describes compact tensors.
    x, w = np.ascontiguousarray(x), np.ascontiguousarray(w)
    problem["notation"] = notation("fwd", dtype, axes, n, c, k, groups, layout)

    apply = convolution(axes, groups, layout)
    y_shape = jax.eval_shape(apply, wide(x), wide(w)).shape
    dy = np.ascontiguousarray(draw.array(y_shape, DTYPES[dtype]))
    all_passes = passes(apply)
    y, dx, dw = all_passes(wide(x), wide(w), wide(dy))
    # As wide as the data, so that nothing is compiled again.
    y_size, dx_size, dw_size = (np.abs(m) for m in all_passes(
        *(np.abs(wide(a)).astype(wide(a).dtype) for a in (x, w, dy))))

    taps = int(np.prod(w_space))
    points = int(np.prod([a["input"] * a["input_dilation"] + abs(a["low"]) + abs(a["high"])
                          for a in axes])) * (c + k) * n
    for op, operands, theirs, magnitude, terms in (
            ("fwd", (x, w), y, y_size, taps * c // groups),
            ("dgrad", (dy, w), dx, dx_size, taps * k // groups),
            ("wgrad", (x, dy), dw, dw_size, n * int(np.prod(y_shape)) // (n * k))):
        problem["op"] = op
        ours = faltung.call_some_engine(
            draw, "problem", *operands,
            notation=notation(op, dtype, axes, n, c, k, groups, layout))
        norms = [np.linalg.norm(wide(operand).ravel()) for operand in operands]
        double = sum_bound(terms, magnitude, np.float64)
        check(ours, theirs, sum_bound(terms, magnitude, ours.dtype, theirs) + double
              + fft_bound(points, *norms, ours.dtype), same_type=False)


def padded(faltung, draw, problem):
    """nn.conv with padding by name."""
    rank = draw.integer(1, 2)
    rule = draw.one_of(["same_upper", "same_lower", "causal"])
    space = [draw.integer(3, 12) for _ in range(rank)]
    taps = [draw.integer(1, 5) for _ in range(rank)]
    stride = [draw.integer(1, 3) for _ in range(rank)]
    dilation = [draw.integer(1, 2) for _ in range(rank)]
    groups = draw.one_of([1, 2])
    x = draw.array([2, 2 * groups, *space], np.float64)
    w = draw.array([3 * groups, 2, *taps], np.float64)
    options = dict(stride=stride, dilation=dilation, groups=groups, padding=rule)
    problem.update(x=x.shape, w=w.shape, **options)
    padding = {"same_upper": "SAME", "same_lower": "SAME_LOWER",
               "causal": [((r - 1) * d, 0) for r, d in zip(taps, dilation)]}[rule]

    def apply(x, w):
        return jax.lax.conv_general_dilated(x, w, stride, padding, rhs_dilation=dilation,
                                            feature_group_count=groups)
    theirs, magnitude = np.asarray(apply(x, w)), np.asarray(apply(np.abs(x), np.abs(w)))
    limit = (2 * sum_bound(2 * int(np.prod(taps)), magnitude, np.float64)
             + fft_bound(x.size + w.size, np.linalg.norm(x), np.linalg.norm(w), np.float64))
    check(faltung.call_some_engine(draw, "nn.conv", x, w, **options), theirs, limit)


def network(faltung, draw, problem):
    """nn.conv and its gradients, with numbers for the padding."""
    rank = draw.integer(1, 2)
    axes = spatial(draw, rank, [1])
    groups = draw.one_of([1, 2, 3])
    x = draw.array([2, 2 * groups, *(a["input"] for a in axes)], np.float64)
    w = draw.array([groups, 2, *(a["filter"] for a in axes)], np.float64)
    options = dict(stride=[a["stride"] for a in axes], dilation=[a["dilation"] for a in axes],
                   padding=[a["low"] for a in axes] + [a["high"] for a in axes], groups=groups)
    problem.update(x=x.shape, w=w.shape, **options)
    apply = convolution(axes, groups, "nchw")
    dy = draw.array(jax.eval_shape(apply, x, w).shape, np.float64)
    y, dx, dw = passes(apply)(x, w, dy)
    for name, operands, theirs, shape in (
            ("nn.conv", (x, w), y, {}),
            ("nn.conv_data_gradient", (dy, w), dx, {"shape": x.shape}),
            ("nn.conv_filter_gradient", (x, dy), dw, {"shape": w.shape})):
        problem["call"] = name
        first, second = (np.linalg.norm(operand) for operand in operands)
        # |first| * |second| at one output is at most the product of their norms.
        limit = (2 * sum_bound(operands[1].size, first * second, np.float64)
                 + fft_bound(x.size + y.size, first, second, np.float64))
        check(faltung.call_some_engine(draw, name, *operands, **options, **shape), theirs, limit)


if __name__ == "__main__":
    main("faltung.nn and Problem against JAX", [
        ("jax.general", 150, general), ("jax.padded", 40, padded), ("jax.network", 40, network)])
