"""The way through a loop that does its work, and what an iteration of it issues."""

import collections
import dataclasses
import functools
import re

MATH = re.compile(r"(FFMA|DFMA|FADD|DADD|HFMA2|HMMA|IMMA|DMMA|HGMMA|IGMMA|IDP|IMAD)\b")
PLAIN_IMAD = re.compile(r"IMAD(\.U32)?$")  # others move, shift and widen
CONSTANT = re.compile(r"-RZ\b|\bRZ, *RZ\b")  # HFMA2 and IMAD that load a constant or move
# Strides and sizes come as parameters, uniform registers and numbers; taps and elements never do.
ADDRESS = re.compile(r"\bc\[|\bcx\[|\bUR\d|\b-?0x")


@functools.cache
def math_of(opcode):
    found = MATH.match(opcode)
    return None if not found or (found[1] == "IMAD" and not PLAIN_IMAD.match(opcode)) else found[1]


def math(instruction):
    """The name of a multiply-add, or None."""
    found = math_of(instruction.opcode)
    if found in ("HFMA2", "IMAD") and CONSTANT.search(instruction.operands):
        return None
    return None if found == "IMAD" and ADDRESS.search(instruction.operands) else found


MATRIX = ("HGMMA", "IGMMA", "HMMA", "IMMA", "DMMA")


def kind_of_math(blocks, loops, kernel):
    """Which multiply-add a kernel is made of, or None: matrix instructions where a loop has two of
    them; else those of its accumulator, by its first argument, where a loop has eight."""
    most = collections.Counter()
    for loop in loops:
        # Whichever loop has more.
        most |= collections.Counter(math(i) for n in loop.own_blocks() for i in blocks[n].code)
    kind = next((kind for kind in MATRIX if most[kind] >= 2), None)
    if kind or "<" not in kernel:
        return kind
    first = kernel.partition("<")[2]
    kind = "DFMA" if re.match(r"(\w+::)*(Complex<)?double", first) else (
        "IMAD" if re.match(r"(un)?signed", first) else "FFMA")
    return kind if most[kind] >= 8 else None


def is_copy(instruction):
    """16 bytes from global to shared memory."""
    return instruction.name == "LDGSTS" and ".128" in instruction.opcode


@dataclasses.dataclass
class Path:
    code: list  # of one iteration, inner loops left out

    def count(self, wanted):
        return sum(1 for instruction in self.code if wanted(instruction))

    @property
    def cycles(self):
        """That one warp needs if nothing is late."""
        return sum(max(1, instruction.stall) for instruction in self.code)

    def nearest_use(self, name):
        """Instructions from a load of this name to the first that waits for it, the least; None if
        there is no such load. The loop goes round, so a load may be waited for in the next turn."""
        twice, least = self.code * 2, None
        for i, load in enumerate(self.code):
            if load.name != name or load.sets is None:
                continue
            wait = next((j - i for j in range(i + 1, len(twice)) if load.sets in twice[j].waits), None)
            if wait is not None and (least is None or wait < least):
                least = wait
        return least


class Walk:
    """The blocks of a loop, each inner loop as one."""

    def __init__(self, blocks, loop):
        self.blocks, self.loop = blocks, loop
        self.inner = {number: child for child in loop.children for number in child.blocks}
        self.order = self.sort()

    def after(self, number):
        """What follows; the header, if the loop ends here."""
        child = self.inner.get(number)
        members = child.blocks if child else {number}
        ahead = {n for member in members for n in self.blocks[member].next if n in self.loop.blocks}
        return {self.inner[n].header if n in self.inner else n for n in ahead - members} | (
            {self.loop.header} & ahead)

    def code(self, number):
        return [] if number in self.inner else self.blocks[number].code

    def sort(self):
        """From the header on, each before what follows it."""
        header = self.loop.header
        order, seen, stack = [], {header}, [(header, iter(sorted(self.after(header))))]
        while stack:
            number, ahead = stack[-1]
            child = next((n for n in ahead if n not in seen), None)
            if child is None:
                order.append(number)
                stack.pop()
            else:
                seen.add(child)
                stack.append((child, iter(sorted(self.after(child)))))
        return order[::-1]


def through(blocks, loop, wanted):
    """The way from the header of `loop` back to it that meets most instructions that are wanted,
    and of those ways the one with fewest instructions."""
    walk = Walk(blocks, loop)
    best, way = {}, {}
    for number in reversed(walk.order):
        ahead = walk.after(number)
        options = [((0, 0), None)] if loop.header in ahead else []
        options += [(best[n], n) for n in ahead - {loop.header} if n in best]
        if not options:
            continue  # leaves the loop
        (found, length), way[number] = max(options, key=lambda option: option[0])
        code = walk.code(number)
        best[number] = (found + sum(1 for i in code if wanted(i)), length - len(code))
    code, number = [], loop.header
    while number is not None and number in best:
        code += walk.code(number)
        number = way[number]
    return Path(code)
