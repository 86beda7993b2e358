"""What a kernel issues, by the parts of it that run equally often: what estimates are made from.

A part is a loop without the loops in it, or what runs once. Parts are told apart by what they do, so that
an unrolled loop is the same part: what its multiply-adds take is given by multiply-add, what copies
take by copy, and of the loops around them only what is neither.
"""

import collections
import dataclasses
import re

from . import hot_paths, loops

# Pipes of a multiprocessor, and clocks of it that one instruction of a warp takes there, in quarters.
# Source: CUDA C++ Programming Guide, "Throughput of Native Arithmetic Instructions", capability 9.0:
# 128 lanes multiply and add f32 in a clock; 64 do integers, comparisons and logic, and i32 products;
# 16 convert and do special functions, 32 shuffle or access memory.
FMA = re.compile(r"(FFMA|FMUL|FADD|HFMA2|HMUL2|HADD2|FSWZADD|IMAD|IDP)\b")
F64 = re.compile(r"D(FMA|MUL|ADD|SETP|MNMX)\b")
XU = re.compile(r"(MUFU|I2F|F2I|F2F|FRND|POPC|FLO|BREV)\b")
MEMORY = re.compile(r"(LD|ST|LDG|STG|LDS|STS|LDSM|STSM|LDL|STL|LDGSTS|ATOM|ATOMS|ATOMG|RED|SHFL)\b")
TENSOR = re.compile(r"([HID]MMA|[HIQ]GMMA)\b")
NO_PIPE = re.compile(r"(BRA|EXIT|BAR|BSSY|BSYNC|BREAK|CALL|RET|NOP|WARPSYNC|LDGDEPBAR|DEPBAR|ERRBAR|MEMBAR|"
                     r"LDC|ULDC|CS2R|S2R|S2UR|R2UR|VOTE|VOTEU|YIELD|KILL|BPT|ELECT|SYNCS|CCTL|U[A-Z0-9]+)\b")
WIDTH = re.compile(r"\.(128|64|M88\.4|M88\.2|x4|x2)\b")
WAVEFRONTS = {"128": 4, "M88.4": 4, "x4": 4, "64": 2, "M88.2": 2, "x2": 2}

# Clocks until a load of shared memory is answered, without conflicts: 29 on an H800 (W. Luo et al.,
# "Benchmarking and Dissecting the Nvidia Hopper GPU Architecture via Microbenchmarking", 2024, table 4).
SHARED_LATENCY = 29
ADDS = ("FADD", "DADD")
LONG = 2000  # clocks: beyond what any way through a loop covers


def wavefronts(instruction):
    """Passes over the 128 bytes that memory moves in a clock, without conflicts."""
    if not MEMORY.match(instruction.opcode):
        return 0
    found = WIDTH.search(instruction.opcode)
    return WAVEFRONTS[found[1]] if found else 1


@dataclasses.dataclass
class Part:
    """Of a warp, for one turn or by unit. Serial clocks, in which a warp alone gets through, are
    max(clocks, covered + waits x latency of global memory)."""
    issued: float = 0
    math: float = 0  # multiply-adds of the kernel's kind
    fma: float = 0  # of issued: on the pipe of f32 multiply-adds; i32 products count twice
    f64: float = 0
    alu: float = 0
    xu: float = 0
    wavefronts: float = 0
    clocks: float = 0
    covered: float = 0
    waits: float = 0

    def __sub__(self, other):
        return Part(*(max(0, a - b) for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(other))))

    def __add__(self, other):
        return Part(*(a + b for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(other))))

    def __mul__(self, factor):
        return Part(*(a * factor for a in dataclasses.astuple(self)))


def run(code, latency, turns):
    """Clocks in which one warp gets through `code` so often, in order."""
    now, ready = 0, {}
    for instruction in code * turns:
        now = max([now] + [ready.get(board, 0) for board in instruction.waits])
        if instruction.sets is not None:
            late = {"LDG": latency, "LD": latency}.get(instruction.name, SHARED_LATENCY)
            ready[instruction.sets] = max(ready.get(instruction.sets, 0), now + late)
        now += max(1, instruction.stall)
    return now


