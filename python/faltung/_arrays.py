"""Arrays that the extension module does not take as they are."""

import numpy as np


def plain(array):
    """The same numbers as a NumPy array of native byte order, whose strides are whole elements.

    Nothing is copied of NumPy's own arrays that are so already, nor of those of others in the memory of the CPU
    that speak DLPack or ``__array_interface__``.
    """
    if not isinstance(array, np.ndarray) and hasattr(array, "__dlpack__") and not hasattr(array, "__array__"):
        array = np.from_dlpack(array)
    array = np.asarray(array)
    if array.dtype.kind in "biufc":
        native = array.dtype.newbyteorder("=")
        stepped = all(step % array.dtype.itemsize == 0 for step in array.strides)
        if array.dtype != native or not stepped or not array.flags.aligned:
            return array.astype(native, copy=True)
    return array
