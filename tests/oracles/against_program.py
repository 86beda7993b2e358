"""The program `faltung` against SciPy, NumPy, JAX and ONNX: some of the problems that the other
comparisons put to the library, end to end through .npy files."""

import warnings

import against_jax
import against_onnx
import against_scipy_ndimage
import against_scipy_signal
from checking import main
from client import Program

if __name__ == "__main__":
    warnings.simplefilter("ignore", RuntimeWarning)
    main("the program against SciPy, NumPy, JAX and ONNX", [
        ("program.signal", 50, against_scipy_signal.nd),
        ("program.signal_2d", 30, against_scipy_signal.two_d),
        ("program.numpy", 30, against_scipy_signal.numpy_1d),
        ("program.fft", 40, against_scipy_signal.by_fft),
        ("program.upfirdn", 40, against_scipy_signal.upfirdn),
        ("program.resample", 40, against_scipy_signal.resample),
        ("program.image", 80, against_scipy_ndimage.filter_nd),
        ("program.image_1d", 20, against_scipy_ndimage.filter_1d),
        ("program.gaussian", 40, against_scipy_ndimage.gaussians),
        ("program.integer_gaussian", 10, against_scipy_ndimage.integer_gaussian),
        ("program.uniform", 30, against_scipy_ndimage.uniform),
        ("program.derivatives", 40, against_scipy_ndimage.derivatives),
        ("program.ranks", 60, against_scipy_ndimage.ranks),
        ("program.network", 10, against_jax.network),
        *((folder.name, 1, against_onnx.node_test((folder, node)))
          for folder, node in against_onnx.cases() if node.op_type != "ConvInteger")], Program)
