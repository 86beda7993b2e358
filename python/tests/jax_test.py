"""faltung.jax beside JAX's own convolution, and JAX's arrays in the functions that take NumPy's."""

import doctest
import random
import sys
import unittest
import unittest.mock

try:
    import jax
except ImportError as error:
    print(f"FALTUNG.JAX: NOT RUN ({error}; scripts/setup test installs it)")
    sys.exit(77)

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.test_util import check_grads

import faltung.jax
import stubs
from faltung.jax import conv_general_dilated

# Whole numbers this small are exact in every type, bfloat16 with its 8 digits excepted: its results are rounded.
TYPES = "float32", "float64", "complex64", "complex128", "float16", "int32", "int64", "int8", "uint8", "bfloat16"


def numbers(generator, shape, dtype="float64"):
    values = generator.integers(0 if dtype == "uint8" else -2, 3, shape)
    return jnp.asarray(values + 1j * generator.integers(-2, 3, shape) if "complex" in dtype else values).astype(dtype)


def drawn(draw):
    """Operands' shapes and options of one call that makes sense."""
    rank = draw.choice((1, 2, 2, 3))
    groups = draw.choice((1, 1, 2, 3))
    by_batch = draw.random() < 0.3
    x = [draw.randint(1, 2) * (groups if by_batch else 1), draw.randint(1, 3) * (1 if by_batch else groups)]
    w = [draw.randint(1, 2) * groups, x[1] // (1 if by_batch else groups)]
    x += [draw.randint(4, 9) for _ in range(rank)]
    w += [draw.randint(1, 3) for _ in range(rank)]
    each = lambda low, high: tuple(draw.randint(low, high) for _ in range(rank))
    padding = draw.choice(("SAME", "VALID", "SAME_LOWER", tuple(zip(each(-1, 2), each(-1, 2)))))
    letters = "HWD"[:rank]
    layouts = [("NC" + letters, "OI" + letters, "NC" + letters), ("N" + letters + "C", letters + "IO", "N" + letters + "C"),
               (letters + "NC", "I" + letters + "O", "C" + letters + "N")]
    numbers = draw.choice(layouts)
    order = lambda shape, spec, plain: tuple(shape[(plain + letters).index(letter)] for letter in spec)
    return (order(x, numbers[0], "NC"), order(w, numbers[1], "OI"), {
        "window_strides": each(1, 3), "padding": padding,
        "lhs_dilation": each(1, 2) if draw.random() < 0.5 and not isinstance(padding, str) else None,
        "rhs_dilation": each(1, 2) if draw.random() < 0.5 else None, "dimension_numbers": numbers,
        "feature_group_count": 1 if by_batch else groups, "batch_group_count": groups if by_batch else 1})


class ConvGeneralDilated(unittest.TestCase):
    def setUp(self):
        self.generator = np.random.default_rng(3)

    def test_options_are_those_of_the_trace(self):
        x = jnp.asarray(self.generator.standard_normal((1, 1, 3000)).astype("f4"))
        w = jnp.asarray(self.generator.standard_normal((1, 1, 700)).astype("f4"))
        call = lambda x, w: conv_general_dilated(x, w, (1,), "VALID")
        plain = call(x, w)
        with faltung.options(reproducible=True):
            compiled = jax.jit(call)
            fixed = compiled(x, w)
            same = faltung.nn.conv1d(np.asarray(x), np.asarray(w))
        self.assertEqual(np.asarray(fixed).tobytes(), same.tobytes())
        self.assertEqual(np.asarray(compiled(x, w)).tobytes(), same.tobytes())
        self.assertNotEqual(np.asarray(plain).tobytes(), same.tobytes())
        gradient = jax.grad(lambda w: call(x, w).sum())
        with faltung.options(accuracy="elementwise", method="direct"):
            self.assertEqual(gradient(w).shape, w.shape)

    def test_is_that_of_lax(self):
        draw, seen = random.Random(5), 0
        # XLA compiles every call, which takes most of the time.
        for dtype in (*TYPES, *["float64"] * 6):
            x, w, options = drawn(draw)
            x, w = numbers(self.generator, x, dtype), numbers(self.generator, w, dtype)
            ours, theirs = conv_general_dilated(x, w, **options), lax.conv_general_dilated(x, w, **options)
            self.assertEqual((ours.dtype, ours.shape), (theirs.dtype, theirs.shape), options)
            np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs), f"{dtype} {x.shape} {w.shape} {options}")
            seen += ours.size > 0
        print(f"jax.lax.conv_general_dilated: {seen} random calls with results agree")
        self.assertGreater(seen, 10)

    def test_wider_results(self):
        x, w = numbers(self.generator, (1, 1, 300), "int8") * 50, jnp.full((1, 1, 3), 100, "int8")
        options = {"window_strides": (1,), "padding": "SAME", "preferred_element_type": jnp.int32}
        np.testing.assert_array_equal(conv_general_dilated(x, w, **options), lax.conv_general_dilated(x, w, **options))

    def test_gradients_of_every_order(self):
        draw = random.Random(11)
        for dtype in "float64", "complex128":
            x, w, options = drawn(draw)
            x, w = numbers(self.generator, x, dtype), numbers(self.generator, w, dtype)
            self.assertGreater(conv_general_dilated(x, w, **options).size, 0)
            check_grads(lambda x, w: conv_general_dilated(x, w, **options), (x, w), 2, modes=["rev"])
        # Third order, as nothing new comes after it: the three parts are each other's gradients.
        x, w = numbers(self.generator, (1, 2, 5)), numbers(self.generator, (2, 2, 2))
        check_grads(lambda x, w: conv_general_dilated(x, w, (2,), "SAME"), (x, w), 3, modes=["rev"])

    def test_gradients_are_those_of_lax(self):
        x, w = numbers(self.generator, (2, 4, 7, 6), "complex128"), numbers(self.generator, (6, 2, 3, 2), "complex128")
        options = {"window_strides": (2, 1), "padding": "SAME", "feature_group_count": 2}
        loss = lambda conv: lambda x, w: (conv(x, w, **options) * conv(x, w, **options).conj()).real.sum()
        ours = jax.grad(loss(conv_general_dilated), (0, 1))(x, w)
        for mine, other in zip(ours, jax.grad(loss(lax.conv_general_dilated), (0, 1))(x, w)):
            np.testing.assert_array_equal(mine, other)

    def test_transformations(self):
        x, w = numbers(self.generator, (3, 2, 2, 8)), numbers(self.generator, (2, 2, 3))
        call = lambda x: conv_general_dilated(x, w, (1,), "VALID")
        expected = jnp.stack([call(each) for each in x])
        np.testing.assert_array_equal(jax.jit(call)(x[0]), expected[0])
        np.testing.assert_array_equal(jax.vmap(call)(x), expected)
        np.testing.assert_array_equal(jax.jit(jax.vmap(jax.grad(lambda x: (call(x)**2).sum())))(x).shape, x.shape)

    def test_batches_of_either_operand_or_both(self):
        x, w = numbers(self.generator, (3, 2, 2, 2, 8)), numbers(self.generator, (2, 2, 2, 3))
        call = lambda x, w: conv_general_dilated(x, w, (2,), ((1, 0),))
        theirs = lambda x, w: lax.conv_general_dilated(x, w, (2,), ((1, 0),))
        loss = lambda conv: jax.grad(lambda x, w: (conv(x, w)**2).sum(), (0, 1))
        for ours, other in (call, theirs), (loss(call), loss(theirs)):
            for axes in (0, None), (None, 0), (0, 0), (1, 0):
                a = x[0] if axes == (0, 0) else x[:, 0] if axes[0] == 0 else x[0, 0] if axes[0] is None else jnp.moveaxis(x[0], 0, 1)
                b = w if axes[1] == 0 else w[0]
                for mine, his in zip(jax.tree.leaves(jax.vmap(ours, axes)(a, b)), jax.tree.leaves(jax.vmap(other, axes)(a, b))):
                    np.testing.assert_array_equal(mine, his, str(axes))
            # Of both, one inside the other.
            both = lambda f: jax.vmap(jax.vmap(f, (0, None)), (None, 0))
            for mine, his in zip(jax.tree.leaves(both(ours)(x[:, 0], w)), jax.tree.leaves(both(other)(x[:, 0], w))):
                np.testing.assert_array_equal(mine, his)

    def test_compiled_programs_call_without_the_interpreter(self):
        x, w = numbers(self.generator, (3, 2, 8)), numbers(self.generator, (4, 2, 3))
        call = lambda x: conv_general_dilated(x, w, (1,), "SAME")
        gradient = jax.grad(lambda x: (call(x)**2).sum())
        self.assertEqual(sorted(faltung.jax._TARGETS), ["conv", "conv_input", "conv_weight"])
        text, expected = jax.jit(gradient).lower(x).as_text(), gradient(x)
        self.assertTrue("@faltung_conv" in text and "@faltung_conv_input" in text and "callback" not in text, text)
        # And by way of it, where there are no headers of jaxlib's.
        with unittest.mock.patch.dict(faltung.jax._TARGETS, clear=True):
            by_callback = jax.jit(jax.grad(lambda x: (conv_general_dilated(x, w, (1,), "SAME")**2).sum()))
            text = by_callback.lower(x).as_text()
            self.assertTrue("@faltung" not in text and "callback" in text, text)
            np.testing.assert_array_equal(by_callback(x), expected)

    def test_errors(self):
        x, w = jnp.ones((1, 2, 8)), jnp.ones((2, 2, 3))
        for said, call in (("rhs_dilation is", lambda: conv_general_dilated(x, w, (1,), "SAME", rhs_dilation=(0,))),
                           ("padding is 'FULL'", lambda: conv_general_dilated(x, w, (1,), "FULL")),
                           ("groups must divide", lambda: conv_general_dilated(x, w, (1,), "SAME", feature_group_count=2)),
                           ("one of them 1", lambda: conv_general_dilated(x, w, (1,), "SAME", feature_group_count=2,
                                                                         batch_group_count=2))):
            with self.assertRaisesRegex(ValueError, said):
                call()
        with self.assertRaisesRegex(TypeError, "must be the same"):
            conv_general_dilated(x, w.astype("float32"), (1,), "SAME")


