"""Prints the folder of the headers that jaxlib carries, if it is where this interpreter's packages are."""

import importlib.util
import pathlib
import site
import sysconfig


def folders():
    spec = importlib.util.find_spec("jaxlib")
    if spec is not None and spec.submodule_search_locations:
        yield pathlib.Path(spec.submodule_search_locations[0])
    # Isolated builds take the environment's packages off the path, and leave them where they are.
    for packages in sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages():
        yield pathlib.Path(packages) / "jaxlib"


for folder in folders():
    if (folder / "include/xla/ffi/api/ffi.h").exists():
        print(folder / "include")
        break
