"""The operators of faltung.torch, and their gradients.

Three of them are the parts of one form, linear in each: y = conv(x, w), its adjoint in x, dx = conv_input(w, dy), and
its adjoint in w, dw = conv_weight(x, dy). So the gradient of each consists of the other two, of any order. Complex data
are conjugated as PyTorch's gradients are: conv_input conjugates w, and conv_weight x. conv_transpose is conv_input
without that, and with a bias.

Paddings are (before, after) for each axis, one after the other.

PyTorch has had gradients of registered operators since 2.4. Before that they are functions of its tape alone, which
torch.compile and torch.export cannot see into.
"""

import contextlib
import types

import torch

from . import _core

REGISTERED = hasattr(torch, "library") and hasattr(torch.library, "register_autograd")


class Refused(_core.InvalidProblem, RuntimeError):
    """A convolution that makes no sense: faltung.InvalidProblem, and the RuntimeError that PyTorch raises."""


@contextlib.contextmanager
def refusals_of_torch(name):
    """Errors of values as `Refused`, with the name of the function in front."""
    try:
        yield
    except ValueError as error:
        raise Refused(f"{name}: {error}") from None


def _new_conv(input, weight, bias, stride, padding, dilation, groups):
    """The result, not computed."""
    extents = []
    for axis, (step, apart) in enumerate(zip(stride, dilation)):
        span = (weight.shape[axis + 2] - 1) * apart + 1
        room = input.shape[axis + 2] + padding[2 * axis] + padding[2 * axis + 1]
        if step < 1 or room < span:
            raise Refused(f"conv: stride {step}, and a filter that spans {span} of {room} elements with padding, along axis "
                          f"{axis}; the stride must be at least 1, and the filter must fit: pad more")
        extents.append((room - span) // step + 1)
    return input.new_empty([input.shape[0], weight.shape[0], *extents])


def _new_conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation):
    extents = []
    for axis, (step, apart) in enumerate(zip(stride, dilation)):
        span = (weight.shape[axis + 2] - 1) * apart + 1
        extent = ((input.shape[axis + 2] - 1) * step + span + output_padding[axis] - padding[2 * axis] -
                  padding[2 * axis + 1])
        if step < 1 or extent < 0:
            raise Refused(f"conv_transpose: stride {step}, and a result of {extent} elements, along axis {axis}; the stride "
                          "must be at least 1, and the result cannot be less than empty: pad less")
        extents.append(extent)
    return input.new_empty([input.shape[0], weight.shape[1] * groups, *extents])


def _new_input(input_size, weight, grad_output, *geometry):
    return grad_output.new_empty(input_size)


def _new_weight(input, weight_size, grad_output, *geometry):
    return input.new_empty(weight_size)


def _pairs(padding):
    return list(zip(padding[::2], padding[1::2]))


def _plain(*tensors):
    """Without what DLPack refuses to give away: histories, and signs of elements or their parts not yet applied."""
    return [tensor.detach().resolve_conj().resolve_neg() for tensor in tensors]


def _compact(bias):
    return None if bias is None else _plain(bias)[0].contiguous()


def _run(name, result, compute):
    if result.numel():
        with refusals_of_torch(name):
            compute(result)
    return result


def _conv(input, weight, bias, stride, padding, dilation, groups):
    x, w = _plain(input, weight)
    b = _compact(bias)
    return _run("conv", _new_conv(input, weight, bias, stride, padding, dilation, groups),
                lambda y: _core.conv(x, w, b, stride, _pairs(padding), dilation, groups, y))


def _conv_input(input_size, weight, grad_output, stride, padding, dilation, groups):
    w, dy = _plain(weight, grad_output)
    return _run("conv_input", _new_input(input_size, weight, grad_output),
                lambda dx: _core.conv_data_gradient(dy, w, input_size, stride, _pairs(padding), dilation, groups, dx))


def _conv_weight(input, weight_size, grad_output, stride, padding, dilation, groups):
    x, dy = _plain(input, grad_output)
    return _run("conv_weight", _new_weight(input, weight_size, grad_output),
                lambda dw: _core.conv_filter_gradient(x, dy, weight_size, stride, _pairs(padding), dilation, groups, dw))


def _conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation):
    x, w = _plain(input, weight)
    b = _compact(bias)
    y = _new_conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation)
    return _run("conv_transpose", y,
                lambda y: _core.conv_transpose(x, w, b, stride, _pairs(padding), output_padding, dilation, groups, y))


