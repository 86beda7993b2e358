"""Polynomials fitted to windows of samples: the taps of Savitzky and Golay."""

import functools
import math

import numpy as np


@functools.lru_cache(maxsize=64)
def evaluation(window_length, polyorder, deriv, delta, positions):
    """A matrix: the samples of a window times it is the derivative, at each of `positions`, of the polynomial that
    fits them best.

    Source: Savitzky and Golay, Analytical Chemistry 36 (1964) 1627, by least squares.
    """
    # Powers of numbers up to 1 in magnitude keep their digits.
    centre = (window_length - 1) / 2
    scale = max(centre, 1.0)
    powers = np.arange(polyorder + 1)
    fit = np.linalg.pinv(((np.arange(window_length) - centre) / scale)[:, None] ** powers, rcond=1e-15)
    # The derivative of t^p is p! / (p - deriv)! t^(p - deriv).
    factors = np.array([math.perm(int(power), deriv) for power in powers], dtype=np.float64)
    at = ((np.asarray(positions, dtype=np.float64) - centre) / scale)[:, None]
    matrix = (factors * at ** np.maximum(powers - deriv, 0)) @ fit / (delta * scale) ** deriv
    matrix.flags.writeable = False
    return matrix
