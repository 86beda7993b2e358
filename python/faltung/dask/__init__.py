"""Filters of arrays larger than memory: those of faltung.signal and faltung.ndimage on chunked arrays of Dask.

``faltung.dask.signal`` has `convolve`, `correlate` and relatives by a filter in memory, ``faltung.dask.ndimage`` the
filters of images, with boundaries. Both are here too, but for the ``convolve`` and ``correlate`` of images. The result is a
dask.array.Array: nothing is computed before it is asked for, on threads, processes or a cluster, and each chunk of it is
one call on the stretch of the input that it reads. Direct engines give the same bits as for the whole array, whatever
the chunks.

>>> import dask.array
>>> x = dask.array.ones((6, 8), chunks=(4, 3))
>>> gaussian_filter(x, sigma=2).sum().compute().round(9)
np.float64(48.0)

From Zarr and to Zarr, a few chunks at a time in memory:
``faltung.dask.gaussian_filter(dask.array.from_zarr("in.zarr"), 2).to_zarr("out.zarr")``.
"""

from . import ndimage, signal
from .ndimage import *  # noqa: F403
from .signal import *  # noqa: F403

# signal's convolve and correlate stand last, and so hide those of images.
__all__ = sorted({"ndimage", "signal", *ndimage.__all__, *signal.__all__})