def serial(code, again):
    """(clocks, covered, waits) of Part. `again`: the code is a loop; the first turn does not count."""
    def clocks(latency):
        return run(code, latency, 3) - run(code, latency, 1) if again else 2 * run(code, latency, 1)
    short, long, longer = (clocks(latency) / 2 for latency in (0, LONG, 2 * LONG))
    slope = (longer - long) / LONG
    return short, longer - slope * 2 * LONG, slope


def count(code, kind, again):
    return Part(
        len(code), sum(hot_paths.math(i) == kind for i in code),
        sum((2 if i.name == "IMAD" else 1) for i in code if FMA.match(i.opcode)),
        sum(bool(F64.match(i.opcode)) for i in code),
        sum(not any(p.match(i.opcode) for p in (FMA, F64, XU, MEMORY, TENSOR, NO_PIPE)) for i in code),
        sum(bool(XU.match(i.opcode)) for i in code), sum(map(wavefronts, code)), *serial(code, again))


# What a way gives for an element that it loads to a register: to choose between ways, or to take all.
SOME, ALL = 8, 200


def worth(instruction, kind, loads, stores):
    """How much the way that does the work wants an instruction, against one that it has to issue. It
    moves vectors where it can, and calls nothing: functions are for frames and divisions. `kind`: the
    multiply-add that sums; others find addresses. `loads`: what it gives for an element that is loaded
    to a register; `stores`: for one that is stored alone."""
    if instruction.name == "CALL":
        return -40
    if instruction.name in ("LDG", "STG", "LDGSTS"):
        vector = wavefronts(instruction) > 1
        single = {"LDG": loads, "STG": stores}.get(instruction.name, SOME)
        return 8 * single if vector and instruction.name == "LDG" else 64 if vector else single
    return 16 if hot_paths.math(instruction) == kind else 0


class Nest:
    """The loops of a kernel that form its sums, and what is around them."""

    def __init__(self, blocks, found, kind):
        self.blocks, self.kind = blocks, kind
        reached = loops.reach(blocks, 0)
        self.loops = [loop for loop in found if loop.header in reached]
        # What a kernel that copies to shared memory loads to registers are taps, now and then.
        self.copying = any(hot_paths.is_copy(i) for n in reached for i in blocks[n].code)
        # Of a kernel that stores vectors, single elements are what is left at the end of a row.
        vectors = any(i.name == "STG" and wavefronts(i) > 1 for n in reached for i in blocks[n].code)
        self.stores = 0 if vectors else SOME
        self.sums = self.find_sums()

    def amount(self, loop):
        """Multiply-adds; of a loop whose elements come from global memory, no more than it loads: one that
        sums an element into a register that it looks for has all of them, and runs one."""
        code = [i for n in loop.own_blocks() for i in self.blocks[n].code]
        found = sum(hot_paths.math(i) == self.kind for i in code)
        loads = sum(i.name == "LDG" for i in code)
        fed = loads and not self.copying and not any(i.name == "LDS" for i in code)
        return min(found, loads) if fed else found

    def has(self, loop, name):
        return any(i.name == name for n in loop.own_blocks() for i in self.blocks[n].code)

    def copies(self, loop):
        return any(hot_paths.is_copy(i) for n in loop.own_blocks() for i in self.blocks[n].code)

    def find_sums(self):
        """The innermost loops of at least a third of the multiply-adds of the one with most, by address."""
        inner = [loop for loop in self.loops if self.amount(loop) and
                 not any(4 * self.amount(child) > self.amount(loop) for child in loop.children)]
        if self.kind in ADDS:  # others are an epilogue's
            inner = [loop for loop in inner if not loop.children]
        if self.copying:  # from shared memory, if any does; the others judge a filter
            inner = [loop for loop in inner if not self.has(loop, "LDG")] or inner
        most = max((self.amount(loop) for loop in inner), default=0)
        # A third: of the two axes of a separable filter, which take turns.
        return sorted((loop for loop in inner if 3 * self.amount(loop) >= most),
                      key=lambda loop: loop.header) if most else []

    def inside(self, loop):
        return [s for s in self.sums if s is loop or within(s, loop)]

    def way(self, region, loads=None):
        """(code, children met) of the way through `region` that sums, copies and stores."""
        loads = (0 if self.copying else SOME) if loads is None else loads
        walk = hot_paths.Walk(self.blocks, region)
        best, ahead_of = {}, {}
        copies = {id(loop) for loop in self.loops if self.copies(loop)}
        for number in reversed(walk.order):
            ahead = walk.after(number)
            ends = region.header in ahead or any(i.name == "EXIT" for i in walk.code(number))
            options = [((0, 0), None)] if ends else []
            options += [(best[n], n) for n in ahead - {region.header} if n in best]
            if not options:
                continue
            value, ahead_of[number] = max(options, key=lambda option: option[0])
            child, code = walk.inner.get(number), walk.code(number)
            main = len(self.inside(child)) if child else 0
            if any(region is loop for loop in self.sums):
                main += sum(hot_paths.math(i) == self.kind for i in code)
            best[number] = (value[0] + main,
                            value[1] + (64 if id(child) in copies else 0) + sum(worth(i, self.kind, loads, self.stores) for i in code) - len(code))
        code, children, number = [], [], region.header
        while number is not None and number in best:
            code += walk.code(number)
            if number in walk.inner:
                children.append(walk.inner[number])
            number = ahead_of[number]
        return code, children


