"""Writes rank.txt: what SciPy answers to the cases of rank_golden_test.cpp, one line per case.

    python3 make_rank.py > rank.txt        (made with SciPy 1.17.1, NumPy 2.4.6)
"""

import numpy as np
from scipy import ndimage, signal
from sequence import sequence


def case(name, result):
    values = np.asarray(result).ravel()
    if np.iscomplexobj(values):
        values = np.stack([values.real, values.imag], -1).ravel()
    print(f"{name}: {' '.join(repr(v.item()) for v in values)}")


line = sequence("f8", 11)
image = sequence("f8", 5, 7)
volume = sequence("f8", 3, 4, 5)
byte = sequence("u1", 5, 7)
disc = np.array([[0, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1]])

for mode in ["reflect", "mirror", "nearest", "wrap", "constant"]:
    kw = dict(mode=mode, cval=9)
    case(f"median {mode}", ndimage.median_filter(image, 3, **kw))
    case(f"median even {mode}", ndimage.median_filter(image, (2, 4), **kw))
    case(f"median long {mode}", ndimage.median_filter(image, (12, 15), **kw))
    case(f"median line {mode}", ndimage.median_filter(line, 6, **kw))
    case(f"rank {mode}", ndimage.rank_filter(image, 2, size=(3, 4), **kw))
    case(f"footprint {mode}", ndimage.rank_filter(image, -2, footprint=disc, **kw))

for dtype in ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]:
    case(f"median {dtype}", ndimage.median_filter(sequence(dtype, 5, 7), (3, 5)))
case("median volume", ndimage.median_filter(volume, (2, 3, 3)))
case("median axes", ndimage.median_filter(volume, (3, 2), axes=(0, 2), origin=(1, 0)))
case("footprint axes", ndimage.median_filter(volume, footprint=disc, axes=(0, 2), origin=(1, -2)))
case("origin", ndimage.rank_filter(image, 4, size=(4, 3), origin=(1, -1)))
case("origin least", ndimage.rank_filter(image, 0, size=(4, 3), origin=(-2, 1)))
case("greatest", ndimage.rank_filter(image, -1, size=(3, 2)))
for percentile in [0, 10, 25, 33.4, 50, 99.9, 100, -10, -100]:
    case(f"percentile {percentile}", ndimage.percentile_filter(byte, percentile, size=(3, 4)))
case("output", ndimage.median_filter(image * 10.3, 3, output="i2"))

case("medfilt", signal.medfilt(image, (3, 5)))
case("medfilt long", signal.medfilt(image, 9))
case("medfilt volume", signal.medfilt(volume))
case("medfilt2d", signal.medfilt2d(byte, 5))
case("order_filter", signal.order_filter(image, disc[:, :3], 1))

row, column = np.array([3.0, -1, 2, 0.5, 7]), np.array([1.0, 4, -2])
case("sepfir2d", signal.sepfir2d(image, row, column))
case("sepfir2d u8", signal.sepfir2d(byte, row.astype("f4"), column.astype("f4")))
case("sepfir2d c128", signal.sepfir2d(image + 1j * image[::-1], row * (1 - 2j), column + 0j))
