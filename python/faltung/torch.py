"""PyTorch's convolutions by Faltung, with gradients of every order.

``conv1d`` to ``conv3d`` and ``conv_transpose1d`` to ``conv_transpose3d`` are called as those of torch.nn.functional,
``Conv1d`` to ``ConvTranspose3d`` as those of torch.nn, from which they are derived: parameters, initial values and state
dictionaries are the same. ``replace(model)`` puts them in the place of a model's own. The work is done by four operators,
``torch.ops.faltung.conv``, ``conv_input``, ``conv_weight`` and ``conv_transpose``, which torch.compile and torch.export
take as they are; the gradient of each is another of them.

Tensors are in the memory of the CPU or of CUDA devices, of any strides, and are not copied; on a device work goes into its
current stream. PyTorch 1.13 or later is needed, and 2.4 or later where torch.compile and torch.export are to take the
operators: until then they have gradients as they run, and no others.

>>> x, layer = torch.ones(1, 2, 4, 4), Conv2d(2, 3, 3, padding=1)
>>> layer(x).shape
torch.Size([1, 3, 4, 4])
"""

import torch
from torch import Tensor, nn

from ._torch_ops import Refused, operators

__all__ = [
    "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "Refused", "conv1d", "conv2d",
    "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "replace"
]


def _check(name, rank, input, weight, bias, groups):
    """What the shapes and types of the operands must be, whichever way the convolution goes."""
    for operand, said in (input, "input"), (weight, "weight"), (bias, "bias"):
        if not isinstance(operand, Tensor) and not (operand is None and said == "bias"):
            raise TypeError(f"{name}: {said} is a {type(operand).__name__}; it takes a tensor")
    if weight.ndim != rank + 2:
        raise Refused(f"{name}: weight has {weight.ndim} axes; it takes {rank + 2}")
    if input.ndim not in (rank + 1, rank + 2):
        raise Refused(f"{name}: input has {input.ndim} axes; it takes {rank + 2}, or {rank + 1} without a batch")
    for operand, said in (weight, "weight"), (bias, "bias"):
        if operand is not None and operand.dtype != input.dtype:
            raise Refused(f"{name}: {said} is of type {operand.dtype} and input of {input.dtype}; they should be the same")
        if operand is not None and operand.device != input.device:
            raise Refused(f"{name}: {said} is on {operand.device} and input on {input.device}; move one of them")
    if groups < 1:
        raise Refused(f"{name}: groups is {groups}; it must be 1 or more")


def _numbers(value, axes, name):
    # Numbers may be symbols of torch.compile, which NumPy would look into.
    values = list(value) if isinstance(value, (tuple, list)) else [value]
    if len(values) not in (1, axes):
        raise Refused(f"{name} has {len(values)} values for {axes} spatial axes; give one, or one for each")
    return values * axes if len(values) == 1 else values


