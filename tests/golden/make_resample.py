"""Writes resample.txt: what SciPy answers to the cases of resample_test.cpp, one line per case.

    python3 make_resample.py > resample.txt        (made with SciPy 1.17.1, NumPy 2.4.6)
"""

import numpy as np
from scipy import signal
from sequence import sequence

PADTYPES = ["constant", "symmetric", "reflect", "edge", "wrap", "smooth", "antisymmetric",
            "antireflect", "line", "mean", "median", "maximum", "minimum"]


def case(name, result):
    values = np.asarray(result).ravel()
    if np.iscomplexobj(values):
        values = np.stack([values.real, values.imag], -1).ravel()
    print(f"{name}: {' '.join(repr(v.item()) for v in values)}")


line = sequence("f8", 23)
image = sequence("f8", 6, 5)
for padtype in PADTYPES:
    case(f"line {padtype}", signal.resample_poly(line, 3, 2, padtype=padtype))
    case(f"image {padtype}", signal.resample_poly(image, 4, 10, axis=1, padtype=padtype))
case("cval", signal.resample_poly(line, 2, 3, cval=-7))
case("beta", signal.resample_poly(line, 4, 3, window=("kaiser", 8.5)))
case("taps", signal.resample_poly(line, 3, 4, window=[1.0, 3, 4, 2]))
case("one tap", signal.resample_poly(line, 2, 5, window=[0.5]))
case("first axis", signal.resample_poly(image, 7, 5))
case("bytes", signal.resample_poly(sequence("u1", 12), 5, 4))
case("complex", signal.resample_poly(line + 1j * line[::-1], 3, 5, padtype="median"))
for taps, cutoff, beta in [(1, 0.3, 5), (2, 0.5, 0), (11, 0.25, 5), (24, 0.9, 12.5)]:
    case(f"low pass {taps}", signal.firwin(taps, cutoff, window=("kaiser", beta)))
