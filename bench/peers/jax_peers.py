"""JAX: XLA's conv_general_dilated with its gradients, and jax.scipy.signal, compiled in the first warm-up run.

A call ends when the host has seen the result, so on a GPU a few microseconds of waiting are in the time.
"""

TYPES = {"f16": "float16", "bf16": "bfloat16", "f32": "float32", "f64": "float64", "c64": "complex64",
         "c128": "complex128"}
LAYOUTS = {"nchw": ("NC{0}", "OI{0}", "NC{0}"), "nhwc": ("N{0}C", "{0}IO", "N{0}C")}
AXES = ("W", "HW", "DHW")


def _random(shape, dtype):
    import jax
    import numpy as np

    rng = np.random.default_rng(20261120)
    return jax.numpy.asarray(rng.random(shape, np.float32) * 2 - 1, dtype=TYPES[dtype])


def _timed(function, *operands):
    import jax

    compiled = jax.jit(function)
    return lambda: jax.block_until_ready(compiled(*operands))


def _shapes(problem, layout):
    x = (problem.inputs,) + problem.extent if layout == "nchw" else problem.extent + (problem.inputs,)
    slices = problem.inputs // problem.groups
    w = (problem.outputs, slices) + problem.taps if layout == "nchw" else problem.taps + (slices, problem.outputs)
    return (problem.batch,) + x, w


def layers(problem):
    import jax

    if problem.op not in ("fwd", "dgrad", "wgrad") or problem.dtype not in TYPES or problem.rank > 3:
        return
    if problem.boundary != "zero" or problem.flip or problem.unread:
        return
    precision = jax.lax.Precision.DEFAULT if problem.tf32 else jax.lax.Precision.HIGHEST
    for layout, words in LAYOUTS.items():
        shape, filter_shape = _shapes(problem, layout)
        x, w = _random(shape, problem.dtype), _random(filter_shape, problem.dtype)

        def forward(x, w, words=words):
            return jax.lax.conv_general_dilated(
                x, w, problem.stride, problem.pads, rhs_dilation=problem.dilation,
                dimension_numbers=tuple(word.format(AXES[problem.rank - 1]) for word in words),
                feature_group_count=problem.groups, precision=precision)

        if problem.op == "fwd":
            yield f"jax_{layout}", _timed(forward, x, w)
            continue
        dy = _random(jax.eval_shape(forward, x, w).shape, problem.dtype)
        data = problem.op == "dgrad"

        def gradient(x, w, dy, forward=forward, data=data):
            # The convolution is linear in either operand, so its gradient needs that one's shape alone.
            along = (lambda v: forward(v, w)) if data else (lambda v: forward(x, v))
            return jax.linear_transpose(along, x if data else w)(dy)

        yield f"jax_{layout}", _timed(gradient, x, w, dy)


def signals(problem):
    import jax.scipy.signal as sp

    if problem.op != "signal" or problem.dtype not in TYPES or problem.batch > 1:
        return
    x, h = _random(problem.extent, problem.dtype), _random(problem.taps, problem.dtype)
    for method in ("direct", "fft"):
        products = 1.0
        for n, t in zip(problem.extent, problem.taps):
            products *= n * t
        if method == "fft" or products < 2e10:
            yield f"jax_{method}", _timed(lambda x, h, m=method: sp.convolve(x, h, problem.mode, method=m), x, h)


ALL = (layers, signals)
