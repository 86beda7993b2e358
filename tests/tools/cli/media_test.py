"""The commands for pictures and sound, against values worked out here."""

import itertools
import math
import struct
import subprocess
import unittest
import zlib

from files import PNG_SIGNATURE, full_convolution, png_chunk, read_png, read_wav, write_npy, write_png, write_wav
from program import PROGRAM, ProgramTest, run


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
        row = correlate_2d(samples, [[1, 1, 1]], self.WIDTH, self.HEIGHT)
        for value, wanted in zip(self.filter(samples, 1, 8, "--kernel", "box:1,3"), row):
            self.assertLessEqual(abs(value - wanted / 3), 0.5 + 1e-4)
        taps = [math.exp(-(i**2) / 2) for i in range(-4, 5)]
        gaussian = [[a * b / sum(taps) ** 2 for a in taps] for b in taps]
        smooth = correlate_2d(samples, gaussian, self.WIDTH, self.HEIGHT)
        for value, wanted in zip(self.filter(samples, 1, 8, "--kernel", "gaussian:1"), smooth):
            self.assertLessEqual(abs(value - wanted), 0.5 + 1e-4)
        column = correlate_2d(samples, [[a / sum(taps)] for a in taps], self.WIDTH, self.HEIGHT)
        for value, wanted in zip(self.filter(samples, 1, 8, "--kernel", "gaussian:1,0"), column):
            self.assertLessEqual(abs(value - wanted), 0.5 + 1e-4)

    def test_sums_that_overflow_do_not_turn_black(self):
        # Transforms of such values are no numbers; an engine may also get it right, or be refused.
        write_npy(self.folder / "huge.npy", [1, 3], [3e38, 3e38, 3e38])
        write_png(self.folder / "in.png", 4, 1, 1, [200] * 4)
        for engine in ("fft", "direct"):
            result = run("filter", self.folder / "in.png", "-o", self.folder / "out.png", "--kernel", self.folder / "huge.npy", "--engine", engine)
            if result.returncode == 0:
                self.assertEqual(read_png(self.folder / "out.png")[4], [255] * 4)
            else:
                self.assertEqual((result.returncode, result.stdout), (2, ""))
                self.assertIn("not a number", result.stderr)

    def test_alpha_can_be_left_alone(self):
        for channels in (2, 4):
            samples = self.picture(channels, 8)
            result = self.filter(samples, channels, 8, "--kernel", "box:5", "--alpha", "ignore")
            for channel in range(channels - 1):
                alone = self.filter(samples[channel::channels], 1, 8, "--kernel", "box:5")
                self.assertEqual(result[channel::channels], alone)
            alpha = slice(channels - 1, None, channels)
            self.assertEqual(result[alpha], samples[alpha])

    def test_what_is_transparent_does_not_bleed(self):
        # Half of the picture is opaque blue, half is invisible white.
        for bits in (8, 16):
            top = 2**bits - 1
            blue, hidden = [0, 0, top, top], [top, top, top, 0]
            pixels = [blue if i % self.WIDTH < 3 else hidden for i in range(self.WIDTH * self.HEIGHT)]
            write_npy(self.folder / "taps.npy", [1, 3], [0.25, 0.5, 0.25])
            for kernel in ("gaussian:2", "box:5", self.folder / "taps.npy"):
                result = self.filter(sum(pixels, []), 4, bits, "--kernel", kernel)
                alpha = self.filter([pixel[3] for pixel in pixels], 1, bits, "--kernel", kernel)
                for i, a in enumerate(alpha):
                    self.assertLessEqual(abs(result[4 * i + 3] - a), 1)
                    if result[4 * i + 3] > 0:
                        self.assertEqual(result[4 * i : 4 * i + 3], blue[:3], f"{kernel}, pixel {i}")
                    else:
                        self.assertEqual(result[4 * i : 4 * i + 3], hidden[:3], f"{kernel}, pixel {i}")

    def test_weighing_is_the_quotient_of_two_sums(self):
        samples = self.picture(2, 8)
        gray, alpha = samples[0::2], samples[1::2]
        taps = [[1, 2, 1], [2, 4, 2], [1, 2, 1]]  # their sum brightens by 16 and must not touch alpha
        write_npy(self.folder / "taps.npy", [3, 3], [tap / 8 for row in taps for tap in row])
        result = self.filter(samples, 2, 8, "--kernel", self.folder / "taps.npy")
        weights = correlate_2d(alpha, taps, self.WIDTH, self.HEIGHT)
        sums = correlate_2d([g * a for g, a in zip(gray, alpha)], taps, self.WIDTH, self.HEIGHT)
        for value, a, weight, total in zip(result[0::2], result[1::2], weights, sums):
            self.assertLessEqual(abs(a - weight / 16), 0.5 + 1e-4)
            self.assertLessEqual(abs(value - min(255, 2 * total / weight)), 0.5 + 1e-3)

    def test_opaque_pictures_are_filtered_as_those_without_alpha(self):
        gray = self.picture(1, 8)
        for kernel in ("gaussian:1", "box:3", "sobel", "laplace", "sharpen", "emboss"):
            for boundary in ("reflect", "zero", "constant:77"):
                arguments = ("--kernel", kernel, "--boundary", boundary)
                plain = self.filter(gray, 1, 8, *arguments)
                result = self.filter([sample for pixel in zip(gray, [255] * len(gray)) for sample in pixel], 2, 8, *arguments)
                self.assertEqual(result[1::2], [255] * len(gray))
                for value, wanted in zip(result[0::2], plain):
                    self.assertLessEqual(abs(value - wanted), 1, arguments)  # a near-tie may round otherwise

    def test_kernels_that_do_not_smooth_keep_alpha(self):
        samples = self.picture(2, 8)
        gray, alpha = samples[0::2], samples[1::2]
        product = [g * a for g, a in zip(gray, alpha)]
        expected = correlate_2d(product, [[0, -1, 0], [-1, 5, -1], [0, -1, 0]], self.WIDTH, self.HEIGHT)
        result = self.filter(samples, 2, 8, "--kernel", "sharpen")
        self.assertEqual(result[1::2], alpha)
        for value, wanted, a, old in zip(result[0::2], expected, alpha, gray):
            self.assertLessEqual(abs(value - (min(255, max(0, wanted / a)) if a else old)), 0.5 + 1e-3)

    def test_bytes_behind_the_picture_are_warned_of(self):
        samples = self.picture(1, 8)
        source, target = self.folder / "in.png", self.folder / "out.png"
        write_png(source, self.WIDTH, self.HEIGHT, 1, samples)
        with open(source, "ab") as file:
            file.write(b"tail")
        result = run("filter", source, "-o", target, "--kernel", "box:1")
        self.assertEqual((result.returncode, result.stdout, result.stderr.count("\n")), (0, "", 1))
        self.assertIn("warning", result.stderr)
        self.assertIn("4 bytes follow the end of the picture", result.stderr)
        self.assertEqual(read_png(target)[4], samples)

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

    def call(self, dry, *arguments):
        write_wav(self.folder / "one.wav", [[16384]])
        return run("reverb", self.folder / dry, self.folder / "one.wav", "-o", *arguments)

    def test_the_ending_chooses_the_container(self):
        write_wav(self.folder / "dry.wav", [[100, -200, 300, 16000]])
        chain = ["dry.wav"]
        magic = {"rf64": b"RF64", "w64": b"riff", "flac": b"fLaC", "aif": b"FORM", "aiff": b"FORM", "au": b".snd", "caf": b"caff", "ogg": b"OggS", "opus": b"OggS", "wav": b"RIFF"}
        for ending, start in magic.items():
            name = f"wet.{ending}"
            result = self.call(chain[-1], self.folder / name)
            self.assertEqual((result.returncode, result.stderr), (0, ""), f"{chain[-1]} to {name}")
            self.assertEqual((self.folder / name).read_bytes()[:4], start)
            chain.append(name)
        # From Opus back to WAV: 16 bits.
        self.assertEqual(read_wav(self.folder / "wet.wav")[1], 2)
        for ending in ("rf64", "w64", "flac", "aiff", "au", "caf"):  # which lose nothing
            result = self.call(f"wet.{ending}", self.folder / "back.wav")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(read_wav(self.folder / "back.wav"), (8000, 2, [[100, -200, 300, 16000]]), ending)

    def test_the_format_of_samples_can_be_chosen(self):
        write_wav(self.folder / "dry.wav", [[100, -200, 300, 16000]])
        for name, width in {"pcm8": 1, "pcm16": 2, "pcm24": 3, "pcm32": 4}.items():
            result = self.call("dry.wav", self.folder / "wet.wav", "--format", name)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertEqual(read_wav(self.folder / "wet.wav")[1], width)
        for name, code, width in (("float", "f", 4), ("double", "d", 8)):
            self.assertEqual(self.call("dry.wav", self.folder / "wet.wav", "--format", name).returncode, 0)
            data = (self.folder / "wet.wav").read_bytes()
            start = data.index(b"data") + 8
            values = struct.unpack(f"<4{code}", data[start : start + 4 * width])
            self.assertEqual([value * 32768 for value in values], [100, -200, 300, 16000])
            # Real samples go where there are none of them: 24 bits.
            self.assertEqual(self.call("wet.wav", self.folder / "wet.flac").returncode, 0)

    def test_recordings_that_are_cut_short_are_refused(self):
        samples = [[(i * 37) % 2000 - 1000 for i in range(500)], [(i * 91) % 2000 - 1000 for i in range(500)]]
        write_wav(self.folder / "dry.wav", samples)
        for ending in ("wav", "rf64", "w64", "aiff", "au", "caf", "flac"):
            name = f"whole.{ending}"
            self.assertEqual(self.call("dry.wav", self.folder / name).returncode, 0)
            whole = (self.folder / name).read_bytes()
            cut = self.folder / f"cut.{ending}"
            cut.write_bytes(whole[: -200 if ending != "flac" else len(whole) * 9 // 10])
            before = self.files()
            result = self.call(cut.name, self.folder / "wet.wav")
            self.assertEqual((result.returncode, result.stdout, result.stderr.count("\n")), (5, "", 1), ending)
            self.assertIn(f"cut.{ending}: is cut short: it claims 500 frames and holds ", result.stderr)
            if ending != "flac":
                # libsndfile leaves the last bytes of a CAF file that is cut to other chunks.
                self.assertRegex(result.stderr, "holds 448" if ending == "caf" else "holds 450")
            self.assertEqual(self.files(), before)
            if ending == "flac":
                continue  # all of it is one block
            result = self.call(cut.name, self.folder / "wet.wav", "--allow-truncated", "--mix", "0")
            self.assertEqual((result.returncode, result.stdout, result.stderr.count("\n")), (0, "", 1), ending)
            self.assertIn("warning", result.stderr)
            _, _, wet = read_wav(self.folder / "wet.wav")
            self.assertEqual([channel[: len(wet[0])] for channel in samples], wet, ending)
            self.assertIn(f"holds {len(wet[0])}\n", result.stderr)
            (self.folder / "wet.wav").unlink()

    def test_a_stream_without_an_end(self):
        write_wav(self.folder / "dry.wav", [[(i * 37) % 2000 - 1000 for i in range(40000)]])
        for ending in ("ogg", "opus"):
            self.assertEqual(self.call("dry.wav", self.folder / f"whole.{ending}").returncode, 0)
            whole = (self.folder / f"whole.{ending}").read_bytes()
            self.assertEqual(self.call(f"whole.{ending}", self.folder / "wet.wav").returncode, 0)
            (self.folder / f"cut.{ending}").write_bytes(whole[:-100])
            result = self.call(f"cut.{ending}", self.folder / "wet.wav")
            self.assertEqual(result.returncode, 5)
            self.assertIn("is cut short", result.stderr)

    def test_what_is_there_of_a_compressed_recording_can_be_taken(self):
        samples = [(i * i * 37) % 2000 - 1000 for i in range(40000)]
        write_wav(self.folder / "dry.wav", [samples])
        self.assertEqual(self.call("dry.wav", self.folder / "whole.flac").returncode, 0)
        whole = (self.folder / "whole.flac").read_bytes()
        (self.folder / "cut.flac").write_bytes(whole[: len(whole) // 2])
        self.assertEqual(self.call("cut.flac", self.folder / "wet.wav").returncode, 5)
        result = self.call("cut.flac", self.folder / "wet.wav", "--allow-truncated", "--mix", "0")
        self.assertEqual((result.returncode, result.stdout, result.stderr.count("\n")), (0, "", 1), result.stderr)
        wet = read_wav(self.folder / "wet.wav")[2][0]
        self.assertIn(f"claims 40000 frames and holds {len(wet)}\n", result.stderr)
        self.assertTrue(10000 < len(wet) < 30000, len(wet))
        self.assertEqual(wet, samples[: len(wet)])

    def test_lengths_that_were_not_known_promise_nothing(self):
        write_wav(self.folder / "dry.wav", [[100, -200, 300, 16000]])
        data = (self.folder / "dry.wav").read_bytes()
        for length in (0xFFFFFFFF, 0x7FFFF000):
            (self.folder / "open.wav").write_bytes(data[:4] + b"\xff\xff\xff\xff" + data[8:40] + struct.pack("<I", length) + data[44:])
            result = self.call("open.wav", self.folder / "wet.wav")
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertEqual(read_wav(self.folder / "wet.wav")[2], [[100, -200, 300, 16000]])

    def test_sound_through_pipes(self):
        write_wav(self.folder / "dry.wav", [[100, -200, 300, 16000]])
        write_wav(self.folder / "one.wav", [[16384]])
        command = f'cat dry.wav | "{PROGRAM}" reverb - one.wav -o - | cat > wet.wav'
        subprocess.run(["bash", "-c", command], cwd=self.folder, check=True)
        self.assertEqual(read_wav(self.folder / "wet.wav"), (8000, 2, [[100, -200, 300, 16000]]))

    def test_silence_stays_silent(self):
        self.assertEqual(self.reverb([[0, 0]], [[16384, 1]]), [[0, 0, 0]])


if __name__ == "__main__":
    unittest.main()