class Arrays(unittest.TestCase):
    def test_results_are_of_jax(self):
        x, k = jnp.arange(12.0).reshape(3, 4), jnp.ones((2, 2))
        for ours, theirs in ((faltung.signal.convolve(x, k), faltung.signal.convolve(np.asarray(x), np.asarray(k))),
                             (faltung.signal.fftconvolve(np.asarray(x), k), faltung.signal.fftconvolve(np.asarray(x), np.asarray(k))),
                             (faltung.ndimage.sobel(x), faltung.ndimage.sobel(np.asarray(x))),
                             (faltung.numpy.convolve(x[0], v=k[0]), np.convolve(np.asarray(x[0]), np.asarray(k[0]))),
                             (faltung.nn.conv2d(x[None], k[None, None]), faltung.nn.conv2d(np.asarray(x)[None], np.asarray(k)[None, None]))):
            self.assertIsInstance(ours, jax.Array)
            self.assertIsInstance(theirs, np.ndarray)
            np.testing.assert_array_equal(ours, theirs)


class Examples(unittest.TestCase):
    def test_the_stub_fits(self):
        stubs.check(self, faltung.jax)

    def test_docstrings_say_what_is_so(self):
        jax.config.update("jax_enable_x64", False)
        failed, tried = doctest.testmod(faltung.jax)
        jax.config.update("jax_enable_x64", True)
        self.assertEqual((failed, tried), (0, 4))


if __name__ == "__main__":
    unittest.main()