def _pads(padding, stride, dilation, kernel):
    """Elements before and after each axis, one after the other."""
    axes = len(kernel)
    if not isinstance(padding, str):
        return [side for side in _numbers(padding, axes, "padding") for _ in range(2)]
    if padding == "valid":
        return [0] * (2 * axes)
    if padding != "same":
        raise Refused(f"padding is {padding!r}; use 'same', 'valid' or numbers")
    if any(step != 1 for step in stride):
        raise Refused(f"padding is 'same' and stride {stride}; 'same' takes a stride of 1")
    totals = [apart * (taps - 1) for apart, taps in zip(dilation, kernel)]
    return [side for total in totals for side in (total // 2, total - total // 2)]


def _conv(rank, input, weight, bias, stride, padding, dilation, groups):
    name = f"conv{rank}d"
    _check(name, rank, input, weight, bias, groups)
    stride = _numbers(stride, rank, "stride")
    dilation = _numbers(dilation, rank, "dilation")
    padding = _pads(padding, stride, dilation, weight.shape[2:])
    if any(step < 1 for step in (*stride, *dilation)) or any(side < 0 for side in padding):
        raise Refused(f"{name}: stride {stride}, dilation {dilation}, padding {padding[::2]}; strides and dilations must be at "
                      "least 1, and paddings at least 0")
    alone = input.ndim == rank + 1
    y = operators.conv(input[None] if alone else input, weight, bias, stride, padding, dilation, groups)
    return y[0] if alone else y


def _conv_transpose(rank, input, weight, bias, stride, padding, output_padding, groups, dilation):
    name = f"conv_transpose{rank}d"
    _check(name, rank, input, weight, bias, groups)
    stride = _numbers(stride, rank, "stride")
    dilation = _numbers(dilation, rank, "dilation")
    padding = [side for side in _numbers(padding, rank, "padding") for _ in range(2)]
    output_padding = _numbers(output_padding, rank, "output_padding")
    for axis, more in enumerate(output_padding):
        if not 0 <= more < max(stride[axis], dilation[axis]):
            raise Refused(f"{name}: output_padding is {more} along axis {axis}; it must be at least 0 and less than the "
                          f"stride, {stride[axis]}, or the dilation, {dilation[axis]}")
    # The operator takes less than the stride of it. What is more shows what the padding cuts away, and then zeros.
    empty = []
    for axis, (more, step) in enumerate(zip(output_padding, stride)):
        beyond = max(0, more - step + 1)
        shown = min(beyond, padding[2 * axis + 1])
        padding[2 * axis + 1] -= shown
        output_padding[axis] -= beyond
        empty.append(beyond - shown)
    alone = input.ndim == rank + 1
    inside = None if any(empty) else bias
    y = operators.conv_transpose(input[None] if alone else input, weight, inside, stride, padding, output_padding, groups,
                                 dilation)
    if any(empty):
        y = nn.functional.pad(y, [side for none in reversed(empty) for side in (0, none)])
        y = y if bias is None else y + bias.view(-1, *[1] * rank)
    return y[0] if alone else y


def conv1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride=1, padding=0, dilation=1, groups: int = 1) -> Tensor:
    """As torch.nn.functional.conv1d: input [n, c, l] or [c, l], weight [k, c / groups, r], bias [k].

    >>> conv1d(torch.ones(1, 1, 4), torch.ones(1, 1, 3), padding="same")
    tensor([[[2., 3., 3., 2.]]])
    """
    return _conv(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride=1, padding=0, dilation=1, groups: int = 1) -> Tensor:
    """As torch.nn.functional.conv2d: input [n, c, h, w] or [c, h, w], weight [k, c / groups, r, s], bias [k].

    >>> conv2d(torch.ones(1, 2, 4, 4), torch.ones(3, 2, 3, 3), stride=2).shape
    torch.Size([1, 3, 1, 1])
    """
    return _conv(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride=1, padding=0, dilation=1, groups: int = 1) -> Tensor:
    """As torch.nn.functional.conv3d: input [n, c, d, h, w] or [c, d, h, w], weight [k, c / groups, q, r, s], bias [k].

    >>> conv3d(torch.ones(1, 3, 3, 3), torch.ones(1, 1, 3, 3, 3)).item()
    27.0
    """
    return _conv(3, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride=1, padding=0, output_padding=0,
                     groups: int = 1, dilation=1) -> Tensor:
    """As torch.nn.functional.conv_transpose1d: input [n, k, l] or [k, l], weight [k, c / groups, r], bias [c].

    >>> conv_transpose1d(torch.ones(1, 1, 2), torch.ones(1, 1, 3), stride=2)
    tensor([[[1., 1., 2., 1., 1.]]])
    """
    return _conv_transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride=1, padding=0, output_padding=0,
                     groups: int = 1, dilation=1) -> Tensor:
    """As `conv_transpose1d`, with two spatial axes.

    >>> conv_transpose2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2), stride=2).shape
    torch.Size([1, 1, 4, 4])
    """
    return _conv_transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride=1, padding=0, output_padding=0,
                     groups: int = 1, dilation=1) -> Tensor:
    """As `conv_transpose1d`, with three spatial axes.

    >>> conv_transpose3d(torch.ones(1, 1, 1, 1, 1), torch.ones(1, 1, 2, 2, 2)).shape
    torch.Size([1, 1, 2, 2, 2])
    """
    return _conv_transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


class _Conv:
    """Forward of the layers; their parameters and options are those of torch.nn."""

    def _conv_forward(self, input, weight, bias):
        padding = self.padding
        if self.padding_mode != "zeros":
            input = nn.functional.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = 0
        return _conv(weight.ndim - 2, input, weight, bias, self.stride, padding, self.dilation, self.groups)


class _ConvTranspose:

    def forward(self, input, output_size=None):
        rank = self.weight.ndim - 2
        output_padding = self._output_padding(input, output_size, self.stride, self.padding, self.kernel_size, rank,
                                              self.dilation)
        return _conv_transpose(rank, input, self.weight, self.bias, self.stride, self.padding, output_padding, self.groups,
                               self.dilation)


class Conv1d(_Conv, nn.Conv1d):
    """As torch.nn.Conv1d, all padding modes included."""


class Conv2d(_Conv, nn.Conv2d):
    """As torch.nn.Conv2d, all padding modes included."""


class Conv3d(_Conv, nn.Conv3d):
    """As torch.nn.Conv3d, all padding modes included."""


class ConvTranspose1d(_ConvTranspose, nn.ConvTranspose1d):
    """As torch.nn.ConvTranspose1d."""


class ConvTranspose2d(_ConvTranspose, nn.ConvTranspose2d):
    """As torch.nn.ConvTranspose2d."""


class ConvTranspose3d(_ConvTranspose, nn.ConvTranspose3d):
    """As torch.nn.ConvTranspose3d."""


_OURS = {ours.__bases__[1]: ours for ours in (Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)}


def replace(model: nn.Module) -> nn.Module:
    """Has the convolution layers of a model run by Faltung, in place; their parameters stay what they are.

    Layers of classes derived from torch.nn's are left alone. Returns the model.

    >>> model = replace(nn.Sequential(nn.Conv1d(1, 2, 3), nn.ReLU()))
    >>> isinstance(model[0], Conv1d)
    True
    """
    for layer in model.modules():
        layer.__class__ = _OURS.get(type(layer), type(layer))
    return model
