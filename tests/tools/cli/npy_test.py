"""Headers that NumPy itself reads, and nothing that it refuses. The expected types are those of NumPy 2.4; where
NumPy can be imported the table is compared with it."""

import itertools
import struct
import unittest

from files import write_npy
from program import ProgramTest, run

try:
    import numpy
except ImportError:
    numpy = None

# Codes that take a byte order or none, and names that take none.
CODES = {
    "f2": "f2", "f4": "f4", "f8": "f8", "c8": "c8", "c16": "c16", "i1": "i1", "u1": "u1", "i2": "i2", "u2": "u2",
    "i4": "i4", "u4": "u4", "i8": "i8", "u8": "u8", "b1": "u1", "?": "u1", "e": "f2", "f": "f4", "d": "f8", "F": "c8",
    "D": "c16", "b": "i1", "B": "u1", "h": "i2", "H": "u2", "i": "i4", "I": "u4", "l": "i8", "L": "u8", "q": "i8",
    "Q": "u8", "p": "i8", "P": "u8",
}  # fmt: skip
NAMES = {
    "float16": "f2", "float32": "f4", "float64": "f8", "complex64": "c8", "complex128": "c16", "int8": "i1",
    "int16": "i2", "int32": "i4", "int64": "i8", "uint8": "u1", "uint16": "u2", "uint32": "u4", "uint64": "u8",
    "bool": "u1", "half": "f2", "single": "f4", "double": "f8", "float": "f8", "complex": "c16", "byte": "i1",
    "ubyte": "u1", "short": "i2", "ushort": "u2", "intc": "i4", "uintc": "u4", "int": "i8", "uint": "u8",
    "long": "i8", "ulong": "u8", "longlong": "i8", "ulonglong": "u8", "intp": "i8", "uintp": "u8",
}  # fmt: skip
REFUSED = ["O", "U3", "S3", "V8", "M8[s]", "m8[s]", "f16", "g", "f3", "i16", "<float64", "|double", "Float64", "<<f8", "f8,f8", "1f8"]
PACK = {"f2": "e", "f4": "f", "f8": "d", "i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q"}


def file_bytes(header, payload):
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + payload


def dictionary(descr, shape="(3,)"):
    return f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()


def elements(kind, order):
    """1, 0, 1: values of every type, truth values included."""
    if kind[0] == "c":
        part = {"c8": "f", "c16": "d"}[kind]
        return struct.pack(f"{order}6{part}", 1, 0, 0, 0, 1, 0)
    return struct.pack(f"{order}3{PACK[kind]}", 1, 0, 1)


class Headers(ProgramTest):
    def setUp(self):
        super().setUp()
        write_npy(self.folder / "one.npy", [1], [1], "u1")

    def read(self, data):
        """What the program makes of the file: itself, since it is filtered with 1 in ndimage's types."""
        (self.folder / "x.npy").write_bytes(data)
        result = run("convolve", self.folder / "x.npy", self.folder / "one.npy", "-o", self.folder / "y.npy", "--api", "scipy.ndimage", "--method", "cpu.reference")
        if result.returncode != 0:
            self.assertEqual((result.returncode, result.stdout), (5, ""), result.stderr)
            return None, result.stderr
        return (self.folder / "y.npy").read_bytes(), result.stderr

    def test_types(self):
        cases = [(order + code, kind, order) for (code, kind), order in itertools.product(CODES.items(), ["", "<", ">", "=", "|"])]
        cases += [(name, kind, "") for name, kind in NAMES.items()]
        if numpy:
            for descr, kind, _ in cases:
                self.assertEqual(numpy.dtype(descr).str[1:].replace("b1", "u1"), kind, descr)
        for descr, kind, order in cases:
            written = order if order in "<>" and order else "="
            data, message = self.read(file_bytes(dictionary(descr), elements(kind, written)))
            self.assertIsNotNone(data, f"{descr}: {message}")
            self.assertIn(f"{kind}'".encode(), data[:128], descr)
            self.assertEqual(data[128:], elements(kind, "="), descr)

    def test_other_types_are_refused(self):
        for descr in REFUSED:
            data, message = self.read(file_bytes(dictionary(descr), bytes(48)))
            self.assertIsNone(data, descr)
            self.assertEqual(message.count("\n"), 1)

    def test_layouts(self):
        payload = elements("f8", "<")
        for header in (
            dictionary("<f8"),  # neither padding nor a line break
            dictionary("<f8") + b"\n",
            dictionary("<f8") + b"   ",
            b"{\n'descr':\t'<f8',\n'fortran_order': False, 'shape': (3,)}\n\n",
            b' {"shape": (3,), "descr": "<f8", "fortran_order": False}',
        ):
            data, message = self.read(file_bytes(header, payload))
            self.assertEqual(message, "")
            self.assertEqual(data[128:], payload)

    def test_several_arrays_in_one_file(self):
        first = file_bytes(dictionary("<f8"), elements("f8", "<"))
        for rest, words in ((first, "more than one array"), (b"tail", "4 bytes follow"), (b"\0" * 100, "100 bytes follow")):
            data, message = self.read(first + rest)
            self.assertEqual(data[128:], elements("f8", "<"))
            self.assertEqual(message.count("\n"), 1)
            self.assertIn("warning", message)
            self.assertIn(words, message)

    @unittest.skipUnless(numpy, "needs NumPy")
    def test_numpy_agrees(self):
        for descr in list(CODES) + list(NAMES):
            path = self.folder / "n.npy"
            kind = {**CODES, **NAMES}[descr]
            path.write_bytes(file_bytes(dictionary(descr), elements(kind, "=")))
            self.assertEqual(numpy.load(path).astype(complex).tolist(), [1, 0, 1], descr)


if __name__ == "__main__":
    unittest.main()
