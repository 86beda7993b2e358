"""JAX's convolution by Faltung, with gradients of every order in reverse mode.

``conv_general_dilated`` is called as jax.lax's. XLA calls it by its foreign function interface, inside jax.jit and
under jax.vmap too; where the package was built without jaxlib's headers, by jax.pure_callback and under jax.vmap one after
the other. Forward mode (jax.jvp) is not available. Whatever rounding, its sums are those of Faltung: float16 and bfloat16
are summed in float32, integers wrap.

>>> x, w = jnp.ones((1, 2, 4, 4)), jnp.ones((3, 2, 3, 3))
>>> conv_general_dilated(x, w, (1, 1), "SAME").shape
(1, 3, 4, 4)
>>> jax.grad(lambda w: conv_general_dilated(x, w, (1, 1), "VALID").sum())(w)[0, 0, 0]
Array([4., 4., 4.], dtype=float32)
"""

import functools
import math
import warnings

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from . import _core
from ._options import call_with, options_in_force

__all__ = ["conv_general_dilated"]

# The three parts of one form, linear in each of x [n, c, spatial...], w [k, c / groups, spatial...] and
# y [n, k, spatial...]: none conjugates, as JAX's cotangents do not. `geometry` is (stride, padding, dilation, groups,
# options), with paddings (before, after) for each axis, and the faltung.options in force when the call was traced.


