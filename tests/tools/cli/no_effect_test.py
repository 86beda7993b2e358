"""An option that the other options leave nothing to do is refused, with the option, its value and the reason; none is
dropped in silence. Every option of every command has a row: calls in which it would mean nothing, or the reason why
there are none. An option without a row fails the test.

Options whose effect depends on what is in a file (a filter of one tap, a picture without alpha) are taken, and so are
those that a number of another option leaves nothing to do (sigma 0, windows of one element, a ratio of 1, results of
mode valid): a script may give them for every file and number, and the result is what the option says."""

import re
import unittest

from files import write_npy, write_png, write_wav
from program import ProgramTest, run

INVALID = 2

# In place of calls: whatever the other options are, the option says something about the result, where it goes, or what
# computes it; or a call without it is refused.
RESULT = "it decides what the result is, whatever the other options are"
PLACE = "it names a file"
HOW = "it decides what computes the result, or is refused by name"
SHOWN = "it decides what is printed"

C, CM = "convolve {f}/x.npy {f}/k.npy -o {f}/o.npy", "convolve {f}/m.npy {f}/m.npy -o {f}/o.npy"
N, ND = "ndimage gaussian {f}/m.npy -o {f}/o.npy --sigma 0", "ndimage gaussian {f}/m.npy -o {f}/o.npy --sigma 0,1"
U = "ndimage uniform {f}/m.npy -o {f}/o.npy --size 1"
UP = "upfirdn {f}/k.npy {f}/x.npy -o {f}/o.npy"
R, RS = "resample {f}/x.npy -o {f}/o.npy --up 2 --down 2", "resample {f}/s.wav -o {f}/o.wav"
V = "conv {f}/t.npy {f}/w.npy -o {f}/o.npy"
P = "filter {f}/in.png -o {f}/o.png"
E = "explain op=fwd dtype=f32 in=4 f=3"

