"""faltung.torch beside PyTorch: its own samples of these functions (OpInfo), gradients, layers, compilation.

Any PyTorch from 1.13, which is that of Debian 12; before 2.4 nothing is compiled or exported. Without one this test is
skipped, and says so. All samples must pass.
"""

import copy
import doctest
import io
import math
import pickle
import sys
import types
import unittest
import warnings

try:
    import expecttest  # which PyTorch derives its own test cases from, and Debian has not
except ImportError:
    sys.modules["expecttest"] = types.SimpleNamespace(ACCEPT=False, TestCase=unittest.TestCase)

try:
    import torch
    from torch.testing._internal.common_methods_invocations import op_db
except ImportError as error:
    print(f"FALTUNG.TORCH: NOT RUN ({error}; install Debian's python3-torch, or with PyTorch in another environment: "
          "FALTUNG_PYTHON=that/bin/python ctest -R python.torch)")
    sys.exit(77)

import numpy as np
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional

import faltung.torch
import stubs
from faltung._torch_ops import REGISTERED, operators

OPERATIONS = [op for op in op_db if op.name.startswith("nn.functional.conv")]


def samples(dtype, **options):
    """(function of ours, PyTorch's, sample) of every function that takes the type."""
    for op in OPERATIONS:
        if dtype in op.dtypes:
            for sample in op.sample_inputs("cpu", dtype, **options):
                yield getattr(faltung.torch, op.name.rpartition(".")[2]), op.op, sample


def bound(theirs, sample, exact):
    """How far a sum in any order may be from `exact`, element by element: n eps sum |x| |w|, with n products and the
    bias, and the rounding to the type of the result."""
    x, w, *more = sample.input, *sample.args
    dtype = x.dtype
    # Types of 16 bits are summed in f32. A complex product is four real ones.
    unit = torch.finfo(torch.promote_types(dtype, torch.float32)).eps / 2
    count = math.prod(w.shape[1:]) * x.shape[-w.ndim + 1] + w.shape[0] * math.prod(w.shape[2:]) + 2
    absolute = [each.abs().double() if isinstance(each, torch.Tensor) else each for each in (x, w, *more)]
    named = {name: each.abs().double() if isinstance(each, torch.Tensor) else each for name, each in sample.kwargs.items()}
    total = theirs(*absolute, **named)
    return (4 if dtype.is_complex else 1) * 2 * count * unit * total + torch.finfo(dtype).eps * exact.abs()


def wide(value):
    if not isinstance(value, torch.Tensor) or not (value.is_floating_point() or value.is_complex()):
        return value
    return value.to(torch.complex128 if value.is_complex() else torch.float64)


class Samples(unittest.TestCase):
    def test_values(self):
        passed, total = 0, 0
        for dtype in (torch.float32, torch.float64, torch.complex64, torch.complex128, torch.float16, torch.bfloat16,
                      torch.int64):
            for ours, theirs, sample in samples(dtype):
                total += 1
                arguments = sample.input, *sample.args
                with faltung.options(accuracy="elementwise"):  # as PyTorch is: some samples are faster by transforms
                    y = ours(*arguments, **sample.kwargs)
                exact = theirs(*(wide(each) for each in arguments),
                               **{name: wide(each) for name, each in sample.kwargs.items()})
                self.assertEqual((y.dtype, y.shape), (dtype, exact.shape), sample)
                if dtype == torch.int64:
                    self.assertTrue(torch.equal(y, exact), sample)
                else:
                    self.assertTrue(bool(((wide(y) - exact).abs() <= bound(theirs, sample, exact)).all()), sample)
                passed += 1
        print(f"PyTorch {torch.__version__}, OpInfo samples: {passed} of {total} pass")
        self.assertGreater(total, 300)

    def test_errors(self):
        total = 0
        for op in OPERATIONS:
            if op.error_inputs_func is None:
                continue
            for case in op.error_inputs("cpu"):
                total += 1
                sample = case.sample_input
                with self.assertRaises(case.error_type, msg=f"{op.name} {case.error_regex}") as refused:
                    getattr(faltung.torch, op.name.rpartition(".")[2])(sample.input, *sample.args, **sample.kwargs)
                self.assertIsInstance(refused.exception, faltung.InvalidProblem)
        print(f"PyTorch {torch.__version__}, OpInfo error inputs: {total} of {total} are refused")
        self.assertGreater(total, 20 if REGISTERED else 3)  # that many has PyTorch 1.13

    def test_gradients(self):
        counts = {}
        for dtype in torch.float64, torch.complex128:
            for ours, _, sample in samples(dtype, requires_grad=True):
                tensors = [each for each in (sample.input, *sample.args) if isinstance(each, torch.Tensor)]
                named = {name: each for name, each in sample.kwargs.items() if isinstance(each, torch.Tensor)}
                rest = sample.args[len(tensors) - 1:]
                options = {name: each for name, each in sample.kwargs.items() if name not in named}
                call = lambda *all: ours(*all[:len(tensors)], *rest, **dict(zip(named, all[len(tensors):])), **options)
                for check in gradcheck, gradgradcheck:
                    self.assertTrue(check(call, (*tensors, *named.values()), fast_mode=True), sample)
                    counts[check.__name__] = counts.get(check.__name__, 0) + 1
        print(f"PyTorch {torch.__version__}, OpInfo samples: {counts}")
        self.assertGreater(counts["gradgradcheck"], 100)