def _extents(x, w, geometry):
    stride, padding, dilation, _, _ = geometry
    rooms = [extent + low + high for extent, (low, high) in zip(x[2:], padding)]
    spans = [(extent - 1) * apart + 1 for extent, apart in zip(w[2:], dilation)]
    return [max(0, (room - span) // step + 1) if room >= span else 0 for room, span, step in zip(rooms, spans, stride)]


def _registered(targets):
    """What XLA can call; nothing if this one was made for other versions of its interface than the package was."""
    try:
        for name, target in targets.items():
            jax.ffi.register_ffi_target(f"faltung_{name}", target, platform="cpu")
    except Exception as error:
        warnings.warn(f"faltung.jax calls by way of the interpreter, for jaxlib {jax.lib.__version__} refuses what was built "
                      f"with another: {error}", RuntimeWarning, stacklevel=2)
        return {}
    return targets


_TARGETS = _registered(getattr(_core, "jax_targets", {}))


def _call(name, shape, a, b, geometry):
    """A call of XLA's, where the package was built beside jaxlib's headers."""
    stride, padding, dilation, groups, given = geometry
    call = jax.ffi.ffi_call(f"faltung_{name}", jax.ShapeDtypeStruct(shape, a.dtype), vmap_method="expand_dims")
    return call(a, b, stride=np.array(stride, np.int64), padding=np.array(padding, np.int64).ravel(),
                dilation=np.array(dilation, np.int64), groups=np.int64(groups),
                options=np.int64(_core.packed_options(_core.CallOptions(**dict(given)))))


def _on_host(compute, shape, *operands):
    """What `compute(*operands, out)` writes into an array of that shape, by way of the interpreter."""

    def run(*arrays):
        out = np.zeros(shape, arrays[0].dtype)
        if out.size and all(array.size for array in arrays):
            compute(*(np.asarray(array) for array in arrays), out)
        return out

    return jax.pure_callback(run, jax.ShapeDtypeStruct(shape, operands[0].dtype), *operands, vmap_method="sequential")


def _computed(name, shape, a, b, geometry):
    """A part, of the shape given: "conv" of x and w, "conv_input" of dy and w, "conv_weight" of x and dy."""
    if _TARGETS:
        return _call(name, shape, a, b, geometry)
    *where, given = geometry
    given = dict(given)
    if name == "conv":
        return _on_host(lambda x, w, y: call_with(given, _core.conv, x, w, None, *where, y), shape, a, b)
    part = _core.conv_data_gradient if name == "conv_input" else _core.conv_filter_gradient
    return _on_host(lambda a, b, out: call_with(given, part, a, b, shape, *where, out), shape, a, b)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _conv(x, w, geometry):
    shape = (x.shape[0], w.shape[0], *_extents(x.shape, w.shape, geometry))
    return _computed("conv", shape, x, w, geometry)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _conv_input(w, dy, shape, geometry):
    return _computed("conv_input", shape, dy, jnp.conj(w), geometry)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _conv_weight(x, dy, shape, geometry):
    return _computed("conv_weight", shape, jnp.conj(x), dy, geometry)


_conv.defvjp(lambda x, w, geometry: (_conv(x, w, geometry), (x, w)),
             lambda geometry, saved, g: (_conv_input(saved[1], g, saved[0].shape, geometry),
                                         _conv_weight(saved[0], g, saved[1].shape, geometry)))
_conv_input.defvjp(lambda w, dy, shape, geometry: (_conv_input(w, dy, shape, geometry), (w, dy)),
                   lambda shape, geometry, saved, g: (_conv_weight(g, saved[1], saved[0].shape, geometry),
                                                      _conv(g, saved[0], geometry)))
_conv_weight.defvjp(lambda x, dy, shape, geometry: (_conv_weight(x, dy, shape, geometry), (x, dy)),
                    lambda shape, geometry, saved, g: (_conv_input(g, saved[1], saved[0].shape, geometry),
                                                       _conv(saved[0], g, geometry)))


def _check_options(given):
    for name, value in given:
        if _TARGETS and name in ("engine", "workspace_limit"):
            raise ValueError(f"{name} is {value!r} in faltung.options, which a compiled program does not keep; leave it out")


def _steps(values, rank, name):
    values = (1,) * rank if values is None else tuple(int(value) for value in values)
    if len(values) != rank or min(values, default=1) < 1:
        raise ValueError(f"{name} is {values}; it takes {rank} numbers of at least 1, one for each spatial axis")
    return values


def _pads(padding, lhs, rhs, strides, lhs_dilation, rhs_dilation):
    """(before, after) for each axis, of extents lhs and rhs."""
    if not isinstance(padding, str):
        pads = tuple((int(low), int(high)) for low, high in padding)
        if len(pads) != len(lhs):
            raise ValueError(f"padding has {len(pads)} pairs for {len(lhs)} spatial axes; give one for each")
        return pads
    if padding == "VALID":
        return ((0, 0),) * len(lhs)
    if padding not in ("SAME", "SAME_LOWER"):
        raise ValueError(f"padding is {padding!r}; use 'SAME', 'SAME_LOWER', 'VALID' or pairs of numbers")
    if any(wide > 1 for wide in lhs_dilation):
        raise ValueError(f"padding is {padding!r} with lhs_dilation {lhs_dilation}; give pairs of numbers")
    totals = []
    for extent, taps, step, apart in zip(lhs, rhs, strides, rhs_dilation):
        totals.append(max(0, (math.ceil(extent / step) - 1) * step + (taps - 1) * apart + 1 - extent))
    halves = [(total // 2, total - total // 2) for total in totals]
    return tuple(pair if padding == "SAME" else pair[::-1] for pair in halves)


def conv_general_dilated(lhs, rhs, window_strides, padding, lhs_dilation=None, rhs_dilation=None, dimension_numbers=None,
                         feature_group_count=1, batch_group_count=1, precision=None, preferred_element_type=None):
    """As jax.lax.conv_general_dilated. `precision` has no effect: sums are never of fewer digits than the operands.

    >>> conv_general_dilated(jnp.ones((1, 4, 1)), jnp.ones((3, 1, 1)), (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC")).ravel()
    Array([2., 3., 3., 2.], dtype=float32)
    """
    lhs, rhs = jnp.asarray(lhs), jnp.asarray(rhs)
    if lhs.ndim != rhs.ndim or lhs.ndim < 3:
        raise ValueError(f"lhs has {lhs.ndim} axes and rhs {rhs.ndim}; both take the same number, at least 3")
    if lhs.dtype != rhs.dtype:
        raise TypeError(f"lhs is of type {lhs.dtype} and rhs of {rhs.dtype}; they must be the same")
    if feature_group_count < 1 or batch_group_count < 1 or feature_group_count > 1 < batch_group_count:
        raise ValueError(f"feature_group_count is {feature_group_count} and batch_group_count {batch_group_count}; both must "
                         "be at least 1, and one of them 1")
    rank = lhs.ndim - 2
    numbers = lax.conv_dimension_numbers(lhs.shape, rhs.shape, dimension_numbers)
    result = preferred_element_type or lhs.dtype
    summed = jnp.promote_types(lhs.dtype, result)
    x = jnp.transpose(lhs, numbers.lhs_spec).astype(summed)
    w = jnp.transpose(rhs, numbers.rhs_spec).astype(summed)
    strides = _steps(window_strides, rank, "window_strides")
    lhs_dilation = _steps(lhs_dilation, rank, "lhs_dilation")
    rhs_dilation = _steps(rhs_dilation, rank, "rhs_dilation")
    pads = _pads(padding, x.shape[2:], w.shape[2:], strides, lhs_dilation, rhs_dilation)
    if batch_group_count > 1:
        # Batches side by side are groups of channels.
        n, c = x.shape[0] // batch_group_count, x.shape[1]
        if n * batch_group_count != x.shape[0]:
            raise ValueError(f"batch_group_count is {batch_group_count}; it must divide the batch, {x.shape[0]}")
        x = jnp.moveaxis(x.reshape(batch_group_count, n, c, *x.shape[2:]), 0, 1)
        x = x.reshape(n, batch_group_count * c, *x.shape[3:])
    if any(wide > 1 for wide in lhs_dilation) or any(min(pair) < 0 for pair in pads):
        config = [(0, 0, 0)] * 2 + [(*pair, wide - 1) for pair, wide in zip(pads, lhs_dilation)]
        x, pads = lax.pad(x, jnp.zeros((), x.dtype), config), ((0, 0),) * rank
    groups = feature_group_count * batch_group_count
    if x.shape[1] != w.shape[1] * groups or w.shape[0] % groups:
        raise ValueError(f"lhs has {x.shape[1]} features in {groups} groups, and rhs takes {w.shape[1]} for {w.shape[0]} "
                         "results; the groups must divide both, and agree")
    given = tuple(sorted(options_in_force().items()))
    _check_options(given)
    y = _conv(x, w, (strides, pads, rhs_dilation, groups, given))
    return jnp.transpose(y, np.argsort(numbers.out_spec)).astype(result)