ROWS = {
    "convolve": {
        "--output": PLACE,
        "--op": RESULT,
        "--api": RESULT,
        "--mode": [f"{C} --api scipy.ndimage --mode same"],
        "--boundary": [f"{C} --api numpy --boundary wrap", f"{CM} --nan missing --boundary wrap"],
        "--origin": [f"{C} --origin 1", f"{C} --api numpy --origin 1"],
        "--axes": [f"{C} --api numpy --axes 0", f"{C} --nan missing --axes 0", f"{C} --op correlate --axes 0", f"{CM} --axes 0 --boundary wrap"],
        "--lags": [
            f"{C} --lags {{f}}/l.npy",
            f"{C} --op correlate --api numpy --lags {{f}}/l.npy",
            f"{CM} --op correlate --boundary wrap --lags {{f}}/l.npy",
        ],
        "--nan": [f"{C} --api numpy --nan missing"],
        "--weights": [f"{C} --api numpy --weights {{f}}/x.npy"],
        "--min-weight": [f"{C} --min-weight 0.5", f"{C} --nan spread --min-weight 0.5"],
        "--min-count": [f"{C} --min-count 2", f"{C} --nan value:0 --min-count 2"],
        "--fill": [f"{C} --fill 0", f"{C} --nan spread --fill 0", f"{C} --nan missing --fill keep"],
        "--keep-gain": [f"{C} --keep-gain"],
        "--preserve-nan": [f"{C} --preserve-nan", f"{C} --nan missing --preserve-nan"],
        "--output-type": RESULT,
        "--accumulator": RESULT,
        "--rounding": [f"{C} --rounding nearest", f"{C} --nan missing --rounding nearest", f"{C} --api numpy --rounding nearest"],
        "--overflow": [f"{C} --overflow saturate", f"{C} --api scipy.ndimage --overflow saturate"],
        "--accuracy": HOW,
        "--reproducible": HOW,
        "--check-range": [f"{C} --api numpy --check-range", f"{CM} --boundary wrap --check-range", f"{C} --nan missing --check-range"],
        "--method": HOW,
        "--device": HOW,
        "--device-memory-limit": [f"{C} --nan missing --device-memory-limit 1M"],
    },
    "ndimage": {
        "--output": PLACE,
        "--sigma": [f"{U} --sigma 1"],
        "--order": [f"{U} --order 1"],
        "--truncate": [f"{U} --truncate 3"],
        "--radius": [f"{U} --radius 1"],
        "--size": [f"{N} --size 3", "ndimage median {f}/x.npy -o {f}/o.npy --footprint {f}/k.npy --size 3"],
        "--footprint": [f"{N} --footprint {{f}}/m.npy"],
        "--rank": [f"{N} --rank 1", "ndimage median {f}/x.npy -o {f}/o.npy --size 3 --rank 1"],
        "--percentile": ["ndimage median {f}/x.npy -o {f}/o.npy --size 3 --percentile 1"],
        "--weights": [f"{N} --weights {{f}}/m.npy"],
        "--origin": [f"{N} --origin 1"],
        "--axis": [f"{N} --axis 1"],
        "--axes": ["ndimage sobel {f}/m.npy -o {f}/o.npy --axes 0"],
        "--mode": RESULT,
        "--boundary": RESULT,
        "--cval": [
            f"{ND} --cval 3",
            "ndimage sobel {f}/m.npy -o {f}/o.npy --mode wrap --cval 3",
            "ndimage sobel {f}/m.npy -o {f}/o.npy --mode constant:0 --cval 3",
        ],
        "--output-type": RESULT,
        "--accumulator": ["ndimage median {f}/x.npy -o {f}/o.npy --size 3 --accumulator f64"],
        "--rounding": ["ndimage sobel {f}/m.npy -o {f}/o.npy --rounding nearest"],
        "--overflow": ["ndimage median {f}/x.npy -o {f}/o.npy --size 3 --overflow saturate"],
        "--accuracy": ["ndimage median {f}/x.npy -o {f}/o.npy --size 3 --accuracy elementwise"],
        "--reproducible": ["ndimage median {f}/x.npy -o {f}/o.npy --size 3 --reproducible"],
        "--method": [
            "ndimage median {f}/x.npy -o {f}/o.npy --size 3 --method direct",
            "ndimage gaussian {f}/b.npy -o {f}/o.npy --sigma 0 --overflow saturate --output-type i8 --method cpu.direct",
        ],
        "--device": HOW,
    },
    "upfirdn": {
        "--output": PLACE,
        "--up": RESULT,
        "--down": RESULT,
        "--axis": RESULT,
        "--mode": RESULT,
        "--cval": [f"{UP} --mode edge --cval 1", f"{UP} --mode edge --cval 0"],
        "--output-type": RESULT,
        "--accumulator": RESULT,
        "--rounding": [f"{UP} --rounding nearest"],
        "--overflow": [f"{UP} --overflow saturate"],
        "--accuracy": HOW,
        "--reproducible": HOW,
        "--method": HOW,
        "--device": HOW,
    },
    "resample": {
        "--output": PLACE,
        "--up": [f"{RS} --rate 16000 --up 2"],
        "--down": [f"{RS} --rate 16000 --down 2"],
        "--rate": [f"{R} --rate 8000"],
        "--axis": [f"{RS} --rate 16000 --axis 0"],
        "--window": RESULT,
        "--padtype": RESULT,
        "--cval": ["resample {f}/x.npy -o {f}/o.npy --up 2 --padtype mean --cval 0"],
        "--format": [f"{R} --format pcm16"],
        "--allow-truncated": [f"{R} --allow-truncated"],
        "--accuracy": HOW,
        "--reproducible": HOW,
        "--method": HOW,
        "--device": HOW,
    },
    "sepfir2d": {"--output": PLACE, "--accuracy": HOW, "--reproducible": HOW, "--method": HOW, "--device": HOW},
    "medfilt": {"--output": PLACE, "--kernel-size": RESULT, "--device": HOW},
    "order_filter": {"--output": PLACE, "--rank": RESULT, "--device": HOW},
    "deblur": {
        "--output": PLACE,
        "--by": RESULT,
        "--iterations": ["deblur {f}/m.npy {f}/m.npy -o {f}/o.npy --by wiener --iterations 5"],
        "--epsilon": ["deblur {f}/m.npy {f}/m.npy -o {f}/o.npy --by wiener --epsilon 0"],
        "--balance": ["deblur {f}/m.npy {f}/m.npy -o {f}/o.npy --balance 0.1"],
        "--roughness": ["deblur {f}/m.npy {f}/m.npy -o {f}/o.npy --roughness {f}/m.npy"],
        "--keep-range": RESULT,
        "--device": HOW,
    },
    "conv": {
        "--output": PLACE,
        "--bias": [f"{V} --pass backward-filter --shape 1,1,3 --bias {{f}}/k.npy"],
        "--stride": RESULT,
        "--pad": RESULT,
        "--dilation": RESULT,
        "--groups": RESULT,
        "--layout": RESULT,
        "--boundary": [
            f"{V} --boundary wrap",
            f"{V} --pad valid --boundary reflect",
            f"{V} --pad -1 --boundary reflect",
            "conv {f}/t2.npy {f}/w2.npy -o {f}/o.npy --pad 0,1 --boundary wrap,reflect",
            f"{V} --transposed --pad 1 --boundary wrap",
        ],
        "--transposed": [f"{V} --transposed --pass backward-data --shape 1,1,5"],
        "--output-padding": [f"{V} --output-padding 1"],
        "--activation": [f"{V} --pass backward-data --shape 1,1,7 --activation relu"],
        "--pass": RESULT,
        "--shape": [f"{V} --shape 1,1,5"],
        "--alpha": RESULT,
        "--output-type": RESULT,
        "--accumulator": RESULT,
        "--rounding": [f"{V} --rounding nearest"],
        "--overflow": [f"{V} --overflow saturate"],
        "--accuracy": HOW,
        "--reproducible": HOW,
        "--method": HOW,
        "--engine": HOW,
        "--device": HOW,
    },
    "filter": {
        "--output": PLACE,
        "--kernel": RESULT,
        "--boundary": RESULT,
        "--alpha": "a picture may have no alpha; that is in the file",
        "--accuracy": HOW,
        "--reproducible": HOW,
        "--method": HOW,
        "--engine": HOW,
        "--device": HOW,
    },
    "reverb": {
        "--output": PLACE,
        "--mix": RESULT,
        "--format": RESULT,
        "--allow-truncated": "a recording may be whole; that is in the file",
        "--accuracy": HOW,
        "--reproducible": HOW,
        "--method": HOW,
        "--engine": HOW,
        "--device": HOW,
    },
    "demo": {"--image": PLACE, "--sound": PLACE, "--device": HOW},
    "info": {"--json": SHOWN},
    "explain": {
        "--device": [f"{E} --machine h200 --device cpu"],
        "--engine": HOW,
        "--machine": RESULT,
        "--workspace-limit": [f"{E} --machine h200 --workspace-limit 9"],
        "--accuracy": [f"{E} --machine h200 --accuracy elementwise"],
        "--reproducible": HOW,
        "--elementwise": [f"{E} --machine h200 --elementwise"],
        "--ways": [f"{E} --machine h200 --ways", f"{E} --device-memory-limit 1M --ways"],
        "--device-memory-limit": [f"{E} --machine h200 --device-memory-limit 1M"],
        "--json": SHOWN,
    },
    "verify": {
        "--device": HOW,
        "--engine": HOW,
        "--ways": ["verify {f}/p.txt --engine cpu.direct/rows --ways"],
        "--seed": RESULT,
        "--json": SHOWN,
    },
    "bench": {
        "--device": HOW,
        "--engine": HOW,
        "--layout": ["bench {f}/calls.txt --layout nhwc"],
        "--cache": HOW,
        "--samples": HOW,
        "--max-seconds": HOW,
        "--prepared": ["bench {f}/calls.txt --prepared"],
        "--no-check": SHOWN,
        "--json": SHOWN,
    },
    "calibrate": {"--output": PLACE},
    "tune": {
        "--device": HOW,
        "--output": PLACE,
        "--engine": HOW,
        "--accuracy": HOW,
        "--reproducible": HOW,
        "--elementwise": HOW,
        "--workspace-limit": HOW,
        "--ways": HOW,
        "--max-seconds": HOW,
        "--run-seconds": HOW,
        "--memory-limit": HOW,
        "--processor-time": HOW,
        "--json": SHOWN,
    },
    "wisdom": {"--output": ["wisdom show {f}/p.txt --output {f}/w.txt"], "--json": SHOWN},
}