class Gradients(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(1)

    def tensors(self, *shapes, dtype=torch.float64):
        return [torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes]

    def test_every_element(self):
        """Slow mode: whole Jacobians, of second derivatives as well."""
        for dtype in torch.float64, torch.complex128:
            all = self.tensors((2, 4, 5), (6, 2, 2), (6,), dtype=dtype)
            self.assertTrue(gradgradcheck(lambda *t: faltung.torch.conv1d(*t, 2, 1, 2, 2), all))
            all = self.tensors((2, 4, 3), (4, 3, 2), (6,), dtype=dtype)
            for output_padding in 0, 1, 2:  # 2: more than the stride, less than the dilation
                call = lambda *t: faltung.torch.conv_transpose1d(*t, 2, 1, output_padding, 2, 3)
                self.assertTrue(gradcheck(call, all))
                self.assertTrue(gradgradcheck(call, all))

    def test_third_order(self):
        x, w = self.tensors((1, 1, 4), (1, 1, 2))

        def derivative(conv):
            y = conv(x, w).pow(3).sum()
            for _ in range(3):
                y, = torch.autograd.grad(y, x, create_graph=True)
                y = y.pow(2).sum()
            return torch.autograd.grad(y, w)[0]

        torch.testing.assert_close(derivative(faltung.torch.conv1d), derivative(functional.conv1d), rtol=1e-12, atol=0)

    def test_strides_of_every_kind(self):
        x, w = torch.randn(5, 6, 2, 3).permute(2, 3, 0, 1), torch.randn(4, 3, 2, 2).to(memory_format=torch.channels_last)
        bias = torch.ones(1).expand(4)
        for input in x, x[:, :, ::2], x[:1].expand(3, -1, -1, -1):
            torch.testing.assert_close(faltung.torch.conv2d(input, w, bias), functional.conv2d(input, w, bias))
        z = torch.randn(2, 3, 6, dtype=torch.complex128)
        taps = torch.randn(4, 3, 2, dtype=torch.complex128).conj()
        torch.testing.assert_close(faltung.torch.conv1d(z, taps), functional.conv1d(z, taps))
        torch.testing.assert_close(faltung.torch.conv1d(z.imag, taps.imag), functional.conv1d(z.imag, taps.imag))


class Layers(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(2)

    def pairs(self):
        """(a layer of PyTorch's, an input)"""
        for rank in 1, 2, 3:
            x = torch.randn(2, 4, *(7, 6, 5)[:rank], dtype=torch.float64)
            for mode in "zeros", "reflect", "replicate", "circular":
                for padding in 1, "same", "valid":
                    layer = getattr(torch.nn, f"Conv{rank}d")(4, 6, 3, 1, padding, 2 if padding == "same" else 1, 2,
                                                              padding_mode=mode, dtype=torch.float64)
                    yield layer, x
            yield getattr(torch.nn, f"Conv{rank}d")(4, 2, 3, 2, 1, bias=False, dtype=torch.float64), x[0]
            yield getattr(torch.nn, f"ConvTranspose{rank}d")(4, 6, 3, 2, 1, 1, 2, dilation=2, dtype=torch.float64), x

    def test_layers_are_those_of_torch(self):
        count = 0
        for theirs, x in self.pairs():
            ours = getattr(faltung.torch, type(theirs).__name__)(
                theirs.in_channels, theirs.out_channels, theirs.kernel_size, theirs.stride, theirs.padding,
                dilation=theirs.dilation, groups=theirs.groups, bias=theirs.bias is not None,
                padding_mode=theirs.padding_mode, dtype=torch.float64,
                **({"output_padding": theirs.output_padding} if "Transpose" in type(theirs).__name__ else {}))
            self.assertEqual(ours.load_state_dict(theirs.state_dict()).missing_keys, [])
            for layer in ours, copy.deepcopy(ours), pickle.loads(pickle.dumps(ours)), faltung.torch.replace(copy.deepcopy(theirs)):
                torch.testing.assert_close(layer(x), theirs(x), msg=str(theirs))
                self.assertIs(type(layer), type(ours))
            self.assertEqual(repr(ours), repr(theirs))
            count += 1
        self.assertEqual(count, 42)

    def test_output_size(self):
        x = torch.randn(1, 2, 5)
        theirs = torch.nn.ConvTranspose1d(2, 3, 3, stride=3)
        ours = faltung.torch.replace(copy.deepcopy(theirs))
        for size in 15, 16, 17:
            torch.testing.assert_close(ours(x, output_size=[size]), theirs(x, output_size=[size]))

    def test_training(self):
        make = lambda: torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(4, 1, 3))
        theirs = make().double()
        ours = faltung.torch.replace(copy.deepcopy(theirs))
        x, losses = torch.randn(3, 1, 6, 6, dtype=torch.float64), []
        for model in theirs, ours:
            optimizer = torch.optim.SGD(model.parameters(), 0.1)
            for _ in range(5):
                optimizer.zero_grad()
                loss = model(x).pow(2).mean()
                loss.backward()
                optimizer.step()
            losses.append(loss.item())
        self.assertAlmostEqual(losses[0], losses[1], delta=1e-12)


@unittest.skipUnless(REGISTERED, f"PyTorch {torch.__version__} has no gradients of registered operators")
class Compilation(unittest.TestCase):
    def test_operators_are_sound(self):
        """PyTorch's own checks: schema, registration of gradients, shapes without data, dynamic shapes."""
        x, w, dy = torch.randn(2, 4, 7), torch.randn(6, 2, 3), torch.randn(2, 6, 4)
        for tensor in x, w, dy:
            tensor.requires_grad_()
        geometry = [2], [1, 1], [1], 2
        for name, arguments in (("conv", (x, w, torch.ones(6, requires_grad=True), *geometry)),
                                ("conv_input", (x.shape, w, dy, *geometry)), ("conv_weight", (x, w.shape, dy, *geometry)),
                                ("conv_transpose", (dy, w, torch.ones(4), [2], [1, 1], [1], 2, [1]))):
            results = torch.library.opcheck(getattr(operators, name).default, arguments)
            self.assertEqual(set(results.values()), {"SUCCESS"}, name)
            self.assertGreaterEqual(len(results), 4, name)

    def model(self):
        torch.manual_seed(3)
        return faltung.torch.replace(torch.nn.Sequential(torch.nn.Conv2d(2, 4, 3, padding="same"), torch.nn.ReLU(),
                                                         torch.nn.ConvTranspose2d(4, 1, 2, stride=2)))

    def test_compiled(self):
        model, x = self.model(), torch.randn(2, 2, 6, 5)
        compiled = torch.compile(model, fullgraph=True, backend="aot_eager", dynamic=True)
        for size in 6, 9:
            x = torch.randn(2, 2, size, 5)
            model.zero_grad()
            model(x).pow(2).sum().backward()
            expected = [parameter.grad.clone() for parameter in model.parameters()]
            model.zero_grad()
            y = compiled(x)
            y.pow(2).sum().backward()
            torch.testing.assert_close(y, model(x), rtol=0, atol=0)
            torch.testing.assert_close([parameter.grad for parameter in model.parameters()], expected)

    def test_exported(self):
        model, x = self.model(), torch.randn(2, 2, 6, 5)
        program = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("n"), 2: torch.export.Dim("h")},))
        file = io.BytesIO()
        torch.export.save(program, file)
        file.seek(0)
        again = torch.export.load(file).module()
        longer = torch.randn(3, 2, 8, 5)
        torch.testing.assert_close(again(longer), model(longer), rtol=0, atol=0)
        self.assertIn("faltung", str(program.graph))


