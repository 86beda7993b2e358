"""Machine code of kernels as cuobjdump prints it: instructions with their operands and their control
words.

A control word says when the next instruction may be issued and what this one waits for. NVIDIA does
not document its bits; Z. Jia et al., "Dissecting the NVIDIA Volta GPU Architecture via
Microbenchmarking", 2018, chapter 2, do, and what they say fits the code for 9.0.
"""

import dataclasses
import re
import subprocess

INSTRUCTION = re.compile(r"\s+/\*([0-9a-f]{4,})\*/\s+(?:@(!?\w+)\s+)?([A-Z][\w.]*)\s*([^;]*);")
WORD = re.compile(r"/\* 0x([0-9a-f]{16}) \*/\s*$")
TARGET = re.compile(r"0x([0-9a-f]+)\s*$")
BRANCHES = {"BRA", "BSSY", "CALL", "BRX", "JMP"}
NO_SCOREBOARD = 7


@dataclasses.dataclass
class Instruction:
    address: int
    predicate: str | None
    opcode: str  # with its modifiers: LDG.E.128.CONSTANT
    operands: str
    stall: int = 1  # cycles before the next one of the warp may be issued
    sets: int | None = None  # scoreboard that the arrival of the result clears
    waits: frozenset = frozenset()  # scoreboards

    def __post_init__(self):
        self.name = self.opcode.partition(".")[0]
        found = TARGET.search(self.operands) if self.name in BRANCHES else None
        self.target = int(found[1], 16) if found else None


def control(high):
    """(stall, scoreboard set, scoreboards waited for) of the upper word of an instruction."""
    bits = high >> 41
    sets = bits >> 5 & 7
    waits = frozenset(i for i in range(6) if bits >> 11 + i & 1)
    return bits & 15, None if sets == NO_SCOREBOARD else sets, waits


def read_lines(lines):
    """Per (architecture, mangled kernel) its instructions, without the padding at its end."""
    kernels, architecture, code, last = {}, None, None, None
    for line in lines:
        if found := INSTRUCTION.match(line):
            last = Instruction(int(found[1], 16), found[2], found[3], found[4].strip())
            code.append(last)
        elif last and (found := WORD.search(line)):
            last.stall, last.sets, last.waits = control(int(found[1], 16))
            last = None
        elif found := re.search(r"Function : (\S+)", line):
            code = kernels.setdefault((architecture, found[1]), [])
        elif found := re.match(r"arch = (\w+)", line):
            architecture = found[1]
    for code in kernels.values():
        while code and code[-1].name == "NOP":
            code.pop()
        if code and code[-1].name == "BRA" and code[-1].target == code[-1].address:
            code.pop()  # the trap behind a kernel
    return kernels


def read(cuobjdump, binary):
    with subprocess.Popen([cuobjdump, "-sass", binary], stdout=subprocess.PIPE, text=True) as process:
        kernels = read_lines(process.stdout)
    if process.returncode:
        raise RuntimeError(f"cuobjdump -sass {binary} exits with {process.returncode}")
    return kernels
