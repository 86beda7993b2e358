"""Convolutions of networks with PyTorch's names and shapes, and their gradients.

Data are [n, c, spatial...] and weights [k, c / groups, spatial...], in one type. ``stride``, ``padding``, ``dilation``
and ``output_padding`` are one number or one for each spatial axis; ``padding`` may be "same" or "valid", or a pair
(before, after) for each axis.
"""

import numpy as np

from . import _core
from ._arrays import plain, results_of_the_same_kind

__all__ = [
    "bias_gradient", "conv1d", "conv2d", "conv3d", "conv_input", "conv_integer", "conv_transpose1d", "conv_transpose2d",
    "conv_transpose3d", "conv_transpose_input", "conv_transpose_weight", "conv_weight", "qlinear_conv"
]


def _numbers(value, axes, name):
    values = [int(one) for one in np.atleast_1d(value)]
    if len(values) == 1:
        return values * axes
    if len(values) != axes:
        raise ValueError(f"{name} has {len(values)} values for {axes} spatial axes; give one, or one for each")
    return values


def _each(value, kind):
    return [kind(one) for one in np.atleast_1d(value)]


def _pads(padding, stride, dilation, kernel):
    """(before, after) for each axis."""
    if isinstance(padding, str):
        if padding == "valid":
            return [(0, 0)] * len(kernel)
        if padding != "same":
            raise ValueError(f"padding is {padding!r}; use 'same', 'valid' or numbers")
        if any(step != 1 for step in stride):
            raise ValueError(f"padding 'same' takes a stride of 1, not {stride}")
        totals = [d * (r - 1) for d, r in zip(dilation, kernel)]
        return [(total // 2, total - total // 2) for total in totals]
    if np.ndim(padding) == 2:
        return [(int(low), int(high)) for low, high in padding]
    return [(pad, pad) for pad in _numbers(padding, len(kernel), "padding")]


def _geometry(weight_shape, stride, padding, dilation):
    kernel = tuple(weight_shape)[2:]
    stride = _numbers(stride, len(kernel), "stride")
    dilation = _numbers(dilation, len(kernel), "dilation")
    return stride, _pads(padding, stride, dilation, kernel), dilation


def _of_rank(rank, input, weight, name):
    """The operands with a batch, and whether one was added."""
    if np.ndim(weight) != rank + 2:
        raise ValueError(f"{name}: weight has {np.ndim(weight)} axes; it takes {rank + 2}")
    if np.ndim(input) not in (rank + 1, rank + 2):
        raise ValueError(f"{name}: input has {np.ndim(input)} axes; it takes {rank + 2}, or {rank + 1} without a batch")
    alone = np.ndim(input) == rank + 1
    return (plain(input)[None] if alone else input), alone


def _conv(rank, input, weight, bias, stride, padding, dilation, groups):
    input, alone = _of_rank(rank, input, weight, f"conv{rank}d")
    geometry = _geometry(np.shape(weight), stride, padding, dilation)
    y = _core.conv(input, weight, bias, *geometry, groups)
    return y[0] if alone else y


def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """input [n, c, l] by weight [k, c / groups, r], plus bias [k].

    >>> conv1d(np.ones((1, 1, 4)), np.ones((1, 1, 3)), padding=1)
    array([[[2., 3., 3., 2.]]])
    """
    return _conv(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """input [n, c, h, w] by weight [k, c / groups, r, s], plus bias [k].

    >>> conv2d(np.ones((1, 2, 4, 4)), np.ones((3, 2, 3, 3)), stride=1).shape
    (1, 3, 2, 2)
    """
    return _conv(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """input [n, c, d, h, w] by weight [k, c / groups, q, r, s], plus bias [k].

    >>> conv3d(np.ones((1, 1, 3, 3, 3)), np.ones((1, 1, 3, 3, 3))).item()
    27.0
    """
    return _conv(3, input, weight, bias, stride, padding, dilation, groups)


def conv_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv1d to conv3d with respect to the input of that shape.

    >>> conv_input((1, 1, 4), np.ones((1, 1, 3)), np.ones((1, 1, 2)))
    array([[[1., 2., 2., 1.]]])
    """
    geometry = _geometry(np.shape(weight), stride, padding, dilation)
    return _core.conv_data_gradient(grad_output, weight, list(input_size), *geometry, groups)


def conv_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv1d to conv3d with respect to the weight of that shape.

    >>> conv_weight(np.ones((1, 1, 4)), (1, 1, 3), np.ones((1, 1, 2)))
    array([[[2., 2., 2.]]])
    """
    geometry = _geometry(weight_size, stride, padding, dilation)
    return _core.conv_filter_gradient(input, grad_output, list(weight_size), *geometry, groups)


def bias_gradient(grad_output):
    """The gradient with respect to the bias, of shape [k]: grad_output summed over batch and space.

    >>> bias_gradient(np.ones((2, 3, 4)))
    array([8., 8., 8.])
    """
    return _core.bias_gradient(grad_output)


def _transposed(weight_shape, stride, padding, output_padding, dilation):
    stride, pads, dilation = _geometry(weight_shape, stride, padding, dilation)
    return stride, pads, _numbers(output_padding, len(stride), "output_padding"), dilation


def _conv_transpose(rank, input, weight, bias, stride, padding, output_padding, groups, dilation):
    input, alone = _of_rank(rank, input, weight, f"conv_transpose{rank}d")
    y = _core.conv_transpose(input, weight, bias,
                             *_transposed(np.shape(weight), stride, padding, output_padding, dilation), groups)
    return y[0] if alone else y


def conv_transpose1d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """input [n, k, l] by weight [k, c / groups, r] to [n, c, ...]: every element adds its multiple of the weight.

    >>> conv_transpose1d(np.ones((1, 1, 2)), np.ones((1, 1, 3)), stride=2)
    array([[[1., 1., 2., 1., 1.]]])
    """
    return _conv_transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """As `conv_transpose1d`, with two spatial axes.

    >>> conv_transpose2d(np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2)), stride=2).shape
    (1, 1, 4, 4)
    """
    return _conv_transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """As `conv_transpose1d`, with three spatial axes.

    >>> conv_transpose3d(np.ones((1, 1, 1, 1, 1)), np.ones((1, 1, 2, 2, 2))).shape
    (1, 1, 2, 2, 2)
    """
    return _conv_transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose_input(input_size, weight, grad_output, stride=1, padding=0, output_padding=0, groups=1,
                         dilation=1):
    """The gradient of the transposed convolution with respect to the input of that shape.

    >>> conv_transpose_input((1, 1, 2), np.ones((1, 1, 3)), np.ones((1, 1, 4)))
    array([[[3., 3.]]])
    """
    geometry = _transposed(np.shape(weight), stride, padding, output_padding, dilation)
    return _core.conv_transpose_data_gradient(grad_output, weight, list(input_size), *geometry, groups)


def conv_transpose_weight(input, weight_size, grad_output, stride=1, padding=0, output_padding=0, groups=1,
                          dilation=1):
    """The gradient of the transposed convolution with respect to the weight of that shape.

    >>> conv_transpose_weight(np.ones((1, 1, 2)), (1, 1, 3), np.ones((1, 1, 4)))
    array([[[2., 2., 2.]]])
    """
    geometry = _transposed(weight_size, stride, padding, output_padding, dilation)
    return _core.conv_transpose_filter_gradient(input, grad_output, list(weight_size), *geometry, groups)


def conv_integer(input, weight, input_zero_point=0, weight_zero_point=0, stride=1, padding=0, dilation=1, groups=1):
    """The sums of (input - input_zero_point) by (weight - weight_zero_point), int32; padding holds the zero point.

    input [n, c, spatial...] and weight [k, c / groups, spatial...] are int8 or uint8; weight_zero_point is one number, or
    one for each of the k channels.

    >>> conv_integer(np.array([[[2, 3, 4]]], np.uint8), np.array([[[1, 1]]], np.uint8), 1)
    array([[[3, 5]]], dtype=int32)
    """
    geometry = _geometry(np.shape(weight), stride, padding, dilation)
    return _core.conv_integer(input, weight, int(input_zero_point), _each(weight_zero_point, int), *geometry, groups)


def qlinear_conv(input, input_scale, input_zero_point, weight, weight_scale, weight_zero_point, output_scale,
                 output_zero_point, bias=None, output_dtype=np.uint8, stride=1, padding=0, dilation=1, groups=1):
    """As `conv_integer`, plus bias [k] of int32, scaled to bytes: of numbers that are scale (byte - zero point) each.

    The scale and the zero point of the weight are one number, or one for each channel of the result; output_dtype is int8
    or uint8. Halves round to even before the zero point is added, and what does not fit saturates.

    >>> bytes = np.array([[[2, 3, 4]]], np.uint8)
    >>> qlinear_conv(bytes, 0.5, 1, np.array([[[1, 1]]], np.uint8), 1.0, 0, 0.25, 10)
    array([[[16, 20]]], dtype=uint8)
    """
    geometry = _geometry(np.shape(weight), stride, padding, dilation)
    return _core.qlinear_conv(input, weight, bias, float(input_scale), int(input_zero_point), _each(weight_scale, float),
                              _each(weight_zero_point, int), float(output_scale), int(output_zero_point), output_dtype,
                              *geometry, groups)


results_of_the_same_kind(globals(), __all__)
