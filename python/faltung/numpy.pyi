from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

Mode = Literal["full", "same", "valid"]

def convolve(a: ArrayLike, v: ArrayLike, mode: Mode = ...) -> np.ndarray: ...
def correlate(a: ArrayLike, v: ArrayLike, mode: Mode = ...) -> np.ndarray: ...
