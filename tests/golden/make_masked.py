"""Writes masked.txt: what astropy and pandas answer to the cases of masked_test.cpp, one line per case.

    python3 make_masked.py > masked.txt        (made with astropy 8.0.2, pandas 3.1.1, xarray 2026.9.0, NumPy 2.4.6)
"""

import warnings

import numpy as np
import pandas as pd
import xarray as xr
from astropy.convolution import convolve
from sequence import sequence


def case(name, result):
    print(f"{name}: {' '.join(repr(v.item()) for v in np.asarray(result, dtype=float).ravel())}")


def holes(values):
    """NaN at every fifth element, and in a block."""
    result = values.astype(float).copy()
    result.flat[::5] = np.nan
    if result.ndim == 2:
        result[1:4, 2:6] = np.nan
    return result


warnings.simplefilter("ignore")
line, image = holes(sequence("f8", 23)), holes(sequence("f8", 7, 9))
volume = holes(sequence("f8", 3, 4, 5))
row = np.array([1.0, 4, 2, 3, 0.5])
square = np.array([[1.0, 2, 0], [3, 5, 1], [0.5, 2, 4]])
cube = np.arange(1.0, 28).reshape(3, 3, 3)
mask = np.zeros((7, 9), bool)
mask[0, 0] = mask[5, 5] = mask[6, 8] = True

for boundary in ["fill", "wrap", "extend"]:
    kw = dict(boundary=boundary)
    case(f"interpolate {boundary}", convolve(image, square, **kw))
    case(f"line {boundary}", convolve(line, row, **kw))
    case(f"volume {boundary}", convolve(volume, cube, **kw))
    case(f"gain {boundary}", convolve(image, square, normalize_kernel=False, **kw))
    case(f"preserve {boundary}", convolve(image, square, preserve_nan=True, **kw))
    case(f"fill nan {boundary}", convolve(image, square, nan_treatment="fill", fill_value=-7.0, **kw))
    case(f"mask {boundary}", convolve(sequence("f8", 7, 9), square, mask=mask, **kw))
case("interpolate fill 9", convolve(image, square, boundary="fill", fill_value=9.0))
case("fill nan raw", convolve(image, square, boundary="extend", nan_treatment="fill", normalize_kernel=False))
case("all nan", convolve(np.full((4, 5), np.nan), square, boundary="extend"))
case("box", convolve(image, np.ones((3, 3)), boundary="extend"))

series = pd.Series(line)
for periods in [0, 1, 3, 5]:
    case(f"rolling {periods}", series.rolling(5, min_periods=periods, center=True).mean())
for periods in [1, 4, 8]:
    array = xr.DataArray(image, dims=["y", "x"])
    case(f"xarray {periods}", array.rolling(y=3, x=3, min_periods=periods, center=True).mean())
case("weighted rolling", series.rolling(5, min_periods=2, center=True, win_type="triang").mean())
