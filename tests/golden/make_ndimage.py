"""Writes ndimage.txt: what SciPy answers to the cases of image_test.cpp, one line per case.

    python3 make_ndimage.py > ndimage.txt        (made with SciPy 1.17.1, NumPy 2.4.6)
"""

import numpy as np
from scipy import ndimage
from sequence import sequence


def case(name, result):
    values = np.asarray(result).ravel()
    if np.iscomplexobj(values):
        values = np.stack([values.real, values.imag], -1).ravel()
    print(f"{name}: {' '.join(repr(v.item()) for v in values)}")


MODES = ["reflect", "mirror", "nearest", "wrap", "constant"]
image = sequence("f8", 5, 7)
line = sequence("f8", 11)
volume = sequence("f8", 3, 4, 5)
byte = sequence("u1", 5, 7)
word = sequence("i2", 5, 7)

for mode in MODES:
    kw = dict(mode=mode, cval=9)
    case(f"correlate odd {mode}", ndimage.correlate(image, sequence("f8", 3, 3), **kw))
    case(f"convolve even {mode}", ndimage.convolve(image, sequence("f8", 2, 4), **kw))
    case(f"convolve long {mode}", ndimage.convolve(image, sequence("f8", 12, 9), **kw))
    case(f"correlate1d long {mode}", ndimage.correlate1d(line, sequence("f8", 24), **kw))
    case(f"gaussian {mode}", ndimage.gaussian_filter(image, 1.5, **kw))

weights = sequence("f8", 4, 3)
case("correlate origin", ndimage.correlate(image, weights, origin=(1, -1)))
case("convolve origin", ndimage.convolve(image, weights, origin=(-2, 1)))
case("correlate1d origin", ndimage.correlate1d(image, sequence("f8", 4), axis=0, origin=-2))
case("convolve1d origin", ndimage.convolve1d(image, sequence("f8", 5), axis=1, origin=2))
case("convolve axes", ndimage.convolve(volume, sequence("f8", 2, 3), axes=(0, 2), origin=(0, 1)))

real = np.array([[0.5, -0.25, 1.75], [0.125, 2.5, -3.0]])
case("correlate u8 whole", ndimage.correlate(byte, sequence("i4", 3, 3)))
case("correlate u8 real", ndimage.correlate(byte, real))
case("correlate i16 real", ndimage.correlate(word, real))
case("correlate u8 to f64", ndimage.correlate(byte, real, output="f8"))
case("correlate f64 to i16", ndimage.correlate(image / 8, real, output="i2"))

z = image + 1j * image[::-1]
zw = real - 1j * real[::-1]
case("correlate complex", ndimage.correlate(z, zw))
case("convolve complex", ndimage.convolve(z, zw))
case("correlate complex weights", ndimage.correlate(word, zw))
case("convolve complex input", ndimage.convolve(z, real))

case("gaussian per axis",
     ndimage.gaussian_filter(image, (0.7, 2.0), order=(0, 1), mode=("wrap", "mirror")))
case("gaussian order 2", ndimage.gaussian_filter(image, 1.2, order=2))
case("gaussian order 3", ndimage.gaussian_filter(image, (1.2, 0.8), order=(3, 1)))
case("gaussian truncate", ndimage.gaussian_filter(image, 2, truncate=1.3))
case("gaussian radius", ndimage.gaussian_filter(image, 2, radius=(1, 3)))
case("gaussian axes", ndimage.gaussian_filter(volume, (1, 0.5), axes=(2, 0)))
case("gaussian skip", ndimage.gaussian_filter(image, (0, 1)))
case("gaussian u8", ndimage.gaussian_filter(byte, 0.8))
case("gaussian i16", ndimage.gaussian_filter(word, 0.8, order=(0, 1)))
case("gaussian_laplace", ndimage.gaussian_laplace(image, (1, 1.5)))
case("gaussian_laplace i16", ndimage.gaussian_laplace(word, 0.9))
case("gaussian_gradient_magnitude", ndimage.gaussian_gradient_magnitude(image, (1, 1.5)))
case("gaussian_gradient_magnitude i16", ndimage.gaussian_gradient_magnitude(word, 0.9))

case("uniform", ndimage.uniform_filter(image, 3))
case("uniform even", ndimage.uniform_filter(image, (2, 4), origin=(-1, 1), mode=("wrap", "mirror")))
case("uniform axes", ndimage.uniform_filter(volume, 3, axes=(0, 1)))
case("uniform u8", ndimage.uniform_filter(byte, (3, 5)))
case("uniform i16", ndimage.uniform_filter(word, (4, 3)))
case("uniform u8 to f64", ndimage.uniform_filter(byte, 3, output="f8"))

for axis in range(3):
    case(f"sobel {axis}", ndimage.sobel(volume, axis, mode=("wrap", "nearest", "mirror")))
    case(f"prewitt {axis}", ndimage.prewitt(volume, axis))
case("sobel u8", ndimage.sobel(byte))
case("sobel u8 to i32", ndimage.sobel(byte, 0, output="i4"))
case("sobel constant", ndimage.sobel(image, mode="constant", cval=9))
case("laplace", ndimage.laplace(image))
case("laplace u8", ndimage.laplace(byte, mode=("wrap", "mirror")))
case("laplace axes", ndimage.laplace(volume, axes=(0, 2)))
case("laplace f64 to i16", ndimage.laplace(image / 8, output="i2"))
case("sobel_magnitude", ndimage.generic_gradient_magnitude(image, ndimage.sobel))
case("prewitt_magnitude i32",
     ndimage.generic_gradient_magnitude(image.astype("i4"), ndimage.prewitt))
