"""The functions of scipy.signal that convolve: the same names, arguments, defaults and types of results.

``N`` and ``M`` stand for the extents of the first and of the second operand along an axis. What differs from SciPy is
in docs/compatibility.md.
"""

import operator

import numpy as np

from . import _core, ndimage
from ._arrays import array_there, check_memory, is_bfloat16, numpy_array, plain, results_of_the_same_kind
from ._filter_state import add_state, state_there
from ._polynomials import evaluation

__all__ = [
    "choose_conv_method", "convolve", "convolve2d", "correlate", "correlate2d", "correlation_lags", "fftconvolve",
    "lfilter", "medfilt", "medfilt2d", "oaconvolve", "order_filter", "resample_poly", "savgol_coeffs",
    "savgol_filter", "sepfir2d", "upfirdn"
]


def convolve(in1, in2, mode="full", method="auto"):
    """Convolve two N-dimensional arrays.

    in1, in2 : arrays of equal rank.
    mode : "full" gives N + M - 1 elements along each axis, "same" N, centred, and "valid" those where the shorter
        operand lies inside the longer.
    method : "direct" sums each output by itself, "fft" transforms, "auto" takes the faster.

    The result has the type that NumPy gives to both; integers wrap.

    >>> convolve([1, 2, 3], [0, 1, 10])
    array([ 0,  1, 12, 23, 30])
    >>> convolve([1, 2, 3], [0, 1, 10], mode="same")
    array([ 1, 12, 23])
    """
    y = _core.convolve(in1, in2, mode, method)
    return y if y.ndim else y[()]


def correlate(in1, in2, mode="full", method="auto"):
    """Cross-correlate two N-dimensional arrays: as `convolve`, with in2 reversed and conjugated.

    >>> correlate([1, 2, 3], [0, 1, 10])
    array([10, 21, 32,  3,  0])
    """
    y = _core.correlate(in1, in2, mode, method)
    return y if y.ndim else y[()]


def _floating(array):
    """Integers of 64 bits as float64, which is what SciPy makes of all integers here."""
    array = plain(array)
    return array.astype(np.float64) if array.dtype.kind in "iu" and array.dtype.itemsize == 8 else array


def _axes(axes, rank):
    """The axes from 0, none given: all. With SciPy's errors."""
    if axes is None:
        return list(range(rank))
    listed = [axes] if np.ndim(axes) == 0 else list(axes)
    try:
        listed = [operator.index(axis) for axis in listed]
    except TypeError:
        raise ValueError("axes must be a scalar or iterable of integers") from None
    if not listed and rank:
        raise ValueError("when provided, axes cannot be empty")
    listed = [axis + rank if axis < 0 else axis for axis in listed]
    if any(not 0 <= axis < rank for axis in listed):
        raise ValueError("axes exceeds dimensionality of input")
    if len(set(listed)) != len(listed):
        raise ValueError("all axes must be unique")
    return sorted(listed)


def _by_fft(function, in1, in2, mode, axes):
    in1, in2 = plain(in1), plain(in2)
    if in1.ndim != in2.ndim:
        raise ValueError("in1 and in2 should have the same dimensionality")
    if mode not in ("full", "same", "valid"):
        raise ValueError("acceptable mode flags are 'valid', 'same', or 'full'")
    axes = _axes(axes, in1.ndim)
    if in1.size == in2.size == 1 and isinstance(in1, np.ndarray) and isinstance(in2, np.ndarray):
        return in1 * in2  # as SciPy: of the type of the product
    pairs = list(zip(in1.shape, in2.shape))
    if any(n != m and 1 not in (n, m) for axis, (n, m) in enumerate(pairs) if axis not in axes):
        raise ValueError(f"incompatible shapes for in1 and in2: {in1.shape} and {in2.shape}")
    convolved = [pairs[axis] for axis in axes]
    if mode == "valid" and any(n < m for n, m in convolved) and any(n > m for n, m in convolved):
        raise ValueError("For 'valid' mode, one must be at least as large as the other in every dimension")
    return function(_floating(in1), _floating(in2), mode, axes)


def fftconvolve(in1, in2, mode="full", axes=None):
    """Convolve by FFT along `axes`, all by default; other axes broadcast.

    Integers become float64; results are rounded by the norm of the data.

    >>> abs(fftconvolve([1., 2., 3.], [0., 1., 10.])).round(9)
    array([ 0.,  1., 12., 23., 30.])
    """
    return _by_fft(_core.fftconvolve, in1, in2, mode, axes)


