"""Wrong invocations, unusable files and signals: one line on stderr, the documented exit code, nothing
on stdout, and no file left behind."""

import os
import pathlib
import resource
import signal
import subprocess
import time
import unittest

from files import write_npy, write_png, write_wav
from program import PROGRAM, ProgramTest, has_output_open, run

INVALID, NO_ENGINE, FILE = 2, 3, 5

# Arguments ({f} is the folder), exit code, and what the message must name: the option or file, its
# value, the rule.
INVOCATIONS = [
    # The program
    ("", INVALID, ["subcommand", "--help"]),
    ("bogus", INVALID, ["bogus", "subcommand"]),
    ("--nope", INVALID, ["--help"]),
    ("info extra", INVALID, ["extra"]),
    ("info --nope", INVALID, ["--nope"]),
    ("info explain x", INVALID, ["explain"]),
    # explain
    ("explain", INVALID, ["problem", "required"]),
    ("explain op=fwd", INVALID, ["dtype"]),
    ("explain op=fwd dtype=f33 in=4 f=3", INVALID, ["dtype", "f33", "f32"]),
    ("explain op=fwd dtype=f32 in=4 f=3 stride=0", INVALID, ["stride", "0"]),
    ("explain op=fwd dtype=f32 in=4 f=3 colour=red", INVALID, ["colour"]),
    ("explain op=fwd dtype=f32 in=4 f=3 in=5", INVALID, ["in"]),
    ("explain op=fwd dtype=f32 in=4x4 f=3x3x3", INVALID, ["f", "3x3x3"]),
    ("explain op=fwd dtype=f32 in=99999999999999999999 f=3", INVALID, ["99999999999999999999"]),
    ("explain op=fwd dtype=f32 in=4 f=3 --device tpu", INVALID, ["tpu", "cuda:N"]),
    ("explain op=fwd dtype=f32 in=4 f=3 --machine h300", INVALID, ["machine", "h300", "h200", "avx2_laptop"]),
    ("explain op=fwd dtype=f32 in=4 f=3 --machine h200 --device cpu", INVALID, ["--machine", "--device"]),
    ("explain op=fwd dtype=f32 in=4 f=3 --machine h200 --elementwise", INVALID, ["--machine", "--elementwise"]),
    ("explain op=fwd dtype=f32 in=4 f=3 --machine avx2_laptop --engine warp", INVALID, ["engine", "warp"]),
    ("calibrate --output no/such/folder/machine.txt", FILE, ["no/such/folder"]),
    ("calibrate now", INVALID, ["now"]),
    ("explain op=fwd dtype=f32 in=4 f=3 --device cuda:99", INVALID, ["--device", "cuda:99"]),
    ("explain op=fwd dtype=f32 in=4 f=3 --engine warp", INVALID, ["engine", "warp", "cpu.reference"]),
    ("explain op=fwd dtype=f32 in=4 f=3 --workspace-limit much", INVALID, ["--workspace-limit", "much", "number"]),
    ("explain op=fwd dtype=f32 in=4 f=3 --workspace-limit -1", INVALID, ["--workspace-limit", "-1", "number"]),
    ("explain op=dgrad dtype=f32 in=4 f=3 --engine cpu.reference --workspace-limit 1", NO_ENGINE, ["no engine", "cpu.reference", "workspace"]),
    # verify
    ("verify", INVALID, ["problems", "required"]),
    ("verify {f}/missing.txt", FILE, ["missing.txt", "No such file"]),
    ("verify {f}", FILE, ["not a regular file"]),
    ("verify {f}/comments.txt", FILE, ["comments.txt", "no problem"]),
    ("verify {f}/bad.txt", INVALID, ["bad.txt:2", "stride"]),
    ("verify {f}/good.txt --engine warp", INVALID, ["--engine", "warp", "cpu.reference"]),
    ("verify {f}/good.txt --engine cpu.direct/warp", INVALID, ["--engine", "warp", "cpu.direct/rows"]),
    ("verify {f}/good.txt --engine cpu.direct/rows --ways", INVALID, ["--ways", "cpu.direct/rows", "leave"]),
    ("verify {f}/good.txt --engine cuda.direct --device cpu", INVALID, ["--engine", "cuda.direct"]),
    ("verify {f}/good.txt --device tpu", INVALID, ["tpu"]),
    ("verify {f}/good.txt --seed x", INVALID, ["--seed", "x", "number"]),
    # convolve
    ("convolve", INVALID, ["required"]),
    ("convolve {f}/x.npy {f}/k.npy", INVALID, ["--output", "required"]),
    ("convolve {f}/x.npy -o {f}/out.npy", INVALID, ["K", "required"]),
    ("convolve {f}/x.npy {f}/k.npy {f}/k.npy -o {f}/out.npy", INVALID, ["k.npy"]),
    ("convolve {f}/x.npy {f}/k.npy -o", INVALID, ["--output"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --op mix", INVALID, ["--op", "mix", "correlate"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --api torch", INVALID, ["--api", "torch", "numpy"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --mode half", INVALID, ["mode", "half", "full"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --api scipy.ndimage --mode same", INVALID, ["--mode", "same", "scipy.ndimage"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --api numpy --boundary wrap", INVALID, ["--boundary", "wrap", "numpy"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --origin 1", INVALID, ["--origin", "1", "scipy.ndimage"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --api scipy.ndimage --origin 2", INVALID, ["origin", "2"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --api scipy.ndimage --origin 1,1", INVALID, ["origin", "2 values"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --api scipy.ndimage --origin a", INVALID, ["--origin", "'a'", "whole number"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --api scipy.ndimage --boundary edge", INVALID, ["--boundary", "edge", "nearest"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --api scipy.ndimage --boundary constant:x", INVALID, ["--boundary", "constant:x"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --boundary wrap", INVALID, ["rank 1", "rank 2"]),
    ("convolve {f}/m.npy {f}/m.npy -o {f}/out.npy --boundary wrap,zero", INVALID, ["--boundary", "wrap,zero"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --method winograd", INVALID, ["engine", "winograd"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --device cuda:99", INVALID, ["--device", "cuda:99"]),
    ("convolve {f}/x.npy {f}/m.npy -o {f}/out.npy", INVALID, ["rank 1", "rank 2"]),
    ("convolve {f}/x.npy {f}/empty.npy -o {f}/out.npy", INVALID, ["empty"]),
    ("convolve {f}/missing.npy {f}/k.npy -o {f}/out.npy", FILE, ["missing.npy", "No such file"]),
    ("convolve {f}/text.npy {f}/k.npy -o {f}/out.npy", FILE, ["text.npy", "not a .npy file"]),
    ("convolve {f}/dates.npy {f}/k.npy -o {f}/out.npy", FILE, ["dates.npy", "dates", "int64"]),
    ("convolve {f}/short.npy {f}/k.npy -o {f}/out.npy", FILE, ["short.npy", "cut short"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/no/out.npy", FILE, ["no/out.npy", "cannot be created"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}", FILE, ["not a regular file"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.txt", FILE, ["out.txt", "'.txt'", ".npy"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --api numpy --axes 0", INVALID, ["--axes", "0", "scipy.ndimage"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --op correlate --axes 0", INVALID, ["--axes", "0", "scipy.ndimage"]),
    ("convolve {f}/m.npy {f}/m.npy -o {f}/out.npy --axes 0 --boundary wrap", INVALID, ["--axes", "--boundary", "scipy.ndimage"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --axes 1", INVALID, ["axis 1", "rank is 1"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --axes 9", INVALID, ["--axes 9", "-8 to 7"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --lags {f}/lags.npy", INVALID, ["--lags", "lags.npy", "--op correlate"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --op correlate --api numpy --lags {f}/lags.npy", INVALID, ["--lags", "scipy.signal"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --op correlate --lags {f}/out.npy", INVALID, ["--lags", "--output"]),
    ("convolve {f}/m.npy {f}/m.npy -o {f}/out.npy --op correlate --lags {f}/lags.npy", INVALID, ["--lags", "2 axes", "one axis"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --op correlate --lags {f}/lags.txt", FILE, ["lags.txt", "'.txt'", ".npy"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --api scipy.ndimage --output-type f65", INVALID, ["--output-type f65", "f64", "u8"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --api scipy.ndimage --output-type bf16", INVALID, ["--output-type bf16", ".npy", "f32"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --api scipy.ndimage --accumulator i32", INVALID, ["accumulator", "i32", "f64"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --api scipy.ndimage --rounding up", INVALID, ["--rounding", "up", "nearest"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --api scipy.ndimage --overflow clip", INVALID, ["--overflow", "clip", "saturate"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --api scipy.ndimage --axes 1", INVALID, ["axes", "1"]),
    ("convolve {f}/x.npy {f}/k.npy -o {f}/out.npy --api scipy.ndimage --axes x", INVALID, ["--axes", "'x'", "whole number"]),
    # ndimage
    ("ndimage", INVALID, ["NAME", "required"]),
    ("ndimage gaussian {f}/x.npy", INVALID, ["--output", "required"]),
    ("ndimage blur {f}/x.npy -o {f}/out.npy", INVALID, ["blur", "gaussian", "sobel_magnitude"]),
    ("ndimage gaussian {f}/x.npy -o {f}/out.npy", INVALID, ["--sigma", "missing", "gaussian"]),
    ("ndimage correlate {f}/x.npy -o {f}/out.npy", INVALID, ["--weights", "missing"]),
    ("ndimage uniform {f}/x.npy -o {f}/out.npy --sigma 2", INVALID, ["--sigma 2", "uniform", "--size"]),
    ("ndimage sobel {f}/x.npy -o {f}/out.npy --axes 0", INVALID, ["--axes 0", "sobel", "--axis"]),
    ("ndimage gaussian {f}/x.npy -o {f}/out.npy --sigma -1", INVALID, ["--sigma -1", "at least 0"]),
    ("ndimage gaussian {f}/x.npy -o {f}/out.npy --sigma 1,2", INVALID, ["sigma", "2 values"]),
    ("ndimage gaussian {f}/x.npy -o {f}/out.npy --sigma 1 --order 0.5", INVALID, ["--order", "0.5", "whole number"]),
    ("ndimage gaussian {f}/x.npy -o {f}/out.npy --sigma 1 --truncate inf", INVALID, ["--truncate inf", "at least 0"]),
    ("ndimage gaussian {f}/x.npy -o {f}/out.npy --sigma 1 --radius -1", INVALID, ["radius", "-1"]),
    ("ndimage uniform {f}/x.npy -o {f}/out.npy --size 0", INVALID, ["size", "0"]),
    ("ndimage uniform {f}/x.npy -o {f}/out.npy --origin 2", INVALID, ["origin 2", "3"]),
    ("ndimage sobel {f}/x.npy -o {f}/out.npy --axis 1", INVALID, ["axis 1", "1 axes"]),
    ("ndimage sobel {f}/x.npy -o {f}/out.npy --axis 0,0", INVALID, ["--axis", "0,0", "whole number"]),
    ("ndimage sobel {f}/x.npy -o {f}/out.npy --mode edge", INVALID, ["--mode edge", "nearest"]),
    ("ndimage sobel {f}/x.npy -o {f}/out.npy --cval 3", INVALID, ["--cval 3", "reflect", "constant"]),
    ("ndimage sobel {f}/x.npy -o {f}/out.npy --mode constant:0 --cval 3", INVALID, ["--cval 3", "constant:0", "--mode constant"]),
    ("ndimage sobel {f}/x.npy -o {f}/out.npy --mode constant --cval x", INVALID, ["--cval x", "number"]),
    ("ndimage sharpen {f}/x.npy -o {f}/out.npy", INVALID, ["axis -2", "1 axes"]),
    ("ndimage sobel {f}/x.npy -o {f}/out.npy --method warp", INVALID, ["engine", "warp"]),
    ("ndimage correlate {f}/x.npy -o {f}/out.npy --weights {f}/missing.npy", FILE, ["missing.npy"]),
    ("ndimage correlate {f}/x.npy -o {f}/out.npy --weights {f}/m.npy", INVALID, ["2 axes", "1 filtered"]),
    ("ndimage median {f}/x.npy -o {f}/out.npy", INVALID, ["--size", "--footprint", "median"]),
    ("ndimage median {f}/x.npy -o {f}/out.npy --size 3 --footprint {f}/k.npy", INVALID, ["--size", "--footprint", "not both"]),
    ("ndimage median {f}/x.npy -o {f}/out.npy --size 0", INVALID, ["size", "0"]),
    ("ndimage median {f}/x.npy -o {f}/out.npy --size 3 --method direct", INVALID, ["--method direct", "median"]),
    ("ndimage median {f}/x.npy -o {f}/out.npy --size 3 --accumulator f64", INVALID, ["--accumulator f64", "median"]),
    ("ndimage median {f}/x.npy -o {f}/out.npy --size 3 --rank 1", INVALID, ["--rank 1", "median", "--size"]),
    ("ndimage rank {f}/x.npy -o {f}/out.npy --size 3", INVALID, ["--rank", "missing"]),
    ("ndimage rank {f}/x.npy -o {f}/out.npy --size 3 --rank 3", INVALID, ["rank", "3"]),
    ("ndimage percentile {f}/x.npy -o {f}/out.npy --size 3 --percentile 101", INVALID, ["--percentile 101", "from -100 to 100"]),
    ("ndimage median {f}/x.npy -o {f}/out.npy --footprint {f}/m.npy", INVALID, ["footprint", "2"]),
    # upfirdn
    ("upfirdn {f}/k.npy -o {f}/out.npy", INVALID, ["X", "required"]),
    ("upfirdn {f}/k.npy {f}/x.npy -o {f}/out.npy --up 0", INVALID, ["up is 0", "at least 1"]),
    ("upfirdn {f}/k.npy {f}/x.npy -o {f}/out.npy --down two", INVALID, ["--down", "'two'", "whole number"]),
    ("upfirdn {f}/m.npy {f}/x.npy -o {f}/out.npy", INVALID, ["h has shape", "rank 1"]),
    ("upfirdn {f}/k.npy {f}/x.npy -o {f}/out.npy --axis 1", INVALID, ["axis 1", "rank is 1"]),
    ("upfirdn {f}/k.npy {f}/x.npy -o {f}/out.npy --axis 0,1", INVALID, ["--axis 0,1", "one axis"]),
    ("upfirdn {f}/k.npy {f}/x.npy -o {f}/out.npy --mode nearest", INVALID, ["--mode nearest", "edge"]),
    ("upfirdn {f}/k.npy {f}/x.npy -o {f}/out.npy --mode edge --cval 1", INVALID, ["--cval 1", "edge", "constant"]),
    ("upfirdn {f}/k.npy {f}/x.npy -o {f}/out.npy --cval 1,2", INVALID, ["cval", "real"]),
    # resample
    ("resample {f}/x.npy -o {f}/out.npy", INVALID, ["--up", "--down", "missing"]),
    ("resample {f}/x.npy -o {f}/out.npy --up 0", INVALID, ["up is 0", "at least 1"]),
    ("resample {f}/x.npy -o {f}/out.npy --rate 8000", INVALID, ["--rate 8000", "--up"]),
    ("resample {f}/x.npy -o {f}/out.npy --up 2 --format pcm16", INVALID, ["--format pcm16", "sound"]),
    ("resample {f}/x.npy -o {f}/out.npy --up 2 --allow-truncated", INVALID, ["--allow-truncated", "recording"]),
    ("resample {f}/x.npy -o {f}/out.npy --up 2 --window hann", INVALID, ["--window hann", "kaiser:BETA"]),
    ("resample {f}/x.npy -o {f}/out.npy --up 2 --window kaiser:-1", INVALID, ["--window kaiser", "-1", "from 0 to 700"]),
    ("resample {f}/x.npy -o {f}/out.npy --up 2 --window {f}/m.npy", INVALID, ["taps", "rank 1"]),
    ("resample {f}/x.npy -o {f}/out.npy --up 2 --padtype zero", INVALID, ["--padtype zero", "median"]),
    ("resample {f}/x.npy -o {f}/out.npy --up 2 --padtype mean --cval 3", INVALID, ["cval", "3", "mean"]),
    ("resample {f}/x.npy -o {f}/out.npy --up 2 --padtype mean --cval 0", INVALID, ["cval", "0", "mean"]),
    ("resample {f}/x.npy -o {f}/out.wav --up 2", FILE, ["out.wav", "'.wav'", ".npy"]),
    ("resample {f}/dry.wav -o {f}/out.npy --up 2", FILE, ["dry.wav", "not a .npy file"]),
    ("resample {f}/dry.wav -o {f}/out.wav --rate 0", INVALID, ["--rate 0", "whole numbers from 1"]),
    ("resample {f}/dry.wav -o {f}/out.wav --rate fast", INVALID, ["--rate", "'fast'", "whole number"]),
    ("resample {f}/dry.wav -o {f}/out.wav --rate 16000 --up 2", INVALID, ["--up 2", "--rate"]),
    ("resample {f}/dry.wav -o {f}/out.wav --down 3", INVALID, ["--down", "8000", "1/3"]),
    ("resample {f}/dry.wav -o {f}/out.wav --rate 16000 --axis 0", INVALID, ["--axis 0", "time"]),
    ("resample {f}/dry.wav -o {f}/out.opus --rate 44100", FILE, ["out.opus", "48000"]),
    # deblur
    ("deblur {f}/m.npy -o {f}/out.npy", INVALID, ["PSF", "required"]),
    ("deblur {f}/m.npy {f}/k.npy -o {f}/out.npy", INVALID, ["x has rank 2 and psf 1"]),
    ("deblur {f}/m.npy {f}/m.npy -o {f}/out.npy --by guess", INVALID, ["--by guess", "richardson-lucy or wiener"]),
    ("deblur {f}/m.npy {f}/m.npy -o {f}/out.npy --iterations -1", INVALID, ["--iterations -1"]),
    ("deblur {f}/m.npy {f}/m.npy -o {f}/out.npy --by wiener --balance -1", INVALID, ["--balance -1"]),
    ("deblur {f}/m.npy {f}/missing.npy -o {f}/out.npy", FILE, ["missing.npy"]),
    # sepfir2d
    ("sepfir2d {f}/m.npy {f}/k.npy -o {f}/out.npy", INVALID, ["HCOL", "required"]),
    ("sepfir2d {f}/x.npy {f}/k.npy {f}/k.npy -o {f}/out.npy", INVALID, ["x has rank 1", "rank 2"]),
    ("sepfir2d {f}/m.npy {f}/m.npy {f}/k.npy -o {f}/out.npy", INVALID, ["hrow has shape", "rank 1"]),
    ("sepfir2d {f}/m.npy {f}/k.npy {f}/k.npy -o {f}/out.npy --method warp", INVALID, ["engine", "warp"]),
    ("sepfir2d {f}/m.npy {f}/missing.npy {f}/k.npy -o {f}/out.npy", FILE, ["missing.npy"]),
    ("sepfir2d {f}/m.npy {f}/k.npy {f}/k.npy -o {f}/out.png", FILE, ["out.png", ".npy"]),
    # medfilt
    ("medfilt -o {f}/out.npy", INVALID, ["IN", "required"]),
    ("medfilt {f}/x.npy -o {f}/out.npy --kernel-size 4", INVALID, ["kernel_size is 4", "odd"]),
    ("medfilt {f}/x.npy -o {f}/out.npy --kernel-size 3,3", INVALID, ["kernel_size", "2 values"]),
    ("medfilt {f}/x.npy -o {f}/out.npy --kernel-size three", INVALID, ["--kernel-size", "'three'", "whole number"]),
    ("medfilt {f}/x.npy -o {f}/out.npy --size 3", INVALID, ["--size"]),
    ("medfilt {f}/missing.npy -o {f}/out.npy", FILE, ["missing.npy"]),
    # order_filter
    ("order_filter {f}/x.npy {f}/k.npy -o {f}/out.npy", INVALID, ["--rank", "required"]),
    ("order_filter {f}/x.npy {f}/k.npy -o {f}/out.npy --rank -1", INVALID, ["rank is -1", "0"]),
    ("order_filter {f}/x.npy {f}/k.npy -o {f}/out.npy --rank 99", INVALID, ["rank is 99", "0, the least, to 2"]),
    ("order_filter {f}/x.npy {f}/k.npy -o {f}/out.npy --rank least", INVALID, ["--rank", "'least'", "whole number"]),
    ("order_filter {f}/x.npy {f}/m.npy -o {f}/out.npy --rank 0", INVALID, ["domain has rank 2", "x rank 1"]),
    # conv
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --alpha inf", INVALID, ["--alpha inf", "number"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --output-type x", INVALID, ["--output-type x", "f64"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --accumulator u8", INVALID, ["acc=u8", "f32"]),
    ("conv {f}/x.npy {f}/k.npy -o {f}/out.npy", INVALID, ["x", "shape 5", "spatial"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --stride 0", INVALID, ["stride", "0"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --stride 1,2", INVALID, ["stride", "2 values"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --stride 1.5", INVALID, ["--stride", "1.5", "whole number"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --stride ,", INVALID, ["--stride", "whole number"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --dilation 0", INVALID, ["dilation", "0"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --pad 1:2:3", INVALID, ["--pad", "1:2:3", "LO:HI"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --pad same", INVALID, ["--pad", "same"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --groups 2", INVALID, ["groups", "2", "channels"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --groups two", INVALID, ["--groups", "two", "number"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --layout nwhc", INVALID, ["--layout", "nwhc", "nhwc"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --activation tanh", INVALID, ["--activation", "tanh", "gelu"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --activation clamp:1", INVALID, ["--activation", "clamp:1"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --pass sideways", INVALID, ["--pass", "sideways", "backward-data"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --pass backward-data", INVALID, ["--shape", "missing"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --pass backward-data --shape 1,-2", INVALID, ["--shape", "-2", "at least 0"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --pass backward-data --shape 1,1,99", INVALID, ["shape"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --pass backward-data --shape 1,1,1,1,1,1,1,1,1", INVALID, ["--shape", "at most 8"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --shape 1,1,5", INVALID, ["--shape", "--pass"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --transposed --pass backward-data --shape 1,1,5", INVALID, ["--transposed", "--pass"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --output-padding 1", INVALID, ["--output-padding", "--transposed"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --transposed --boundary wrap", INVALID, ["--boundary", "transposed"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --pass backward-filter --shape 1,1,3 --bias {f}/k.npy", INVALID, ["--bias", "forward"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --bias {f}/k.npy", INVALID, ["bias", "3"]),
    ("conv {f}/t.npy {f}/w.npy -o {f}/out.npy --engine warp", INVALID, ["engine", "warp"]),
    # filter
    ("filter {f}/in.png -o {f}/out.png", INVALID, ["--kernel", "required"]),
    ("filter {f}/in.png -o {f}/out.png --kernel blur", INVALID, ["--kernel", "blur", "gaussian"]),
    ("filter {f}/in.png -o {f}/out.png --kernel gaussian", INVALID, ["--kernel gaussian", "number"]),
    ("filter {f}/in.png -o {f}/out.png --kernel gaussian:-1", INVALID, ["--kernel gaussian", "-1", "from 0"]),
    ("filter {f}/in.png -o {f}/out.png --kernel gaussian:nan", INVALID, ["--kernel gaussian", "nan"]),
    ("filter {f}/in.png -o {f}/out.png --kernel box:0", INVALID, ["--kernel box", "0", "from 1"]),
    ("filter {f}/in.png -o {f}/out.png --kernel box:2.5", INVALID, ["--kernel", "box:2.5", "whole"]),
    ("filter {f}/in.png -o {f}/out.png --kernel gaussian:1,2,3", INVALID, ["--kernel gaussian", "1,2,3", "rows,columns"]),
    ("filter {f}/in.png -o {f}/out.png --kernel box:3,1.5", INVALID, ["--kernel", "box:3,1.5", "whole"]),
    ("filter {f}/in.png -o {f}/out.png --kernel sobel:3", INVALID, ["--kernel", "sobel:3"]),
    ("filter {f}/in.png -o {f}/out.png --kernel box:3 --boundary black", INVALID, ["--boundary", "black"]),
    ("filter {f}/in.png -o {f}/out.png --kernel box:3 --boundary constant:nan", INVALID, ["--boundary", "constant:nan", "finite"]),
    ("filter {f}/in.png -o {f}/out.png --kernel box:3 --boundary reflect,constant:inf", INVALID, ["--boundary", "constant:inf", "finite"]),
    ("filter {f}/in.png -o {f}/out.png --kernel box:3 --boundary constant(1,2)", INVALID, ["--boundary", "real"]),
    ("filter {f}/in.png -o {f}/out.jpg --kernel box:3", FILE, ["out.jpg", "'.jpg'", ".png"]),
    ("filter {f}/in.png -o {f}/out --kernel box:3", FILE, ["out", "''", ".png"]),
    ("filter {f}/in.png -o {f}/out.png --kernel box:3 --alpha maybe", INVALID, ["--alpha", "maybe", "weigh"]),
    ("filter {f}/in.png -o {f}/out.png --kernel {f}/x.npy", FILE, ["x.npy", "two axes"]),
    ("filter {f}/in.png -o {f}/out.png --kernel {f}/nan.npy", FILE, ["nan.npy", "finite"]),
    ("filter {f}/missing.png -o {f}/out.png --kernel box:3", FILE, ["missing.png", "No such file"]),
    ("filter {f}/x.npy -o {f}/out.png --kernel box:3", FILE, ["x.npy", "not a PNG file"]),
    ("filter {f}/short.png -o {f}/out.png --kernel box:3", FILE, ["short.png", "cut short"]),
    # reverb
    ("reverb {f}/dry.wav -o {f}/out.wav", INVALID, ["IR", "required"]),
    ("reverb {f}/dry.wav {f}/fast.wav -o {f}/out.wav", INVALID, ["8000", "44100", "rates"]),
    ("reverb {f}/two.wav {f}/three.wav -o {f}/out.wav", INVALID, ["2", "3", "mono"]),
    ("reverb {f}/dry.wav {f}/dry.wav -o {f}/out.wav --mix 1.5", INVALID, ["--mix", "1.5", "from 0 to 1"]),
    ("reverb {f}/dry.wav {f}/dry.wav -o {f}/out.wav --mix much", INVALID, ["--mix", "much"]),
    ("reverb {f}/dry.wav {f}/dry.wav -o {f}/out.mp3", FILE, ["out.mp3", ".wav"]),
    ("reverb {f}/dry.wav {f}/dry.wav -o {f}/out.wav --format pcm17", INVALID, ["--format", "pcm17", "pcm16"]),
    ("reverb {f}/dry.wav {f}/dry.wav -o {f}/out.flac --format float", INVALID, ["--format", "float", ".flac"]),
    ("reverb {f}/dry.wav {f}/dry.wav -o {f}/out", FILE, ["out", "''", ".wav"]),
    ("reverb {f}/dry.wav {f}/x.npy -o {f}/out.wav", FILE, ["x.npy", "not a sound file"]),
    ("reverb {f}/missing.wav {f}/dry.wav -o {f}/out.wav", FILE, ["missing.wav", "No such file"]),
]


class ErrorTest(ProgramTest):
    def setUp(self):
        super().setUp()
        write = lambda name, *rest: write_npy(self.folder / name, *rest)
        write("x.npy", [5], [1, 2, 3, 4, 5])
        write("k.npy", [3], [1, 2, 3])
        write("m.npy", [2, 2], [1, 2, 3, 4])
        write("t.npy", [1, 1, 5], [1, 2, 3, 4, 5])
        write("w.npy", [1, 1, 3], [1, 2, 3])
        write("empty.npy", [0], [])
        write("nan.npy", [1, 1], [float("nan")])
        good = (self.folder / "x.npy").read_bytes()
        (self.folder / "short.npy").write_bytes(good[:-1])
        (self.folder / "dates.npy").write_bytes(good.replace(b"'<f8'", b"'<M8'"))
        (self.folder / "text.npy").write_text("no array")
        (self.folder / "good.txt").write_text("op=fwd dtype=f32 in=9 f=3\n")
        (self.folder / "bad.txt").write_text("# two\nop=fwd dtype=f32 in=9 f=3 stride=0\n")
        (self.folder / "comments.txt").write_text("# nothing\n\n")
        write_png(self.folder / "in.png", 2, 2, 1, [1, 2, 3, 4])
        (self.folder / "short.png").write_bytes((self.folder / "in.png").read_bytes()[:-20])
        write_wav(self.folder / "dry.wav", [[1, 2, 3]])
        write_wav(self.folder / "fast.wav", [[1, 2, 3]], rate=44100)
        write_wav(self.folder / "two.wav", [[1], [2]])
        write_wav(self.folder / "three.wav", [[1], [2], [3]])

    def check(self, result, code, before, context):
        self.assertEqual(result.returncode, code, f"{context}: {result.stderr}")
        self.assertEqual(result.stdout, "", context)
        self.assertTrue(result.stderr.startswith("faltung: ") and result.stderr.endswith("\n"), result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertEqual(self.files(), before, context)

    def test_wrong_invocations_are_refused(self):
        before = self.files()
        for arguments, code, parts in INVOCATIONS:
            with self.subTest(arguments):
                result = run(*arguments.format(f=self.folder).split())
                self.check(result, code, before, arguments)
                for part in parts:
                    self.assertIn(part, result.stderr)
        self.assertGreaterEqual(len(INVOCATIONS), 60)
        print(f"{len(INVOCATIONS)} wrong invocations refused")

    def test_only_engines_that_were_asked_for_give_reasons(self):
        arguments = ("explain", "op=dgrad dtype=f32 in=4 f=3", "--workspace-limit", "1", "--engine", "cpu.reference")
        message = run(*arguments).stderr
        self.assertIn("cpu.reference: needs a workspace", message)
        for word in ("cpu.fft", "cpu.direct", "asked for"):
            self.assertNotIn(word, message)

    def test_an_older_output_stays(self):
        before = self.files()
        old = (self.folder / "k.npy").read_bytes()
        result = run("conv", self.folder / "t.npy", self.folder / "w.npy", "-o", self.folder / "k.npy", "--stride", "0")
        self.check(result, INVALID, before, "stride 0")
        self.assertEqual((self.folder / "k.npy").read_bytes(), old)

    def test_output_over_its_own_input(self):
        self.succeed("convolve", self.folder / "x.npy", self.folder / "k.npy", "-o", self.folder / "x.npy")
        self.assertGreater((self.folder / "x.npy").stat().st_size, 128)

    def test_unwritable_standard_output(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run([PROGRAM, "info"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(result.returncode, FILE)
        self.assertIn("standard output", result.stderr)


class FileSizeLimit(ProgramTest):
    """A disk that fills up while the result is written, by a limit of 4 KiB a file."""

    def run_limited(self, ignored):
        write_npy(self.folder / "x.npy", [2000], [1.0] * 2000)
        write_npy(self.folder / "k.npy", [1], [1.0])
        before = self.files()

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
            if ignored:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

        result = run("convolve", self.folder / "x.npy", self.folder / "k.npy", "-o", self.folder / "y.npy", preexec_fn=limit)
        self.assertEqual(self.files(), before)
        return result

    def test_as_an_error(self):
        result = self.run_limited(ignored=True)
        self.assertEqual(result.returncode, FILE, result.stderr)
        self.assertIn("y.npy: cannot be written: File too large", result.stderr)

    def test_as_a_signal(self):
        self.assertEqual(self.run_limited(ignored=False).returncode, -signal.SIGXFSZ)


class Signals(ProgramTest):
    def interrupt(self, number):
        # Seconds of work on the reference engine: 4e8 products.
        write_npy(self.folder / "x.npy", [20000], [1.0] * 20000)
        (self.folder / "y.npy").write_bytes(b"old")
        arguments = ["convolve", "x.npy", "x.npy", "-o", "y.npy", "--method", "cpu.reference"]
        process = subprocess.Popen([PROGRAM, *arguments], cwd=self.folder, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while not has_output_open(process.pid, self.folder) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        self.assertIsNone(process.poll(), "it should still work")
        process.send_signal(number)
        _, message = process.communicate(timeout=60)
        self.assertEqual(process.returncode, -number)
        self.assertEqual(message, b"")
        self.assertEqual(self.files(), ["x.npy", "y.npy"])
        self.assertEqual((self.folder / "y.npy").read_bytes(), b"old")

    def test_interrupt(self):
        self.interrupt(signal.SIGINT)

    def test_terminate(self):
        self.interrupt(signal.SIGTERM)

    def test_hang_up(self):
        self.interrupt(signal.SIGHUP)

    def test_closed_pipe(self):
        problems = pathlib.Path(__file__).resolve().parents[2] / "problems" / "smoke.txt"
        read, write = os.pipe()
        os.close(read)
        process = subprocess.run([PROGRAM, "verify", problems], stdout=write, stderr=subprocess.PIPE, check=False)
        os.close(write)
        self.assertEqual(process.returncode, -signal.SIGPIPE)


if __name__ == "__main__":
    unittest.main()
