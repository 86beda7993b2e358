"""Faltung as a backend of scikit-image, found by its entry points skimage_backends and skimage_backend_infos.

Where a release of scikit-image dispatches one of these functions, faltung computes it for NumPy arrays of real numbers.
This module is imported with scikit-image, and faltung itself with the first call alone.
"""

import types

_EDGES = [name + which for name in ("farid", "prewitt", "scharr", "sobel") for which in ("", "_h", "_v")]
SUPPORTED = [f"skimage.filters:{name}" for name in
             ("difference_of_gaussians", "gaussian", "laplace", "unsharp_mask", *_EDGES)]
SUPPORTED += ["skimage.restoration:richardson_lucy", "skimage.restoration:wiener"]


def information():
    return types.SimpleNamespace(supported_functions=SUPPORTED)


def can_has(name, *args, **kwargs):
    """Whether this call is one for faltung: others, and calls that are mistakes, are scikit-image's own."""
    image = args[0] if args else kwargs.get("image")
    kind = type(image)
    if name not in SUPPORTED or (kind.__module__, kind.__name__) != ("numpy", "ndarray"):
        return False
    if image.dtype.kind not in "biuf" or image.dtype.itemsize > 8 or not image.ndim or not image.size:
        return False
    if name.startswith("skimage.restoration:"):
        # Kernels of even extent have another middle there: one drifts, and the two functions do not agree.
        psf = args[1] if len(args) > 1 else kwargs.get("psf")
        return type(psf) is kind and (psf.dtype.kind == "c" or all(extent % 2 for extent in psf.shape))
    return image.ndim == 2 or not name.endswith(("_h", "_v"))


def get_implementation(name):
    from faltung import _skimage
    return getattr(_skimage, name.split(":")[1])
