"""Whether scripts/machine_code finds loops and counts them, and its bars object to what makes a kernel
slow. Listings are made here, in the form of cuobjdump."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from machine_code import bars, costs, hot_paths, kernel, loops, sass  # noqa: E402


def control(stall=1, sets=sass.NO_SCOREBOARD, waits=()):
    mask = sum(1 << scoreboard for scoreboard in waits)
    return (stall | 7 << 8 | sets << 5 | mask << 11) << 41


def listing(*lines):
    """A kernel of `lines`: "label:" or "[@P0] OPCODE operands", or (that, stall, sets, waits).
    Operands may name labels."""
    labels, code = {}, []
    for line in lines:
        text, *rest = (line,) if isinstance(line, str) else line
        if text.endswith(":"):
            labels[text[:-1]] = 16 * len(code)
        else:
            code.append((text, control(*rest)))
    yield "arch = sm_90a"
    yield "\t\tFunction : kernel"
    for number, (text, word) in enumerate(code):
        words = [hex(labels[w]) if w in labels else w for w in text.split(" ")]
        yield f"        /*{16 * number:04x}*/    {' '.join(words)} ;    /* 0x0000000000000000 */"
        yield f"                                          /* 0x{word:016x} */"


def read(*lines):
    return sass.read_lines(listing(*lines))["sm_90a", "kernel"]


def row(*lines, name="direct::slab_kernel<3, false>"):
    return kernel.read(read(*lines), name)


FMA = "FFMA R0, R1, R2, R0"
LDS = ("LDS R4, [R8]", 1, 0)
COPY = "LDGSTS.E.BYPASS.128 [R3], desc[UR8][R28.64]"


def main_loop(*extra, multiply_adds=100, nearest=7):
    """One that keeps the bars of slab_kernel<3, false>, and what is planted in it."""
    return ["main:", LDS, *[FMA] * (nearest - 1), ("FFMA R0, R4, R2, R0", 1, 7, (0,)),
            *[FMA] * (multiply_adds - nearest), *extra, "ISETP.NE.AND P0, PT, R9, RZ, PT",
            "@P0 BRA main"]


def copy_loop(*extra, others=18):
    return ["copy:", *["IADD3 R3, R3, R5, RZ"] * others, *extra, COPY,
            "ISETP.NE.AND P0, PT, R9, RZ, PT", "@P0 BRA copy"]


def kernel_of(*parts):
    return [line for part in parts for line in part] + ["EXIT"]


class Reading(unittest.TestCase):
    def test_instructions_and_control_words(self):
        code = read(("@!P1 LDG.E.128 R4, desc[UR4][R2.64]", 2, 3, (0, 5)), "EXIT")
        self.assertEqual((code[0].name, code[0].predicate, code[0].stall), ("LDG", "!P1", 2))
        self.assertEqual((code[0].sets, code[0].waits), (3, {0, 5}))
        self.assertIsNone(code[1].sets)

    def test_padding_is_dropped(self):
        self.assertEqual([i.name for i in read("MOV R1, R2", "EXIT", "trap:", "BRA trap", "NOP", "NOP")],
                         ["MOV", "EXIT"])


class Loops(unittest.TestCase):
    def test_nested(self):
        blocks = loops.cut(read("outer:", "MOV R1, R2", "inner:", FMA, "@P0 BRA inner", "MOV R1, R3",
                                "@P1 BRA outer", "EXIT"))
        outer, inner = loops.find(blocks)
        self.assertIs(inner.parent, outer)
        self.assertEqual((outer.depth, inner.depth), (1, 2))
        self.assertEqual(sum(len(blocks[n].code) for n in outer.own_blocks()), 3)

    def test_threads_that_meet_again_are_no_loop(self):
        blocks = loops.cut(read("BSSY B0, meet", "@P0 BRA other", "MOV R1, R2", "BSYNC B0", "other:",
                                "MOV R1, R3", "BSYNC B0", "meet:", "EXIT"))
        self.assertEqual(loops.find(blocks), [])
        self.assertEqual({len(block.next) for block in blocks[-1:]}, {0})
        self.assertTrue(all(len(blocks) - 1 in block.next for block in blocks
                            if block.code[-1].name == "BSYNC"))

    def test_a_branch_on_a_second_predicate_falls_through(self):
        blocks = loops.cut(read("BRA P1, away", "MOV R1, R2", "away:", "EXIT"))
        self.assertEqual(blocks[0].next, {1, 2})

    def test_the_way_that_works(self):
        code = read("loop:", "@P2 BRA rare", FMA, FMA, "BRA end", "rare:", *["MOV R1, R2"] * 9, "end:",
                    "@P0 BRA loop", "EXIT")
        blocks = loops.cut(code)
        path = hot_paths.through(blocks, loops.find(blocks)[0], hot_paths.math)
        self.assertEqual([i.name for i in path.code], ["BRA", "FFMA", "FFMA", "BRA", "BRA"])


class Counting(unittest.TestCase):
    def test_main_loop(self):
        found = row(*kernel_of(main_loop(), copy_loop()))
        self.assertEqual((found.math, found.useful, found.issued, found.lds), ("FFMA", 100, 103, 7))
        self.assertEqual(found.copy, 21)
        self.assertEqual(bars.objections("direct::slab_kernel<3, false>", found), [])

    def test_constants_and_addresses_are_no_multiply_adds(self):
        for text in ("HFMA2.MMA R3, -RZ, RZ, 0, 0", "IMAD.MOV.U32 R3, RZ, RZ, R4", "IMAD.WIDE R2, R3, R4, R6"):
            self.assertIsNone(hot_paths.math(read(text)[0]))
        self.assertEqual(hot_paths.math(read("IMAD R3, R4, R5, R6")[0]), "IMAD")
        for address in ("IMAD R3, R4, UR5, R6", "IMAD R3, R4, 0x110, R6", "IMAD R3, R4, c[0x0][0x218], R6"):
            self.assertIsNone(hot_paths.math(read(address)[0]))

    def test_kind_of_math(self):
        loop = ["loop:", *["DFMA R0, R2, R4, R0"] * 51, *[FMA] * 8, "@P0 BRA loop", "EXIT"]
        self.assertEqual(row(*loop, name="x<float>").math, "FFMA")
        self.assertEqual(row(*loop, name="x<double>").math, "DFMA")
        self.assertEqual(row(*loop, name="x<Complex<double>, 4>").math, "DFMA")
        self.assertEqual(row(*loop, name="x<unsigned int>").math, "-")
        matrix = ["loop:", *["HMMA.16816.F32 R4, R8, R12, R4"] * 2, "@P0 BRA loop", "EXIT"]
        self.assertEqual(row(*matrix, name="x<unsigned char>").math, "HMMA")

    def test_a_load_may_be_used_in_the_next_turn(self):
        found = row("loop:", *[FMA] * 4, ("FFMA R0, R4, R2, R0", 1, 7, (0,)), *[FMA] * 4, LDS,
                    "@P0 BRA loop", "EXIT")
        self.assertEqual(found.lds, 6)

    def test_one_copy_of_several_a_turn(self):
        found = row("loop:", *["MOV R1, R2"] * 9, COPY, COPY, "@P0 BRA loop", "EXIT")
        self.assertEqual(found.copy, 6)


class Planted(unittest.TestCase):
    """Each makes a kernel that kept its bars slow, and is named."""

    def objects(self, expected, *parts, name="direct::slab_kernel<3, false>"):
        found = bars.objections(name, row(*kernel_of(*parts), name=name))
        self.assertEqual(len(found), 1, found)
        self.assertRegex(found[0], expected)

    def test_division_in_a_copy_loop(self):
        division = ["I2F.RP R4, R5", "MUFU.RCP R4, R4", "F2I.FTZ.U32.TRUNC.NTZ R5, R4",
                    *["IMAD.HI.U32 R5, R5, R7, R4"] * 4]
        self.objects("copies 16 bytes .* 28", main_loop(), copy_loop(*division))

    def test_addresses_found_anew(self):
        self.objects("copies 16 bytes .* 27", main_loop(),
                     copy_loop("IMAD R4, R5, R6, RZ", "IMAD.WIDE.U32 R4, R5, R6, R8", "SHF.R.S32.HI R3, RZ, 0x1f, R4",
                               "LEA R4, P1, R5, R6, 0x2", "LEA.HI.X R5, R4, R6, R7, 0x2, P1", "IADD3.X R4, R4, R5, R6, P0, !PT"))

    def test_copies_that_became_loads_and_stores(self):
        self.objects("copies 16 bytes .* 0 instructions", main_loop(),
                     ["copy:", ("LDG.E.128 R4, desc[UR4][R2.64]", 1, 1), *["MOV R1, R2"] * 6,
                      ("STS.128 [R3], R4", 1, 7, (1,)), "@P0 BRA copy"])

    def test_copies_of_4_bytes(self):
        self.objects("copies 16 bytes .* 0 instructions", main_loop(),
                     ["copy:", "LDGSTS.E [R3], desc[UR8][R28.64]", "@P0 BRA copy"])

    def test_shared_memory_used_at_once(self):
        self.objects("waits for shared memory 1 instructions", main_loop(nearest=1), copy_loop())

    def test_shared_memory_used_too_soon(self):
        self.objects("waits for shared memory 3 instructions", main_loop(nearest=3), copy_loop())

    def test_lost_prefetch(self):
        self.objects("the prefetch is lost", main_loop(
            ("LDG.E R12, desc[UR4][R2.64]", 1, 2), ("MOV R13, R12", 1, 7, (2,))), copy_loop())

    def test_lost_prefetch_by_a_move_around_the_loop(self):
        late = main_loop(multiply_adds=100)
        late.insert(1, ("MOV R13, R12", 1, 7, (2,)))
        late.insert(-1, ("LDG.E R12, desc[UR4][R2.64]", 1, 2))
        found = row(*kernel_of(late, copy_loop()))
        self.assertEqual(found.ldg, 2)  # behind the branch

    def test_spilled_tap(self):
        self.objects("local memory", main_loop(("LDL R12, [R1+0x8]", 1, 7)), copy_loop())

    def test_spilled_sum(self):
        self.objects("local memory", main_loop("STL [R1+0x8], R12"), copy_loop())

    def test_indexed_array(self):
        self.objects("local memory", main_loop("STL.64 [R1+0x8], R12", "LDL R12, [R14]"), copy_loop())

    def test_double_conversion(self):
        self.objects("conversions between floating types", main_loop("F2F.F64.F32 R12, R14"), copy_loop())

    def test_half_conversion(self):
        self.objects("conversions between floating types", main_loop("F2F.F16.F32 R12, R14"), copy_loop())

    def test_addresses_among_multiply_adds(self):
        self.objects("100 multiply-adds among 123", main_loop(*["IADD3 R3, R3, R5, RZ"] * 20), copy_loop())

    def test_moves_among_multiply_adds(self):
        self.objects("multiply-adds among", main_loop(*["IMAD.MOV.U32 R3, RZ, RZ, R4"] * 30), copy_loop())

    def test_a_loop_that_is_not_unrolled(self):
        self.objects("12 multiply-adds among 15", main_loop(multiply_adds=12, nearest=7), copy_loop())

    def test_multiply_adds_in_double(self):
        name = "direct::patch_kernel<7>"
        loop = [line.replace("FFMA", "DFMA") if isinstance(line, str) else line for line in main_loop()]
        found = bars.objections(name, row(*kernel_of(loop, copy_loop()), name=name))
        self.assertTrue(any("multiply-adds among" in line for line in found), found)

    def test_a_product_and_a_sum_for_a_multiply_add(self):
        parts = [("FMUL R3, R1, R2" if i % 2 else "FADD R0, R0, R3") for i in range(40)]
        self.objects("multiply-adds among", main_loop(*parts), copy_loop())

    def test_boundary_map_in_every_copy(self):
        mapped = ["ISETP.GE.AND P2, PT, R4, RZ, PT", "SEL R4, R5, R6, P2", "LOP3.LUT R4, R4, R5, RZ, 0xc0, !PT"]
        self.objects("copies 16 bytes .* 57", main_loop(), copy_loop(*mapped * 12))

    def test_a_ring_that_became_registers(self):
        loop = ["main:", LDS, *[FMA] * 90, ("MOV R13, R12", 1, 7, (2,)), *[FMA] * 20, ("LDG.E R12, desc[UR4][R2.64]", 1, 2),
                *[FMA] * 30, ("FFMA R0, R4, R2, R0", 1, 7, (0,)), "ISETP.NE.AND P0, PT, R9, RZ, PT", "@P0 BRA main"]
        self.objects("loads global memory to registers", loop, copy_loop(others=16),
                     name="direct::walk_kernel<float, float, 5, false>")

    def test_a_walk_that_finds_addresses_for_every_row(self):
        self.objects("100 multiply-adds among 143", main_loop(*["IADD3 R3, R3, R5, RZ"] * 40), copy_loop(others=16),
                     name="direct::walk_kernel<float, float, 5, false>")

    def test_a_main_loop_that_leaves_the_cache_of_instructions(self):
        self.objects("bytes of code in its main loop", main_loop(multiply_adds=7000), copy_loop())

    def test_an_exception_has_an_end(self):
        self.objects("local memory", main_loop(*["STL [R1+0x8], R12"] * 6),
                     name="depthwise::window_kernel<float, 3, 3>", *[copy_loop()])


LDG = ("LDG.E.128 R4, desc[UR4][R2.64]", 1, 0)
ADD = "IADD3 R3, R3, R5, RZ"
AGAIN = ["ISETP.NE.AND P0, PT, R9, RZ, PT", "@P0 BRA"]


def nested(*inner, around=()):
    """A loop of sums in another one."""
    return ["outer:", *around, "main:", *inner, AGAIN[0], "@P0 BRA main", AGAIN[0], "@P1 BRA outer", "EXIT"]


class Costs(unittest.TestCase):
    """What estimates are made from, and what must change it."""

    def parts(self, *lines, name="direct::slab_kernel<3, false>"):
        return costs.read(read(*lines), name)[1]

    def test_sums_are_by_multiply_add_however_the_loop_is_unrolled(self):
        once = self.parts(*nested(*[FMA] * 16, *[ADD] * 8))["sums"]
        twice = self.parts(*nested(*([FMA] * 16 + [ADD] * 8) * 2))["sums"]
        self.assertEqual((once.issued, twice.issued), (26 / 16, 50 / 32))
        self.assertEqual((once.fma, once.alu), (1, 9 / 16))

    def test_around_has_what_is_no_multiply_add(self):
        parts = self.parts(*nested(*[FMA] * 16, around=[ADD] * 5 + [FMA] * 2))
        self.assertEqual(parts["sums"].issued, 18 / 16)
        self.assertAlmostEqual(parts["around"].issued, 9 - 2 * 18 / 16)
        self.assertAlmostEqual(parts["around"].alu, 6 - 2 / 16)

    def test_a_turn_with_two_loops_of_sums_is_shared_by_them(self):
        loop = [*[FMA] * 16, AGAIN[0]]
        parts = self.parts("outer:", *[ADD] * 6, "one:", *loop, "@P0 BRA one", "two:", *loop, "@P0 BRA two",
                           AGAIN[0], "@P1 BRA outer", "EXIT")
        self.assertEqual(parts["around"].issued, 4)

    def test_copies_are_by_sixteen_bytes(self):
        parts = self.parts(*kernel_of(main_loop(), copy_loop(COPY, COPY)))
        self.assertAlmostEqual(parts["copy"].issued, 23 / 3)
        self.assertAlmostEqual(parts["copy"].wavefronts, 4)

    def test_a_prefetch_that_is_lost_waits(self):
        use = ("FFMA R0, R4, R2, R0", 1, 7, (0,))
        lost = self.parts(*nested(LDG, use, *[FMA] * 15))["sums"]
        kept = self.parts(*nested(*[FMA] * 15, use, LDG))["sums"]
        self.assertEqual((lost.waits * 16, kept.waits * 16), (1, 1))
        self.assertGreater(lost.covered, 0)
        # 17 instructions lie between load and use where it is kept.
        self.assertAlmostEqual((lost.covered - kept.covered) * 16, 17, delta=2)

    def test_shared_memory_that_is_used_at_once_costs_its_latency(self):
        use = ("FFMA R0, R4, R2, R0", 1, 7, (0,))
        loop = nested(LDS, use, *[FMA] * 15)
        self.assertEqual(self.parts(*loop)["sums"].clocks * 16, 18 + costs.SHARED_LATENCY)

    def test_stalls_are_clocks(self):
        loop = nested(*[("FFMA R0, R1, R2, R0", 4)] * 16)
        self.assertEqual(self.parts(*loop)["sums"].clocks * 16, 66)

    def test_the_way_that_loads_is_taken_where_one_does_not(self):
        loop = nested("@P2 BRA skip", LDG, "skip:", *[FMA] * 16)
        self.assertEqual(self.parts(*loop)["sums"].issued, 20 / 16)

    def test_a_call_for_frames_is_left_out(self):
        loop = nested("@!P2 BRA skip", *[ADD] * 9, "CALL.REL.NOINC far", "skip:", *[FMA] * 16)
        self.assertEqual(self.parts(*loop, "far:", "MOV R1, R2", "RET.REL.NODEC R2")["sums"].issued, 19 / 16)

    def test_products_that_find_addresses_are_no_work(self):
        address = ["IMAD R3, R4, R5, R6"] * 9  # of a way that some threads take
        for name, skipped in (("direct::slab_kernel<3, false>", 19), ("x<unsigned int>", 28)):
            kind = "FFMA R0, R1, R2, R0" if "slab" in name else "IMAD R0, R1, R2, R0"
            loop = nested("@P2 BRA skip", *address, "skip:", *[kind] * 16)
            sums = self.parts(*loop, name=name)["sums"]
            self.assertAlmostEqual(sums.issued * (16 if "slab" in name else 25), skipped)

    def test_taps_are_loaded_now_and_then(self):
        taps = [("LDG.E R12, desc[UR4][R2.64]", 1, 2), ADD, ADD, ("MOV R13, R12", 1, 7, (2,))]
        loop = nested("@P2 BRA skip", *taps, "skip:", *[FMA] * 16)
        parts = self.parts(*copy_loop(), *loop)
        self.assertEqual((parts["sums"].issued * 16, parts["taps"].issued, parts["taps"].waits), (19, 4, 1))
        # Without copies the same load is the input's.
        parts = self.parts(*loop)
        self.assertEqual((parts["sums"].issued * 16, parts["taps"].issued), (23, 0))

    def test_loops_that_read_memory_are_no_sums_where_others_read_copies(self):
        judge = ["judge:", LDG, ("FFMA R0, R4, R2, R0", 1, 7, (0,)), *[FMA] * 15, *AGAIN[:1], "@P0 BRA judge"]
        parts = self.parts(*copy_loop(), *judge, *nested(*[FMA] * 16))
        self.assertEqual(parts["sums"].issued, 18 / 16)
        self.assertNotIn("other_sums", parts)

    def test_frames_that_load_less_than_they_multiply_are_no_sums(self):
        """Every element goes to one of eight sums there, each behind a predicate of its own."""
        frame = ["frame:", LDG, *["@P3 FFMA R0, R1, R2, R0"] * 8, *[ADD] * 20, AGAIN[0], "@P0 BRA frame"]
        loop = ["outer:", *[LDG] * 8, *[FMA] * 8, "@P2 BRA on", *frame, "on:", AGAIN[0], "@P1 BRA outer", "EXIT"]
        self.assertEqual(self.parts(*loop)["sums"].issued, 19 / 8)

    def test_additions_of_what_is_loaded_are_sums(self):
        add = ["add:", *[LDG] * 4, *["DADD R0, R0, R4"] * 4, AGAIN[0], "@P0 BRA add"]
        loop = ["outer:", ADD, *add, *["DFMA R0, R1, R2, R3"] * 9, AGAIN[0], "@P1 BRA outer", "EXIT"]
        parts = self.parts(*loop, name="k<double>")
        self.assertEqual((parts["sums"].issued, parts["sums"].f64), (10 / 4, 1))
        self.assertEqual(parts["around"].f64, 9)

    def test_vectors_that_are_stored_and_loops_around_copies(self):
        store = ["store:", ("LDS.128 R4, [R8]", 1, 0), ("STG.E.128 desc[UR4][R2.64], R4", 1, 7, (0,)), ADD,
                 AGAIN[0], "@P0 BRA store"]
        parts = self.parts("load:", *[ADD] * 5, *copy_loop(), "@P1 BRA load", *nested(*[FMA] * 16)[:-1], *store,
                           "EXIT")
        self.assertEqual((parts["store"].issued, parts["load"].issued), (5, 6))

    def test_four_loops_around_the_sums(self):
        inner = nested(*[FMA] * 16, around=[ADD])[:-1]
        parts = self.parts("a:", ADD, ADD, ADD, "b:", ADD, "c:", ADD, ADD, *inner, "@P0 BRA c", "@P0 BRA b", "@P0 BRA a", "EXIT")
        self.assertEqual([parts[p].issued for p in ("outer", "outermost", "beyond")], [3, 2, 4])

    def test_threads_that_meet_out_of_sight_hide_no_loop(self):
        blocks = loops.cut(read("outer:", "MOV R1, R2", "BRA on", "MOV R3, R4", "on:", *[FMA] * 9,
                                "@P1 BRA outer", "EXIT"))
        self.assertEqual(len(loops.find(blocks)), 1)

    def test_pipes(self):
        code = read("IMAD R0, R1, R2, R3", "FMUL R0, R1, R2", "DFMA R0, R1, R2, R3", "LOP3.LUT R0, R1, R2",
                    "MUFU.RCP R0, R1", "LDS.64 R0, [R1]", "STG.E.128 desc[UR4][R2.64], R4", "ULDC UR4, c[0x0]",
                    "BAR.SYNC 0x0", "LDSM.16.M88.4 R0, [R1]")
        part = costs.count(code, "FFMA", False)
        self.assertEqual((part.fma, part.f64, part.alu, part.xu, part.wavefronts), (3, 1, 1, 1, 10))

    def test_an_entry_is_what_the_header_expects(self):
        text = costs.entry("k<1>", "FFMA", 40, 16, {"sums": costs.Part(issued=1.23456, math=1, clocks=2)})
        self.assertTrue(text.startswith('{"k<1>", "FFMA", 40, 16,\n {1.235, 0, 0, 0, 0, 0, 2, 0, 0},  // sums\n'))
        self.assertEqual(text.count("\n"), 2 + len(costs.PARTS))


if __name__ == "__main__":
    unittest.main()
