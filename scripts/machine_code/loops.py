"""Basic blocks and loops of machine code."""

import collections
import dataclasses

ENDS = {"BRA", "EXIT", "RET", "BRX", "JMP", "BSYNC", "BREAK", "KILL", "BPT"}


@dataclasses.dataclass
class Block:
    code: list
    next: set = dataclasses.field(default_factory=set)  # numbers of blocks
    previous: set = dataclasses.field(default_factory=set)


@dataclasses.dataclass
class Loop:
    """A natural loop: `header` dominates all its blocks, and some of them go back to it."""
    header: int
    blocks: set
    parent: "Loop | None" = None
    depth: int = 1
    children: list = dataclasses.field(default_factory=list)

    def own_blocks(self):
        """Without those of inner loops."""
        return self.blocks.difference(*(child.blocks for child in self.children))


def always(instruction):
    return instruction.predicate in (None, "PT", "UPT")


def cut(code):
    """Blocks of a kernel. A call goes on behind itself; what it calls has an entry of its own."""
    starts = {code[0].address} if code else set()
    for here, after in zip(code, code[1:] + [None]):
        if here.target is not None:
            starts.add(here.target)
        if here.name in ENDS and after:
            starts.add(after.address)
    blocks, numbers = [], {}
    for instruction in code:
        if instruction.address in starts:
            numbers[instruction.address] = len(blocks)
            blocks.append(Block([]))
        blocks[-1].code.append(instruction)
    link(blocks, numbers)
    return blocks


def link(blocks, numbers):
    # A barrier of convergence is used for one region after the other, so the region that ends where
    # threads meet is the one that began last before it.
    current = {}
    for number, block in enumerate(blocks):
        for instruction in block.code:
            if instruction.name == "BSSY":
                current[instruction.operands.partition(",")[0].strip()] = instruction.target
        last = block.code[-1]
        targets = set()
        if last.name in ("BRA", "JMP") and last.target in numbers:
            targets.add(numbers[last.target])
        if last.name == "BSYNC":
            meet = current.get(last.operands.strip())
            targets.add(numbers.get(meet, number + 1))
        falls = last.name not in ENDS or not goes_away(last)
        if falls and number + 1 < len(blocks):
            targets.add(number + 1)
        for target in targets:
            if target < len(blocks):
                block.next.add(target)
                blocks[target].previous.add(number)


def goes_away(last):
    """Whether control never reaches what stands behind `last`. A second predicate may be among the
    operands of a branch: BRA P1, 0x40; BRA.DIV goes where lanes diverge."""
    conditional = last.name == "BRA" and (
        last.operands.lstrip().startswith(("P", "!P", "U", "!U")) or ".DIV" in last.opcode)
    return always(last) and not conditional


def dominators(blocks, entries):
    """Per block, the blocks that every way from an entry to it meets, as a bit set."""
    everything = (1 << len(blocks)) - 1
    found = [everything] * len(blocks)
    for entry in entries:
        found[entry] = 1 << entry
    changed = True
    while changed:
        changed = False
        for number, block in enumerate(blocks):
            if number in entries or not block.previous:
                continue
            common = everything
            for previous in block.previous:
                common &= found[previous]
            common |= 1 << number
            if common != found[number]:
                found[number], changed = common, True
    return found


def find_entries(blocks):
    """Where a kernel begins, and the functions that it calls. Blocks that nothing is seen to reach,
    but that go on in the kernel, are none: threads of a warp meet there in a way not followed here."""
    kernel = reach(blocks, 0)
    return {0} | {n for n, block in enumerate(blocks)
                  if not block.previous and not reach(blocks, n) & kernel}


def reach(blocks, start):
    found, waiting = {start}, [start]
    while waiting:
        new = blocks[waiting.pop()].next - found
        found |= new
        waiting += new
    return found


def find(blocks):
    """All loops, outer ones before the loops in them."""
    entries = find_entries(blocks)
    dominated = dominators(blocks, entries)
    bodies = collections.defaultdict(set)
    for number, block in enumerate(blocks):
        if not block.previous and number not in entries:
            continue
        for target in block.next:
            if dominated[number] >> target & 1:
                bodies[target] |= body(blocks, target, number)
    loops = sorted((Loop(header, members) for header, members in bodies.items()),
                   key=lambda loop: -len(loop.blocks))
    for i, loop in enumerate(loops):
        for outer in reversed(loops[:i]):
            if loop.header in outer.blocks and loop.blocks <= outer.blocks:
                loop.parent, loop.depth = outer, outer.depth + 1
                outer.children.append(loop)
                break
    return loops


def body(blocks, header, back):
    """Blocks that reach `back` without `header`."""
    members, waiting = {header, back}, [back]
    while waiting:
        number = waiting.pop()
        if number == header:
            continue
        for previous in blocks[number].previous - members:
            members.add(previous)
            waiting.append(previous)
    return members