def within(loop, outer):
    while loop is not None and loop is not outer:
        loop = loop.parent
    return loop is outer


PARTS = ("sums", "other_sums", "taps", "copy", "move", "frame", "finish", "store", "load", "around", "outer",
         "outermost", "beyond", "once")
AROUND = PARTS[-5:-1]


def read(code, kernel):
    """{name of PARTS: Part} of a kernel's instructions, and the name of its multiply-add.

    sums, other_sums: by multiply-add; taps: what the loops of sums and around them take more where taps
    are loaded to registers, of kernels whose input is copied; copy: by LDGSTS of 16 bytes of a warp;
    move: by LDG of an element on its way to shared memory, and frame: the same where that takes most;
    finish: by turn of the loop that stores results one at a time; store: by 16 bytes of each lane that
    a loop stores; load: by turn of a loop around copies; around: for each turn that runs through a loop
    of sums (a part of a turn, if it runs through several), without what is by multiply-add; outer,
    outermost, beyond: the loops around that, likewise; once: what is in no loop.
    """
    blocks = loops.cut(code)
    found = loops.find(blocks)
    kind = adds(blocks, found) or hot_paths.kind_of_math(blocks, found, kernel) or fallback(kernel)
    nest = Nest(blocks, found, kind)
    parts, region = {}, None
    if nest.sums:
        parts |= sum_parts(nest)
        main = max(nest.sums, key=nest.amount)
        parts["taps"], region = taps_of(nest, main), main.parent
    for name in AROUND:
        if region is None:
            break
        parts[name] = rest(nest, region, parts)
        parts["taps"] += taps_of(nest, region)
        region = region.parent
    parts["once"] = rest(nest, everything(blocks), parts)
    around = set()
    for loop in nest.sums:
        while loop is not None:
            around.add(id(loop))
            loop = loop.parent
    return kind, parts | moving_parts([loop for loop in found if id(loop) not in around], nest)


