"""What the tests compare with: readers and writers of their own for the program's files, and the definition."""

import ast
import itertools
import pathlib
import struct
import wave
import zlib

CODES = {"f4": "f", "f8": "d", "i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q"}


def write_npy(path, shape, values, dtype="f8"):
    header = f"{{'descr': '<{dtype}', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    length = -(-(10 + len(header) + 1) // 64) * 64 - 10
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", length))
        file.write(header.encode().ljust(length - 1) + b"\n")
        file.write(struct.pack(f"<{len(values)}{CODES[dtype]}", *values))


def read_npy(path):
    """(type, shape, values in row-major order)"""
    data = pathlib.Path(path).read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00", data[:8]
    end = 10 + struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10:end].decode())
    assert not header["fortran_order"] and end % 64 == 0
    dtype = header["descr"][1:]
    payload = data[end:]
    values = struct.unpack(f"<{len(payload) // int(dtype[1:])}{CODES[dtype]}", payload)
    return dtype, header["shape"], list(values)


PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_COLORS = {1: 0, 2: 4, 3: 2, 4: 6}  # channels: colour type


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_png(path, width, height, channels, samples, bits=8):
    """Samples in rows of pixels of channels."""
    code = "B" if bits == 8 else "H"
    per_row = width * channels
    rows = b"".join(
        b"\0" + struct.pack(f">{per_row}{code}", *samples[y * per_row : (y + 1) * per_row])
        for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, bits, PNG_COLORS[channels], 0, 0, 0)
    with open(path, "wb") as file:
        file.write(PNG_SIGNATURE + png_chunk(b"IHDR", header))
        file.write(png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b""))


def paeth(left, up, corner):
    estimate = left + up - corner
    return min((abs(estimate - left), 0, left), (abs(estimate - up), 1, up), (abs(estimate - corner), 2, corner))[2]


def read_png(path):
    """(width, height, channels, bits, samples)"""
    data = pathlib.Path(path).read_bytes()
    assert data[:8] == PNG_SIGNATURE
    position, packed, header = 8, b"", None
    while position < len(data):
        length = struct.unpack(">I", data[position : position + 4])[0]
        kind, body = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        header = body if kind == b"IHDR" else header
        packed += body if kind == b"IDAT" else b""
        position += 12 + length
    width, height, bits, color, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    assert not interlaced and bits in (8, 16)
    channels = {kind: count for count, kind in PNG_COLORS.items()}[color]
    step = channels * bits // 8
    raw = zlib.decompress(packed)
    rows, above = [], bytes(width * step)
    for y in range(height):
        method = raw[y * (len(above) + 1)]
        row = bytearray(raw[y * (len(above) + 1) + 1 : (y + 1) * (len(above) + 1)])
        for i in range(len(row)):
            left = row[i - step] if i >= step else 0
            corner = above[i - step] if i >= step else 0
            add = (0, left, above[i], (left + above[i]) // 2, paeth(left, above[i], corner))[method]
            row[i] = (row[i] + add) & 255
        rows.append(bytes(row))
        above = rows[-1]
    code = "B" if bits == 8 else "H"
    samples = struct.unpack(f">{width * height * channels}{code}", b"".join(rows))
    return width, height, channels, bits, list(samples)


def write_wav(path, channels, rate=8000, width=2):
    """`channels` is a list of equally long lists of integer samples."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(width)
        file.setframerate(rate)
        samples = itertools.chain.from_iterable(zip(*channels))
        if width == 1:  # the format stores bytes with an offset
            file.writeframes(bytes(sample + 128 for sample in samples))
        else:
            file.writeframes(b"".join(sample.to_bytes(width, "little", signed=True) for sample in samples))


def read_wav(path):
    """(rate, bytes a sample, channels)"""
    with wave.open(str(path), "rb") as file:
        width, count = file.getsampwidth(), file.getnchannels()
        data = file.readframes(file.getnframes())
        rate = file.getframerate()
    pieces = [data[i : i + width] for i in range(0, len(data), width)]
    if width == 1:
        samples = [piece[0] - 128 for piece in pieces]
    else:
        samples = [int.from_bytes(piece, "little", signed=True) for piece in pieces]
    return rate, width, [samples[channel::count] for channel in range(count)]


def full_convolution(x, k):
    """The definition, for one signal and one filter."""
    y = [0] * (len(x) + len(k) - 1)
    for (i, a), (j, b) in itertools.product(enumerate(x), enumerate(k)):
        y[i + j] += a * b
    return y