def _gradient_of_bias(grad_output):
    return grad_output.sum([0, *range(2, grad_output.ndim)])


def _save_conv(ctx, inputs, output):
    input, weight, bias, *ctx.geometry = inputs
    ctx.save_for_backward(input, weight)


def _conv_backward(ctx, grad):
    input, weight = ctx.saved_tensors
    needed = ctx.needs_input_grad
    return (operators.conv_input(input.shape, weight, grad, *ctx.geometry) if needed[0] else None,
            operators.conv_weight(input, weight.shape, grad, *ctx.geometry) if needed[1] else None,
            _gradient_of_bias(grad) if needed[2] else None, *[None] * 4)


def _save_conv_input(ctx, inputs, output):
    _, weight, grad_output, *ctx.geometry = inputs
    ctx.save_for_backward(weight, grad_output)


def _conv_input_backward(ctx, grad):
    weight, grad_output = ctx.saved_tensors
    needed = ctx.needs_input_grad
    return (None, operators.conv_weight(grad, weight.shape, grad_output, *ctx.geometry) if needed[1] else None,
            operators.conv(grad, weight, None, *ctx.geometry) if needed[2] else None, *[None] * 4)


def _save_conv_weight(ctx, inputs, output):
    input, _, grad_output, *ctx.geometry = inputs
    ctx.save_for_backward(input, grad_output)


def _conv_weight_backward(ctx, grad):
    input, grad_output = ctx.saved_tensors
    needed = ctx.needs_input_grad
    return (operators.conv_input(input.shape, grad, grad_output, *ctx.geometry) if needed[0] else None, None,
            operators.conv(input, grad, None, *ctx.geometry) if needed[2] else None, *[None] * 4)


def _save_conv_transpose(ctx, inputs, output):
    input, weight, _, stride, padding, _, groups, dilation = inputs
    ctx.geometry = stride, padding, dilation, groups
    ctx.save_for_backward(input, weight)


def _conv_transpose_backward(ctx, grad):
    input, weight = ctx.saved_tensors
    needed = ctx.needs_input_grad
    return (operators.conv(grad, weight.conj(), None, *ctx.geometry) if needed[0] else None,
            operators.conv_weight(grad, weight.shape, input, *ctx.geometry).conj() if needed[1] else None,
            _gradient_of_bias(grad) if needed[2] else None, *[None] * 5)


_PARTS = {
    "conv": (_conv, _new_conv, _save_conv, _conv_backward),
    "conv_input": (_conv_input, _new_input, _save_conv_input, _conv_input_backward),
    "conv_weight": (_conv_weight, _new_weight, _save_conv_weight, _conv_weight_backward),
    "conv_transpose": (_conv_transpose, _new_conv_transpose, _save_conv_transpose, _conv_transpose_backward),
}


def _registered():
    library = torch.library.Library("faltung", "DEF")
    geometry = "SymInt[] stride, SymInt[] padding, SymInt[] dilation, SymInt groups"
    library.define(f"conv(Tensor input, Tensor weight, Tensor? bias, {geometry}) -> Tensor")
    library.define(f"conv_input(SymInt[] input_size, Tensor weight, Tensor grad_output, {geometry}) -> Tensor")
    library.define(f"conv_weight(Tensor input, SymInt[] weight_size, Tensor grad_output, {geometry}) -> Tensor")
    library.define("conv_transpose(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, "
                   "SymInt[] output_padding, SymInt groups, SymInt[] dilation) -> Tensor")
    for name, (compute, new, save, backward) in _PARTS.items():
        for key in "CPU", "CUDA":
            library.impl(name, compute, key)
        torch.library.register_fake(f"faltung::{name}", new, lib=library)
        torch.library.register_autograd(f"faltung::{name}", backward, setup_context=save, lib=library)
    return library


def _on_the_tape(compute, save, backward):

    def forward(ctx, *inputs):
        output = compute(*inputs)
        save(ctx, inputs, output)
        return output

    parts = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type(compute.__name__.lstrip("_"), (torch.autograd.Function, ), parts).apply


if REGISTERED:
    _library = _registered()  # which they live as long as
    operators = torch.ops.faltung
else:
    operators = types.SimpleNamespace(
        **{name: _on_the_tape(compute, save, backward) for name, (compute, _, save, backward) in _PARTS.items()})