def moving_parts(others, nest):
    """copy, move, frame, finish, store and load, of loops without sums: the shortest ways that do most
    of it."""
    def by(loops_, unit):
        ways = [hot_paths.through(nest.blocks, loop, unit) for loop in loops_]
        ways = [(way.code, way.count(unit)) for way in ways]
        return sorted((count(code, nest.kind, True) * (1 / n) for code, n in ways if n),
                      key=lambda part: part.issued)

    def is_vector(instruction):
        return instruction.name == "STG" and ".128" in instruction.opcode
    own = [loop for loop in others if loop in nest.loops]
    leaves = [loop for loop in others if not loop.children]
    found = {
        "copy": by(own, hot_paths.is_copy)[:1],
        "move": by([loop for loop in own if nest.has(loop, "STS")], lambda i: i.name == "LDG"),
        "finish": by(leaves, lambda i: i.name == "STG")[:1],
        "store": by([loop for loop in own if nest.has(loop, "LDS")], is_vector)[:1],
        "load": [count(nest.way(loop)[0], nest.kind, True) for loop in own
                 if any(nest.copies(child) for child in loop.children)][:1]}
    parts = {name: ways[0] for name, ways in found.items() if ways}
    return parts | ({"frame": found["move"][-1]} if found["move"] else {})


def adds(blocks, found):
    """The addition of a kernel whose innermost loops multiply nothing and add up what they load, four
    elements in a turn; or None. Epilogues stand in no innermost loop."""
    inner = [collections.Counter(i.name for n in loop.blocks for i in blocks[n].code)
             for loop in found if not loop.children]
    if any(counts[name] >= 4 for counts in inner for name in ("FFMA", "DFMA", *hot_paths.MATRIX)):
        return None
    return next((name for counts in inner for name in ADDS if counts[name] == counts["LDG"] >= 4), None)


def fallback(kernel):
    """The multiply-add of a kernel that no loop has many of."""
    first = kernel.partition("<")[2]
    return "DFMA" if re.match(r"(\w+::)*(Complex<)?double", first) else (
        "IMAD" if re.match(r"(un)?signed", first) else "FFMA")


def sum_parts(nest):
    """The loops of sums. Two that do not take as many instructions are two parts."""
    rows = []
    for loop in nest.sums:
        part = count(nest.way(loop)[0], nest.kind, True)
        if part.math:
            rows.append(part * (1 / part.math))
    main = min(rows, key=lambda part: part.issued)
    other = max(rows, key=lambda part: part.issued)
    return {"sums": main} | ({"other_sums": other} if other.issued > 1.1 * main.issued else {})


def everything(blocks):
    """The kernel as a loop of one turn."""
    whole = loops.Loop(0, loops.reach(blocks, 0))
    inner = [loop for loop in loops.find(blocks) if loop.parent is None and loop.blocks <= whole.blocks]
    whole.children = inner
    return whole


def taps_of(nest, loop):
    """What a turn takes more where it loads taps."""
    if not nest.copying:
        return Part()
    with_taps, without = (count(nest.way(loop, loads)[0], nest.kind, True) for loads in (ALL, 0))
    return with_taps - without


def rest(nest, region, parts):
    code, children = nest.way(region, SOME if region.header == 0 else None)
    whole = count(code, nest.kind, region.header != 0)
    if "sums" in parts:
        whole = whole - parts["sums"] * whole.math
    through = [child for child in children if nest.inside(child)]
    return whole * (1 / max(1, len(through)))


def entry(name, kind, registers, shared, parts):
    """A kernel as C++: cuda/runtime/kernel_costs.hpp has the fields."""
    def number(value):
        return f"{float(f'{value:.4g}'):g}"
    lines = [f'{{"{name}", "{kind}", {registers}, {shared},\n']
    for part in PARTS:
        fields = dataclasses.asdict(parts.get(part, Part()))
        del fields["math"]
        values = [number(value) for value in fields.values()]
        lines.append(f' {{{", ".join(values) if any(value != "0" for value in values) else ""}}},  // {part}\n')
    return "".join(lines) + "},\n"