class Arrays(unittest.TestCase):
    def test_results_are_of_torch(self):
        x, k = torch.arange(12.0, dtype=torch.float64).reshape(3, 4), torch.ones(2, 2, dtype=torch.float64)
        a, b = x.numpy(), k.numpy()
        for call in (lambda x, k: faltung.signal.convolve(x, k), lambda x, k: faltung.signal.fftconvolve(x, in2=k),
                     lambda x, k: faltung.ndimage.sobel(x), lambda x, k: faltung.ndimage.correlate(x, k),
                     lambda x, k: faltung.numpy.convolve(x[0], v=k[0]),
                     lambda x, k: faltung.nn.conv2d(x[None], k[None, None])):
            ours, theirs = call(x, k), call(a, b)
            self.assertIsInstance(ours, torch.Tensor)
            self.assertIsInstance(theirs, np.ndarray)
            np.testing.assert_array_equal(ours.numpy(), theirs)
        out = torch.empty_like(x)
        faltung.ndimage.sobel(x, output=out)
        np.testing.assert_array_equal(out.numpy(), faltung.ndimage.sobel(a))

    def test_histories_are_not_lost_silently(self):
        with self.assertRaisesRegex((RuntimeError, BufferError), "grad"):
            faltung.signal.convolve(torch.ones(3, requires_grad=True), torch.ones(2))

    def test_two_libraries_at_once_are_refused(self):
        try:
            import jax.numpy
        except ImportError:
            self.skipTest("no JAX here")
        with self.assertRaisesRegex(TypeError, "operands of two of PyTorch, JAX and CuPy"):
            faltung.signal.convolve(torch.ones(3), jax.numpy.ones(2))


class Examples(unittest.TestCase):
    def test_the_stub_fits(self):
        stubs.check(self, faltung.torch)

    def test_docstrings_say_what_is_so(self):
        failed, tried = doctest.testmod(faltung.torch)
        self.assertEqual((failed, tried), (0, 10))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    unittest.main()
