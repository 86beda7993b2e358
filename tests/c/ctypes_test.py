"""The C interface through ctypes. Environment: LIBRARY, the shared library."""

import array
import ctypes
import os
import pathlib
import re
import unittest

HEADER = pathlib.Path(__file__).resolve().parents[2] / "include/faltung/faltung.h"
LIBRARY = ctypes.CDLL(os.environ["LIBRARY"])
LIBRARY.faltung_last_error.restype = ctypes.c_char_p
LIBRARY.faltung_version.restype = ctypes.c_char_p
I64 = ctypes.POINTER(ctypes.c_int64)


class View(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("dtype", ctypes.c_int32), ("rank", ctypes.c_int32), ("shape", I64),
                ("strides", I64), ("kind", ctypes.c_int32), ("index", ctypes.c_int32)]


def create(line):
    plan = ctypes.c_void_p()
    return LIBRARY.faltung_plan_create(line, b"cpu", None, ctypes.byref(plan)), plan


class Interface(unittest.TestCase):
    def test_every_function_of_the_header_is_exported(self):
        names = set(re.findall(r"^FALTUNG_API [^(]*?(faltung_\w+)\(", HEADER.read_text(), re.MULTILINE))
        self.assertEqual(len(names), 26)
        for name in names:
            self.assertTrue(hasattr(LIBRARY, name), name)

    def test_a_plan_runs_on_the_memory_of_arrays(self):
        status, plan = create(b"op=fwd dtype=f64 in=4 f=3 pad=1")
        self.assertEqual(status, 0)
        data = [array.array("d", values) for values in ([1, 2, 3, 4], [1, 10, 100], [0] * 4)]
        views = (View * 3)()
        for i, values in enumerate(data):
            self.assertEqual(LIBRARY.faltung_plan_operand(plan, i, ctypes.byref(views[i])), 0)
            views[i].data = values.buffer_info()[0]
        run = LIBRARY.faltung_plan_run
        self.assertEqual(run(plan, *(ctypes.byref(view) for view in views), None), 0)
        self.assertEqual(list(data[2]), [210, 321, 432, 43])
        self.assertEqual(LIBRARY.faltung_plan_destroy(plan), 0)
        self.assertEqual(LIBRARY.faltung_plan_destroy(plan), 1000)
        self.assertIn(b"plan was freed", LIBRARY.faltung_last_error())

    def test_an_error_has_a_number_and_a_text(self):
        status, plan = create(b"op=fwd dtype=f32 in=4 f=3 stride=0")
        self.assertEqual((status, plan.value), (1000, None))
        self.assertIn(b"stride=0", LIBRARY.faltung_last_error())

    def test_the_version_is_three_numbers(self):
        self.assertRegex(LIBRARY.faltung_version(), rb"^\d+\.\d+\.\d+$")


unittest.main()
