"""A pytest plugin: the functions of faltung stand in the place of SciPy's when its tests are collected."""

import numpy
import scipy.ndimage
import scipy.signal
from scipy._lib._array_api import xp_capabilities_table

import faltung

for ours, theirs in ((faltung.signal, scipy.signal), (faltung.ndimage, scipy.ndimage)):
    for name in ours.__all__:
        function, original = getattr(ours, name), getattr(theirs, name)
        # SciPy's tests look here which kinds of arrays a function takes.
        if original in xp_capabilities_table:
            xp_capabilities_table[function] = xp_capabilities_table[original]
        setattr(theirs, name, function)
numpy.convolve, numpy.correlate = faltung.numpy.convolve, faltung.numpy.correlate