def options_of(command):
    """The long names in the help of a command."""
    names = set()
    for line in run(command, "--help").stdout.splitlines():
        if line.startswith("  -"):
            names |= set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", line[2:].split(" ", 1)[0]))
    return names - {"--help"}


def commands():
    lines = run("--help").stdout.splitlines()
    start = next(i for i, line in enumerate(lines) if line.lower().startswith("subcommands"))
    return {line.split()[0] for line in lines[start + 1 :] if re.match(r"  [a-z]", line)}


class NoEffect(ProgramTest):
    def setUp(self):
        super().setUp()
        write = lambda name, *rest: write_npy(self.folder / name, *rest)
        write("x.npy", [5], [1, 2, 3, 4, 5])
        write("k.npy", [3], [1, 2, 3])
        write("m.npy", [2, 2], [1, 2, 3, 4])
        write("b.npy", [2, 2], [1, 2, 3, 4], "u1")
        write("t.npy", [1, 1, 5], [1, 2, 3, 4, 5])
        write("w.npy", [1, 1, 3], [1, 2, 3])
        write("t2.npy", [1, 1, 2, 2], [1, 2, 3, 4])
        write("w2.npy", [1, 1, 1, 1], [1])
        write_png(self.folder / "in.png", 2, 2, 1, [1, 2, 3, 4])
        write_wav(self.folder / "s.wav", [[1, 2, 3]])
        (self.folder / "p.txt").write_text("op=fwd dtype=f32 in=9 f=3\n")
        (self.folder / "calls.txt").write_text("call=image.uniform dtype=f32 in=64x64 size=3\n")

    def test_every_option_has_a_row(self):
        self.assertEqual(commands(), set(ROWS))
        for command, rows in ROWS.items():
            self.assertEqual(options_of(command), set(rows), command)

    def test_what_means_nothing_is_refused(self):
        before, calls = self.files(), 0
        for command, rows in ROWS.items():
            for option, row in rows.items():
                for arguments in row if isinstance(row, list) else []:
                    calls += 1
                    with self.subTest(arguments):
                        result = run(*arguments.format(f=self.folder).split())
                        self.assertIn(result.returncode, (INVALID, 3), f"{result.stdout} {result.stderr}")
                        plain = option[2:].replace("-", "_")
                        names = {option, plain, {"--boundary": "--mode", "--method": "engine"}.get(option, option)}
                        self.assertTrue(any(name in result.stderr for name in names), result.stderr)
                        self.assertEqual(result.stdout, "")
                        self.assertEqual(self.files(), before)
        print(f"{calls} options without effect refused")


if __name__ == "__main__":
    unittest.main()
