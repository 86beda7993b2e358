"""What a kernel's machine code says of its speed."""

import dataclasses

from . import hot_paths, loops


@dataclasses.dataclass
class Row:
    """Counts of one turn through the loop with most multiply-adds, along the way that has most of
    them, and of the cheapest loop that copies 16 bytes to shared memory at a time. 0: there is no
    such loop, or no such load."""
    math: str = "-"  # the multiply-add
    issued: int = 0  # instructions
    useful: int = 0  # multiply-adds
    cycles: int = 0  # of a warp alone, if nothing is late
    lds: int = 0  # instructions from a load of shared memory to the first that waits for one, the least
    ldg: int = 0  # the same, of global memory
    local: int = 0  # accesses to local memory: spills, and arrays that are indexed
    converted: int = 0  # conversions between floating types
    copy: float = 0  # instructions for 16 bytes copied

    @property
    def share(self):
        return self.useful / self.issued if self.issued else 0


COLUMNS = [field.name for field in dataclasses.fields(Row)]


def meets(blocks, loop, wanted):
    """Whether a loop has such an instruction that is in no inner one."""
    return any(wanted(i) for n in loop.own_blocks() for i in blocks[n].code)


def read(code, kernel):
    """The row of a kernel's instructions. `kernel` is its demangled name."""
    blocks = loops.cut(code)
    found = loops.find(blocks)
    row = Row()
    kind = hot_paths.kind_of_math(blocks, found, kernel)
    if kind:
        def wanted(instruction):
            return hot_paths.math(instruction) == kind
        main = max((hot_paths.through(blocks, loop, wanted) for loop in found if meets(blocks, loop, wanted)),
                   key=lambda path: path.count(wanted))
        row = Row(kind, len(main.code), main.count(wanted), main.cycles,
                  main.nearest_use("LDS") or 0, main.nearest_use("LDG") or 0,
                  main.count(lambda i: i.name in ("LDL", "STL")), main.count(lambda i: i.name == "F2F"))
    copies = [(path, path.count(hot_paths.is_copy)) for path in
              (hot_paths.through(blocks, loop, hot_paths.is_copy) for loop in found
               if meets(blocks, loop, hot_paths.is_copy))]
    row.copy = min((round(len(path.code) / count, 1) for path, count in copies if count), default=0)
    return row
