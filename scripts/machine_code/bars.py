"""What the machine code of a kernel must keep: what its estimate counts on, and what costs more than
it looks. Kernels by name, without arguments or with their first ones."""

# Instructions for 16 bytes copied to shared memory, as the machine code has them today. Three are the
# compiler's own, before every LDGSTS. The estimates of fir, patch, slab and channels count them
# (cuda/*/*_policy.hpp); who lowers one here lowers it there.
COPY = {
    "direct::fir_kernel": 10,
    "direct::patch_kernel": 24,
    "direct::slab_kernel": 24,
    "direct::slab_kernel<5, false>": 47,  # no registers left for a loop of its own
    "direct::band_kernel": 52,
    "depthwise::channels_kernel": 29,
    "depthwise::window_kernel": 38,
    "depthwise::band_kernel": 38,
    "depthwise::gradient_window_kernel": 36,
    "depthwise::gradient_mma_kernel": 36,
    "separable::plane_kernel": 43,
    "separable::volume_kernel": 61,
    "direct::walk_kernel<float, float": 20,
    "direct::walk_kernel<double": 9,
}

# Multiply-adds among the instructions of the main loop, in percent, as they are today, of kernels that
# are bound by them.
SHARE = {
    "direct::fir_kernel<float>": 89,
    "direct::fir_kernel<double>": 72,
    "direct::fir_kernel<Complex": 91,
    "direct::patch_kernel": 94,
    "direct::slab_kernel<5": 90,
    "direct::slab_kernel<3": 82,
    "depthwise::gradient_window_kernel<float, 7>": 91,
    "depthwise::window_kernel<float, 1, 7>": 81,
    "separable::plane_kernel<float>": 83,
    "separable::volume_kernel<float": 62,
    "direct::walk_kernel<float, float, 3": 52,
    "direct::walk_kernel<float, float, 5": 75,
    "direct::walk_kernel<float, float, 7": 85,
    "direct::walk_kernel<double, double, 3": 51,
    "direct::walk_kernel<double, double, 5": 73,
    "direct::walk_kernel<float, unsigned": 40,
}

# Conversions between floating types in the main loop that are meant: totals over all elements are f64.
CONVERTED = {"masked::backward_kernel<float>": 3}

# Accesses to local memory in the main loop that are no spills: the place of a tile, for a function
# that is called where a result is not finite; lines of taps by axis, once for each filter.
LOCAL = {"depthwise::channels_kernel": 4, "depthwise::window_kernel": 5, "separable::factor_kernel": 3,
         "separable::volume_kernel<unsigned long": 4}

# Kernels without a prefetch, which hide what global memory takes behind other warps.
WAITS_FOR_GLOBAL = ("depthwise::gradient_kernel", "depthwise::gather_kernel", "im2col::", "fft::")

# Kernels whose input comes through shared memory alone: what their main loop loads to registers from
# global memory it waits for, however far ahead, since the compiler moves registers on by waiting.
COPIES_ONLY = ("direct::walk_kernel", "direct::fir_kernel", "direct::patch_kernel", "direct::slab_kernel")

# Bytes of the way through a main loop that all warps share: 128 KiB is the cache of instructions
# between that of a scheduler and L2 (Z. Jia et al., "Dissecting the NVIDIA Volta GPU Architecture via
# Microbenchmarking", 2018, section 4.1); the rest of a block's code needs a part of it.
INSTRUCTION, HOT_CODE = 16, 96 * 1024

# A load of shared memory takes tens of clocks, and where it is used at once a kernel of few warps
# loses them: instructions between the two, as the compiler places them today.
NEAREST_LDS = {"direct::slab_kernel": 6, "depthwise::gradient_window_kernel": 6,
               "depthwise::window_kernel": 5, "direct::patch_kernel": 2}


def of(table, kernel, default=None):
    """The entry of the longest name that `kernel` begins with."""
    fits = [name for name in table if kernel.startswith(name)]
    return table[max(fits, key=len)] if fits else default


def objections(kernel, row):
    """What is wrong with a kernel, one line each."""
    found = []
    copy, share, lds = of(COPY, kernel), of(SHARE, kernel), of(NEAREST_LDS, kernel)
    if copy is not None and not 0 < row.copy <= copy:
        found.append(f"copies 16 bytes to shared memory with {row.copy} instructions, may take {copy}: "
                     "look for divisions, the boundary map and addresses found anew")
    if share is not None and 100 * row.share < share:
        found.append(f"has {row.useful} multiply-adds among {row.issued} instructions of its main loop, "
                     f"{100 * row.share:.0f} %, and must have {share} %")
    if lds is not None and 0 < row.lds < lds:
        found.append(f"waits for shared memory {row.lds} instructions after a load, must leave {lds}")
    if row.ldg == 1 and not kernel.startswith(WAITS_FOR_GLOBAL):
        found.append("waits for global memory right after a load: the prefetch is lost")
    if row.ldg > 1 and kernel.startswith(COPIES_ONLY):
        found.append(f"loads global memory to registers in its main loop, {row.ldg} instructions ahead: rows come "
                     "by cp.async, which no move of a register waits for")
    if INSTRUCTION * row.issued > HOT_CODE:
        found.append(f"has {INSTRUCTION * row.issued} bytes of code in its main loop, may have {HOT_CODE}: it does not "
                     "stay in the cache of instructions")
    if row.local > of(LOCAL, kernel, 0):
        found.append(f"has {row.local} accesses to local memory in its main loop: it spills, or indexes an "
                     "array")
    if row.converted > of(CONVERTED, kernel, 0) and row.math in ("FFMA", "HMMA"):
        found.append(f"has {row.converted} conversions between floating types in its main loop")
    return found
