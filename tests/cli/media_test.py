"""The commands for pictures and sound, against values worked out here."""

import itertools
import math
import unittest
import zlib

from files import PNG_SIGNATURE, full_convolution, png_chunk, read_png, read_wav, write_npy, write_png, write_wav
from program import ProgramTest


def reflect(i, n):
    i %= 2 * n
    return i if i < n else 2 * n - 1 - i


def correlate_2d(picture, kernel, width, height):
    """Half-sample reflection, the centre at R // 2; the definition."""
    rows, columns = len(kernel), len(kernel[0])
    return [
        sum(
            kernel[r][s] * picture[reflect(y + r - rows // 2, height) * width + reflect(x + s - columns // 2, width)]
            for r in range(rows)
            for s in range(columns)
        )
        for y in range(height)
        for x in range(width)
    ]


def stored(values, bits=8):
    return [min(max(round(value), 0), 2**bits - 1) for value in values]  # Python rounds ties to even


SOBEL_X = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
SOBEL_Y = [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]


class Filter(ProgramTest):
    WIDTH, HEIGHT = 7, 5

    def picture(self, channels, bits, scale=1):
        count = self.WIDTH * self.HEIGHT * channels
        return [(i * i * 37 + i * 101) % (2**bits // scale) for i in range(count)]

    def filter(self, samples, channels, bits, *arguments):
        source, target = self.folder / "in.png", self.folder / "out.png"
        write_png(source, self.WIDTH, self.HEIGHT, channels, samples, bits)
        self.succeed("filter", source, "-o", target, *arguments)
        width, height, channels_out, bits_out, result = read_png(target)
        self.assertEqual((width, height, channels_out, bits_out), (self.WIDTH, self.HEIGHT, channels, bits))
        return result

    def test_identity_keeps_every_sample(self):
        write_npy(self.folder / "one.npy", [1, 1], [1])
        for channels, bits in itertools.product((1, 2, 3, 4), (8, 16)):
            samples = self.picture(channels, bits)
            for kernel in (self.folder / "one.npy", "gaussian:0", "box:1"):
                self.assertEqual(self.filter(samples, channels, bits, "--kernel", kernel), samples)

    def test_kernels_match_the_definition(self):
        for bits in (8, 16):
            samples = self.picture(1, bits, scale=4)
            for kernel, weights in {
                "sobel-x": SOBEL_X,
                "sobel-y": SOBEL_Y,
                "laplace": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
                "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
                "emboss": [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
            }.items():
                expected = correlate_2d(samples, weights, self.WIDTH, self.HEIGHT)
                self.assertEqual(self.filter(samples, 1, bits, "--kernel", kernel), stored(expected, bits), kernel)

    def test_sobel_is_the_length_of_the_gradient(self):
        samples = self.picture(1, 8, scale=8)
        x = correlate_2d(samples, SOBEL_X, self.WIDTH, self.HEIGHT)
        y = correlate_2d(samples, SOBEL_Y, self.WIDTH, self.HEIGHT)
        expected = stored(map(math.hypot, x, y))
        for value, wanted in zip(self.filter(samples, 1, 8, "--kernel", "sobel"), expected):
            self.assertLessEqual(abs(value - wanted), 1)  # f32 may round a near-tie the other way

    def test_smoothing_and_kernels_from_files(self):
        samples = self.picture(1, 8)
        write_npy(self.folder / "shift.npy", [1, 3], [0, 0, 1])
        shifted = correlate_2d(samples, [[0, 0, 1]], self.WIDTH, self.HEIGHT)
        self.assertEqual(self.filter(samples, 1, 8, "--kernel", self.folder / "shift.npy"), shifted)
        box = correlate_2d(samples, [[1] * 3] * 3, self.WIDTH, self.HEIGHT)
        for value, wanted in zip(self.filter(samples, 1, 8, "--kernel", "box:3"), box):
            self.assertLessEqual(abs(value - wanted / 9), 0.5 + 1e-4)
        taps = [math.exp(-(i**2) / 2) for i in range(-4, 5)]
        gaussian = [[a * b / sum(taps) ** 2 for a in taps] for b in taps]
        smooth = correlate_2d(samples, gaussian, self.WIDTH, self.HEIGHT)
        for value, wanted in zip(self.filter(samples, 1, 8, "--kernel", "gaussian:1"), smooth):
            self.assertLessEqual(abs(value - wanted), 0.5 + 1e-4)

    def test_alpha_is_left_alone(self):
        for channels in (2, 4):
            samples = self.picture(channels, 8)
            result = self.filter(samples, channels, 8, "--kernel", "box:5")
            alpha = slice(channels - 1, None, channels)
            self.assertEqual(result[alpha], samples[alpha])
            self.assertNotEqual(result, samples)

    def test_boundaries(self):
        samples = [200] * (self.WIDTH * self.HEIGHT)
        for boundary, corner in {"wrap": 200, "zero": 89, "constant:20": 100, "zero,nearest": 133}.items():
            result = self.filter(samples, 1, 8, "--kernel", "box:3", "--boundary", boundary)
            self.assertEqual(result[0], corner, boundary)

    def test_palettes_become_colours(self):
        header = b"\0\0\0\x02\0\0\0\x01" + bytes([1, 3, 0, 0, 0])
        palette = bytes([255, 0, 0, 0, 0, 255])
        chunks = [(b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(b"\0\x40")), (b"IEND", b"")]
        (self.folder / "in.png").write_bytes(PNG_SIGNATURE + b"".join(png_chunk(*chunk) for chunk in chunks))
        self.succeed("filter", self.folder / "in.png", "-o", self.folder / "out.png", "--kernel", "box:1")
        self.assertEqual(read_png(self.folder / "out.png"), (2, 1, 3, 8, [255, 0, 0, 0, 0, 255]))


class Reverb(ProgramTest):
    def reverb(self, dry, response, *arguments, width=2, rate=8000):
        write_wav(self.folder / "dry.wav", dry, rate, width)
        write_wav(self.folder / "ir.wav", response, rate)
        self.succeed("reverb", self.folder / "dry.wav", self.folder / "ir.wav", "-o", self.folder / "wet.wav", *arguments)
        self.assertEqual(self.files(), ["dry.wav", "ir.wav", "wet.wav"])
        rate_out, width_out, wet = read_wav(self.folder / "wet.wav")
        self.assertEqual((rate_out, width_out), (rate, width))
        return wet

    DRY = [100, -20000, 3000, 32767, -32768, 5]

    def test_an_impulse_gives_the_dry_sound_back(self):
        for width in (1, 2, 3):
            dry = [sample >> 8 for sample in self.DRY] if width == 1 else self.DRY
            wet = self.reverb([dry], [[0, 0, 16384]], width=width, rate=44100)
            self.assertEqual(wet, [[0, 0] + dry])

    def test_the_peak_stays(self):
        response = [9000, 5000, -3000, 1000]
        wet = self.reverb([self.DRY], [response])[0]
        exact = full_convolution(self.DRY, response)
        gain = 32768 / max(map(abs, exact))
        for value, wanted in zip(wet, exact):
            self.assertLessEqual(abs(value - min(32767, wanted * gain)), 0.5 + 1e-6)

    def test_mix(self):
        dry_only = self.reverb([self.DRY], [[1000, 2000]], "--mix", "0")
        self.assertEqual(dry_only, [self.DRY + [0]])
        half = self.reverb([self.DRY], [[0, 16384]], "--mix", "0.5")[0]
        expected = [(a + b) / 2 for a, b in zip(self.DRY + [0], [0] + self.DRY)]
        for value, wanted in zip(half, expected):
            self.assertLessEqual(abs(value - wanted), 0.5)

    def test_mono_serves_every_channel(self):
        left, right = [16384, 0, 0], [0, 16384, 0]
        self.assertEqual(self.reverb([left, right], [[16384]]), [left, right])
        self.assertEqual(self.reverb([left], [left, right]), [left + [0, 0], [0] + left + [0]])
        self.assertEqual(self.reverb([left, right], [left, right]), [left + [0, 0], [0, 0, 16384, 0, 0]])

    def test_silence_stays_silent(self):
        self.assertEqual(self.reverb([[0, 0]], [[16384, 1]]), [[0, 0, 0]])


if __name__ == "__main__":
    unittest.main()
