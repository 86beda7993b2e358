"""Deblurring: what a known blur left of an image, turned back. Names and arguments are scikit-image's.

Images are of any rank; float32 ones stay float32, all others become float64.
"""

import operator

import numpy as np

from . import _core
from ._arrays import array_there, numpy_array, results_of_the_same_kind

__all__ = ["richardson_lucy", "wiener"]


def _floating(array):
    array = array_there(array)
    if array.dtype.kind not in "biuf" or array.dtype.char == "g":
        raise ValueError(f"elements of type {array.dtype} are not supported; images are of real numbers of at most 64 bits")
    return array.astype(np.float32 if array.dtype.char in "ef" else np.float64, copy=False)


def richardson_lucy(image, psf, num_iter=50, clip=True, filter_epsilon=None):
    """The image that, blurred by `psf`, is most likely to have given `image` by counting photons.

    Each of `num_iter` rounds blurs the guess, compares it with the image, and corrects it by the adjoint of the blur;
    outside there are zeros.
    clip : bring the result into -1..1.
    filter_epsilon : where the blurred guess is below, nothing is corrected.

    Source: Richardson, J. Opt. Soc. Am. 62 (1972) 55; Lucy, Astron. J. 79 (1974) 745.

    >>> blurred = np.array([0., 0.25, 0.5, 0.25, 0.])
    >>> richardson_lucy(blurred, np.array([0.25, 0.5, 0.25]), num_iter=200).round(2)
    array([0., 0., 1., 0., 0.])
    """
    image = _floating(image)
    psf = _floating(psf).astype(image.dtype, copy=False)
    return _core.richardson_lucy(image, psf, operator.index(num_iter), bool(clip), float(filter_epsilon or 0))


def _transfer(response, shape, real):
    """The spectrum of an impulse response on an array of that shape, its origin in the middle as in mode "same"."""
    if response.ndim != len(shape) or any(m > n for m, n in zip(response.shape, shape)):
        raise ValueError(f"a response of shape {response.shape} does not fit into an image of shape {shape}")
    padded = np.zeros(shape, response.dtype)
    padded[tuple(slice(extent) for extent in response.shape)] = response
    padded = np.roll(padded, [-((extent - 1) // 2) for extent in response.shape], range(response.ndim))
    return np.fft.rfftn(padded) if real else np.fft.fftn(padded)


def _laplacian(rank):
    """2 rank in the middle, -1 at its neighbours."""
    response = np.zeros((3,) * rank)
    for axis in range(rank):
        line = tuple(slice(None) if i == axis else 1 for i in range(rank))
        response[line] -= (1, -2, 1)
    return response


def wiener(image, psf, balance, reg=None, is_real=True, clip=True):
    """The linear filter that undoes a blur as far as noise lets it: conj(H) / (|H|^2 + balance |R|^2).

    psf : the blur, or its spectrum H if it has the shape of that of `reg`.
    balance : how much smoothness counts beside the data.
    reg : what measures roughness, or its spectrum R if complex; the Laplacian by default.
    is_real : the image is real, and spectra are those of numpy.fft.rfftn; else of fftn.
    clip : bring the result into -1..1.

    The image continues periodically. Real data are `image::wiener`'s in C++, where they lie: by spectra on the CPU, by one
    convolution on a GPU. What is given as a spectrum, and complex images, go by way of numpy.fft.

    >>> blurred = np.array([0., 0.2, 0.6, 0.2, 0., 0., 0., 0.])
    >>> wiener(blurred, np.array([0.2, 0.6, 0.2]), 1e-6).round(2) + 0
    array([0., 0., 1., 0., 0., 0., 0., 0.])
    """
    image = _floating(image)
    psf, reg = array_there(psf, "psf"), None if reg is None else array_there(reg, "reg")
    spectrum_shape = (*image.shape[:-1], image.shape[-1] // 2 + 1) if image.ndim else None
    if is_real and psf.shape != spectrum_shape and "c" not in (psf.dtype.kind, getattr(reg, "dtype", psf.dtype).kind):
        psf, reg = (each if each is None else _floating(each).astype(image.dtype, copy=False) for each in (psf, reg))
        return _core.wiener(image, psf, float(balance), reg, bool(clip))
    image, psf = numpy_array(image, "image"), numpy_array(psf, "psf")
    reg = _laplacian(image.ndim) if reg is None else numpy_array(reg, "reg")
    spectrum = reg if np.iscomplexobj(reg) else _transfer(reg, image.shape, is_real)
    blur = psf if psf.shape == spectrum.shape else _transfer(_floating(psf.real), image.shape, is_real)
    filter = np.conj(blur) / (np.abs(blur)**2 + balance * np.abs(spectrum)**2)
    axes = range(image.ndim)
    result = (np.fft.irfftn(filter * np.fft.rfftn(image), image.shape, axes) if is_real else
              np.fft.ifftn(filter * np.fft.fftn(image)))
    result = result.astype(np.result_type(image.dtype, np.complex64) if result.dtype.kind == "c" else image.dtype,
                           copy=False)
    if clip and result.dtype.kind == "c":
        result[result > 1], result[result < -1] = 1, -1
        return result
    return np.clip(result, -1, 1, out=result) if clip else result


results_of_the_same_kind(globals(), __all__)
