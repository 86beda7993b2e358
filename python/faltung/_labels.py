"""Results with the labels of pandas and xarray."""

import functools
import inspect

import numpy as np


def labelled(function):
    """`function`, an array's of this package, for arrays of pandas and xarray: the result has their labels.

    A Series, a DataFrame or a DataArray in the first place gives another one. An axis keeps its labels if its extent is
    the same, as with mode="same" and all filters of images; others lose them. `dim`, of a DataArray, is the name of the
    axis, or a list of names, in place of `axis` or `axes`. DataArrays of Dask stay chunked, where faltung.dask has the
    function. What has no labels is passed on as it is.

    >>> smooth = labelled(ndimage.gaussian_filter1d)
    >>> smooth(np.array([1.0, 2.0, 3.0]), 1).round(2)
    array([1.42, 2.  , 2.58])
    """
    parameters = inspect.signature(function).parameters

    @functools.wraps(function)
    def call(data, *args, dim=None, **kwargs):
        if dim is not None:
            kwargs.update(_axes(data, dim, parameters, function))
        if hasattr(data, "dims") and hasattr(data, "coords"):
            return _in_xarray(data, _for(data.data, function)(data.data, *args, **kwargs))
        if hasattr(data, "iloc") and hasattr(data, "index"):
            return _in_pandas(data, function(data.to_numpy(), *args, **kwargs))
        return function(data, *args, **kwargs)

    return call


def _for(array, function):
    """The function of faltung.dask for arrays of Dask."""
    if not hasattr(array, "dask") or not function.__module__.startswith("faltung."):
        return function
    from . import dask
    module = dask.signal if function.__module__ == "faltung.signal" else dask.ndimage
    return getattr(module, function.__name__, function)


def _axes(data, dim, parameters, function):
    """What `dim` means to the function."""
    if not hasattr(data, "get_axis_num"):
        raise TypeError(f"dim={dim!r} names axes of a DataArray, and the data are of type {type(data).__name__}; "
                        "name them by axis or axes")
    numbers = data.get_axis_num([dim] if isinstance(dim, str) else list(dim))
    if "axes" in parameters:
        return {"axes": tuple(numbers)}
    if "axis" not in parameters or len(numbers) != 1:
        raise TypeError(f"{function.__name__} takes no dim={dim!r}; it "
                        f"{'takes one' if 'axis' in parameters else 'is of all axes'}")
    return {"axis": numbers[0]}


def _in_xarray(data, y):
    if y.shape == data.shape:
        return data.copy(data=y)
    if y.ndim != data.ndim:
        return y
    kept = {dim for dim, before, after in zip(data.dims, data.shape, y.shape) if before == after}
    coordinates = {name: each for name, each in data.coords.items() if set(each.dims) <= kept}
    return type(data)(y, coordinates, data.dims, data.name, data.attrs)


def _in_pandas(data, y):
    if np.ndim(y) != data.ndim:
        return y
    labels = [each if len(each) == extent else None for each, extent in zip(data.axes, y.shape)]
    if data.ndim == 1:
        return type(data)(y, labels[0], name=data.name)
    return type(data)(y, *labels)