def oaconvolve(in1, in2, mode="full", axes=None):
    """As `fftconvolve`, for operands of very different lengths: the block lengths are chosen for both.

    >>> abs(oaconvolve([1., 2., 3.], [0., 1., 10.])).round(9)
    array([ 0.,  1., 12., 23., 30.])
    """
    return _by_fft(_core.oaconvolve, in1, in2, mode, axes)


_BOUNDARIES = {"circular": "wrap", "symmetric": "symm"}


def in_2d(function, in1, in2, mode, boundary, fillvalue, *method):
    """A function of the extension module, with SciPy's arguments."""
    in1, in2 = plain(in1), plain(in2)
    if np.size(fillvalue) != 1:
        raise ValueError("`fillvalue` must be scalar or an array with one element.")
    fill = np.asarray(fillvalue).item()
    if isinstance(fill, complex) and "c" not in (in1.dtype.kind, in2.dtype.kind):
        raise ValueError("could not cast `fillvalue` directly to the output type (it is complex)")
    return function(in1, in2, mode, _BOUNDARIES.get(boundary, boundary), fill, *method)


def convolve2d(in1, in2, mode="full", boundary="fill", fillvalue=0):
    """Convolve two 2-dimensional arrays; in1 continues beyond its edges as `boundary` says.

    boundary : "fill" with `fillvalue`, "wrap" (or "circular"), or "symm" (or "symmetric").

    >>> convolve2d([[1, 2], [3, 4]], [[1, 1]], mode="same", boundary="wrap")
    array([[3, 3],
           [7, 7]])
    """
    return in_2d(_core.convolve2d, in1, in2, mode, boundary, fillvalue, "auto")


def correlate2d(in1, in2, mode="full", boundary="fill", fillvalue=0):
    """As `convolve2d`, with in2 reversed and conjugated.

    >>> correlate2d([[1, 2], [3, 4]], [[1, 10]], mode="valid")
    array([[21],
           [43]])
    """
    return in_2d(_core.correlate2d, in1, in2, mode, boundary, fillvalue, "auto")


def correlation_lags(in1_len, in2_len, mode="full"):
    """The lag of each element that `correlate` gives for operands of these lengths.

    >>> correlation_lags(3, 2)
    array([-1,  0,  1,  2])
    """
    return np.asarray(_core.correlation_lags(in1_len, in2_len, mode))


def choose_conv_method(in1, in2, mode="full", measure=False):
    """What `convolve` does with method="auto": "direct" or "fft". Nothing is measured: plans are estimated, the
    same each time, so that `measure` gives the estimates in seconds.

    >>> choose_conv_method(np.ones(9), np.ones(3))
    'direct'
    """
    method = _core.choose_method(in1, in2, mode)
    if not measure:
        return method
    return method, _core.method_seconds(in1, in2, mode)


def upfirdn(h, x, up=1, down=1, axis=-1, mode="constant", cval=0):
    """Up-sample by `up`, filter by `h` and down-sample by `down`, along one axis.

    The result has ceil(((N - 1) up + M) / down) elements there. `mode` says how x continues: "constant" with
    `cval`, "symmetric", "reflect", "edge", "wrap", "smooth", "antisymmetric", "antireflect", "line".

    >>> upfirdn([1., 1., 1.], [1., 2., 3.], up=2)
    array([1., 1., 3., 2., 5., 3., 3.])
    """
    h, x = _floating(h), _floating(x)
    return _core.upfirdn(h, x, up, down, axis, mode or "constant", cval)


_SUBTRACTED = ("mean", "median", "minimum", "maximum")


def resample_poly(x, up, down, axis=0, window=("kaiser", 5.0), padtype="constant", cval=None):
    """Change the sample rate by up / down along one axis, without a shift in time.

    window : the taps of a low-pass filter for the up-sampled signal, or ("kaiser", beta) to design one.
    padtype : what stands beyond the ends: a mode of `upfirdn`, or "mean", "median", "minimum", "maximum".

    >>> resample_poly([1., 1., 1., 1.], 1, 2).shape
    (2,)
    """
    if up != int(up):
        raise ValueError("up must be an integer")
    if down != int(down):
        raise ValueError("down must be an integer")
    if cval is not None and padtype != "constant":
        raise ValueError("cval has no effect when padtype is", padtype)
    taps, beta = window, 5.0
    if isinstance(window, tuple) and len(window) == 2 and window[0] == "kaiser":
        taps, beta = None, float(window[1])
    elif isinstance(window, (str, tuple)):
        raise ValueError(f"window is {window!r}; Faltung designs ('kaiser', beta): pass the taps of other filters")
    return _core.resample_poly(x, int(up), int(down), axis, taps, beta, padtype, 0 if cval is None else cval)


