"""What the package says of itself: examples that print what they say, stubs that fit."""

import ast
import contextlib
import doctest
import inspect
import io
import pathlib
import re
import unittest

import numpy as np

import faltung
import stubs
from faltung import ndimage, restoration

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Examples(unittest.TestCase):
    def test_docstrings_say_what_is_so(self):
        for module in faltung, faltung.signal, faltung.numpy, ndimage, faltung.nn, restoration:
            # Functions are wrapped, and those doctest.testmod passes over.
            documented = {module.__name__: module}
            if module is not faltung:  # its classes and `labelled` have tests of their own
                documented |= {name: getattr(module, name) for name in module.__all__}
            for name, each in documented.items():
                names = vars(inspect.getmodule(each)) | {"np": np}
                test = doctest.DocTestParser().get_doctest(each.__doc__ or "", names, name, None, 0)
                self.assertEqual(doctest.DocTestRunner().run(test).failed, 0, name)

    def test_pages_too(self):
        options = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
        for page in "docs/python.md",:
            failed, tried = doctest.testfile(str(ROOT / page), module_relative=False, optionflags=options)
            self.assertEqual(failed, 0, page)
            self.assertGreater(tried, 9, page)
        for each in faltung.Problem, faltung.Plan:
            test = doctest.DocTestParser().get_doctest(each.__doc__, vars(faltung), each.__name__, None, 0)
            self.assertEqual(doctest.DocTestRunner().run(test).failed, 0, each)

    def test_the_lines_of_the_readme_print_what_they_say(self):
        code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL).group(1)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, {})
        self.assertEqual(printed.getvalue().splitlines(), re.findall(r"^print.*  # (.*)$", code, re.MULTILINE))

    def test_every_function_has_one(self):
        for module in faltung.signal, faltung.numpy, faltung.ndimage, faltung.nn, restoration:
            for name in module.__all__:
                self.assertIn(">>>", getattr(module, name).__doc__, name)


class Stubs(unittest.TestCase):
    def test_functions_have_the_parameters_of_their_stubs(self):
        for module in faltung.signal, faltung.numpy, faltung.ndimage, faltung.nn, restoration:
            stubs.check(self, module)

    def test_classes_have_what_their_stubs_say(self):
        stub = ast.parse(pathlib.Path(faltung.__file__).with_suffix(".pyi").read_text())
        for each in stub.body:
            if isinstance(each, (ast.ClassDef, ast.FunctionDef)):
                self.assertTrue(hasattr(faltung, each.name), each.name)
            for member in getattr(each, "body", []):
                if isinstance(each, ast.ClassDef) and isinstance(member, ast.FunctionDef):
                    self.assertTrue(hasattr(getattr(faltung, each.name), member.name), member.name)


if __name__ == "__main__":
    unittest.main()
