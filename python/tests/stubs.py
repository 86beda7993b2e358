"""Whether a stub fits its module."""

import ast
import inspect
import pathlib


def check(test, module):
    """Asks of `test` that the stub has what the module offers, and its functions their parameters."""
    stub = ast.parse(pathlib.Path(module.__file__).with_suffix(".pyi").read_text())
    named = {each.name: each for each in stub.body if isinstance(each, (ast.ClassDef, ast.FunctionDef))}
    test.assertEqual(sorted(named), sorted(set(module.__all__)), module.__name__)
    for name, each in named.items():
        if isinstance(each, ast.FunctionDef):
            names = [one.arg for one in each.args.args + each.args.kwonlyargs]
            test.assertEqual(names, list(inspect.signature(getattr(module, name)).parameters), name)
        else:
            test.assertTrue(inspect.isclass(getattr(module, name)), name)