def _odd_sizes(kernel_size, rank):
    """The sizes as a list, one for each axis."""
    sizes = np.asarray(3 if kernel_size is None else kernel_size)
    if sizes.shape == ():
        sizes = np.repeat(sizes.item(), rank)
    if np.any(sizes % 2 == 0):
        raise ValueError("Each element of kernel_size should be odd.")
    return [int(size) for size in sizes]


def _ordered(array):
    array = plain(array)
    if array.dtype.char not in "bBhHiIlLqQefd" and not is_bfloat16(array.dtype):
        raise ValueError(f"dtype={array.dtype} is not supported; medians are of real numbers of at most 64 bits")
    return array


def medfilt(volume, kernel_size=None):
    """The median of the window around each element, zeros beyond the edges. Sizes are odd, 3 by default.

    >>> medfilt([1., 9., 2., 3., 8.])
    array([1., 2., 3., 3., 3.])
    """
    volume = _ordered(volume)
    return _core.medfilt(volume, _odd_sizes(kernel_size, np.ndim(volume)))


def medfilt2d(input, kernel_size=3):
    """`medfilt` of a 2-dimensional array.

    >>> medfilt2d([[0., 0., 0.], [0., 9., 0.], [0., 0., 0.]]).max()
    np.float64(0.0)
    """
    input = _ordered(input)
    return _core.medfilt2d(input, _odd_sizes(kernel_size, 2))


def order_filter(a, domain, rank):
    """The element of that rank, from 0 for the least, among those under the elements of `domain` that are not 0;
    zeros beyond the edges.

    >>> order_filter([3., 1., 2.], [1, 1, 1], 0)
    array([0., 1., 0.])
    """
    domain = numpy_array(domain, "domain")
    if any(size % 2 == 0 for size in domain.shape):
        raise ValueError("Each dimension of domain argument should have an odd number of elements.")
    if domain.dtype == bool:
        domain = domain.view(np.uint8)
    return _core.order_filter(a, domain, rank)


def sepfir2d(input, hrow, hcol):
    """Filter a 2-dimensional array by `hrow` along rows and by `hcol` along columns, both of odd length; the image
    continues mirrored.

    >>> sepfir2d(np.eye(3), [0., 1., 0.], [0., 2., 0.])
    array([[2., 0., 0.],
           [0., 2., 0.],
           [0., 0., 2.]])
    """
    return _core.sepfir2d(input, hrow, hcol)


def taps_for(x, taps):
    """Taps of NumPy's where x lies."""
    return taps if isinstance(x, np.ndarray) else _core.to_device(taps, x._index)


def lfilter(b, a, x, axis=-1, zi=None):
    """Filter along one axis with the taps b / a: y[n] = (b[0] x[n] + b[1] x[n-1] + ...) / a.

    a : one number. With more of them the filter is recursive, which is no convolution: scipy.signal.lfilter has those.
    zi : what M - 1 samples before x left over, along `axis`; then the result is (y, zf), where zf is that of x.

    >>> lfilter([0.5, 0.5], 1., [2., 4., 6.])
    array([1., 3., 5.])
    >>> lfilter([0.5, 0.5], 1., [2., 4.], zi=[3.])
    (array([4., 3.]), array([2.]))
    """
    b, a, x = np.atleast_1d(numpy_array(b, "b")), np.atleast_1d(numpy_array(a, "a")), array_there(x, "x")
    for name, taps in ("b", b), ("a", a):
        if taps.ndim != 1 or not taps.size:
            raise ValueError(f"Parameter {name} is not a non-empty 1d array, since {name}.shape={taps.shape}!")
    if a.size > 1:
        raise NotImplementedError(f"a has {a.size} coefficients, so that the filter is recursive and no convolution; "
                                  "use scipy.signal.lfilter, or sosfilt")
    if not x.ndim:
        raise ValueError("x must be at least 1-D")
    axis = operator.index(axis)
    if not -x.ndim <= axis < x.ndim:
        raise np.exceptions.AxisError(axis, x.ndim)
    axis %= x.ndim
    carried = x.shape[:axis] + (b.size - 1,) + x.shape[axis + 1:]
    given = [b, a, x]
    if zi is not None:
        zi = state_there(zi, carried, x)
        given.append(zi)
    dtype = np.result_type(*(array.dtype for array in given))
    if dtype.kind == "O":
        raise TypeError("object arrays are not supported; convert them to numbers")
    if dtype.char not in "fdFD":
        raise NotImplementedError(f"Parameter's dtypes produced result type '{dtype}', which is not supported; "
                                  "convert x to float32, float64, complex64 or complex128")
    if x.size:
        x = plain(x.astype(dtype, copy=False))
        y = _core.upfirdn(taps_for(x, (b / a[0]).astype(dtype)), x, 1, 1, axis, "constant", 0)
    else:
        check_memory(x, "x, of no elements,")
        y = np.zeros(x.shape[:axis] + (max(x.shape[axis] + b.size - 1, 0),) + x.shape[axis + 1:], dtype)
    before = (slice(None),) * axis
    if zi is None:
        return y[(*before, slice(x.shape[axis]))]
    if isinstance(y, np.ndarray):
        y[(*before, slice(b.size - 1))] += zi
    elif zi.size:
        add_state(y, zi if isinstance(zi, np.ndarray) else zi.astype(dtype), axis)
    return y[(*before, slice(x.shape[axis]))], y[(*before, slice(x.shape[axis], None))]


def savgol_coeffs(window_length, polyorder, deriv=0, delta=1.0, pos=None, use="conv", *, xp=None, device=None):
    """The taps of a Savitzky-Golay filter: a polynomial of degree `polyorder` fitted to each window of samples.

    deriv, delta : the derivative of that polynomial which is taken, and the distance of samples for it.
    pos : where in the window, by default in its middle.
    use : "conv" for convolutions, "dot" for products with the samples in their order.
    xp, device : the namespace of the result and where it is to be; NumPy's if none is given.

    >>> savgol_coeffs(5, 2).round(4)
    array([-0.0857,  0.3429,  0.4857,  0.3429, -0.0857])
    """
    if polyorder >= window_length:
        raise ValueError("polyorder must be less than window_length.")
    if pos is None:
        pos = (window_length - 1) / 2
    if not 0 <= pos < window_length:
        raise ValueError("pos must be nonnegative and less than window_length.")
    if use not in ("conv", "dot"):
        raise ValueError("`use` must be 'conv' or 'dot'")
    taps = evaluation(int(window_length), int(polyorder), int(deriv), float(delta), (float(pos),))[0]
    taps = (taps[::-1] if use == "conv" else taps).copy()
    return taps if xp is None else xp.asarray(taps, device=device)


def savgol_filter(x, window_length, polyorder, deriv=0, delta=1.0, axis=-1, mode="interp", cval=0.0):
    """Smooth along one axis, or differentiate, by the taps of `savgol_coeffs`.

    mode : how x continues, "mirror", "nearest", "wrap" or "constant" with `cval`; "interp" takes the polynomials of the
        first and the last window where others would reach beyond the ends.

    >>> savgol_filter([2, 2, 5, 2, 1, 0, 1, 4, 9], 5, 2).round(2)
    array([1.66, 3.17, 3.54, 2.86, 0.66, 0.17, 1.  , 4.  , 9.  ])
    """
    if mode not in ("mirror", "constant", "nearest", "interp", "wrap"):
        raise ValueError("mode must be 'mirror', 'constant', 'nearest' 'wrap' or 'interp'.")
    x = plain(x)
    if x.dtype.char not in "fdFD":
        x = x.astype(np.float64)
    taps = savgol_coeffs(window_length, polyorder, deriv=deriv, delta=delta)
    if mode != "interp":
        return ndimage.convolve1d(x, taps, axis, mode=mode, cval=cval)
    check_memory(x, "x, in mode 'interp',")
    if window_length > x.shape[axis]:
        raise ValueError("If mode is 'interp', window_length must be less than or equal to the size of x.")
    y = ndimage.convolve1d(x, taps, axis, mode="constant")
    half = window_length // 2
    if half:
        lines, samples = np.moveaxis(y, axis, -1), np.moveaxis(x, axis, -1)
        fit = int(window_length), int(polyorder), int(deriv), float(delta)
        first = evaluation(*fit, tuple(range(half)))
        last = evaluation(*fit, tuple(range(window_length - half, window_length)))
        lines[..., :half] = samples[..., :window_length] @ first.T
        lines[..., -half:] = samples[..., -window_length:] @ last.T
    return y


results_of_the_same_kind(globals(), __all__)
