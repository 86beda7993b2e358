"""scipy.ndimage: convolve, correlate, convolve1d, correlate1d, gaussian and its relatives, uniform,
sobel, prewitt, laplace."""

from functools import partial

import numpy as np
from scipy import ndimage

from checking import INTEGERS, Mismatch, check, fft_bound, main, roundoff, sum_bound, wide
from client import DTYPES, NAMES

RULES = ["reflect", "constant", "nearest", "mirror", "wrap"]
FLOATS = ["f32", "f64"]
COMPLEX = ["c64", "c128"]


def boundary(draw, x, rules=RULES):
    """(mode, cval) for ndimage and the same for us."""
    rule = draw.one_of(rules)
    if rule != "constant":
        return rule, 0.0, rule
    # Outside the input's type ndimage takes any value, we refuse it.
    value = draw.one_of([0.0, 2.0, 5.0 if x.dtype.kind == "u" else -3.0])
    return rule, value, f"constant({value})" if value else "zero"


def boundaries(draw, x, axes):
    """One rule per axis: (modes, cval) for ndimage, which has one constant, and the same for us."""
    without_constant = [rule for rule in RULES if rule != "constant"]
    rules = [boundary(draw, x)]
    rules += [boundary(draw, x, without_constant) for _ in range(axes - 1)]
    return [mode for mode, _, _ in rules], rules[0][1], [rule for _, _, rule in rules]


def image(draw, rank, largest, dtype):
    # Small values, so that no sum leaves a 32-bit type: ndimage converts through undefined casts.
    return draw.array(draw.extents(rank, largest), DTYPES[dtype], magnitude=50)


STORES = ["truncate, wrap", "nearest, wrap", "truncate, saturate", "nearest, saturate"]


def stored(exact, dtype, store="truncate, wrap"):
    """Toward zero, then modulo 2^bits, as ndimage stores floating sums; or as `store` says."""
    whole = np.rint(exact) if store.startswith("nearest") else np.trunc(exact)
    if store.endswith("saturate"):
        whole = np.clip(whole, np.iinfo(dtype).min, np.iinfo(dtype).max)
    return whole.astype(np.int64).astype(dtype)


def truncated(exact, dtype):
    return stored(exact, dtype)


def check_integers(ours, exact, slack, store="truncate, wrap"):
    """`ours` must be `exact` as stored except where `exact` is within `slack` of the next number,
    so that rounding decides; there it may be the neighbour."""
    dtype = ours.dtype
    low, high = stored(exact - slack, dtype, store), stored(exact + slack, dtype, store)
    wrong = (ours != low) & (ours != high)
    if ours.shape != exact.shape:
        raise Mismatch(f"shape {ours.shape}, theirs {exact.shape}")
    if np.any(wrong):
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise Mismatch(f"{np.count_nonzero(wrong)} of {ours.size} elements are off, the first at "
                       f"{at}: {ours[at]}, the sum is {exact[at]!r}")


def axes_of(draw, rank):
    """None, or some axes in rising order, a few of them counted from the end."""
    if rank < 2 or draw.chance(0.6):
        return None
    axes = sorted(draw.rng.permutation(rank)[:draw.integer(1, rank)].tolist())
    return [axis - rank if draw.chance(0.3) else axis for axis in axes]


def origin_for(draw, taps):
    return 0 if draw.chance(0.5) else draw.integer(-(taps // 2), (taps - 1) // 2)


def filter_nd(faltung, draw, problem):
    name = draw.one_of(["convolve", "correlate"])
    rank = draw.one_of([1, 1, 2, 2, 3])
    types = draw.one_of([[*INTEGERS], FLOATS, COMPLEX])
    x = image(draw, rank, [40, 10, 6][rank - 1], draw.one_of(types))
    axes = axes_of(draw, rank)
    filter_rank = rank if axes is None else len(axes)
    largest = x.shape[0] + 4 if rank == 1 else [0, 14, 7, 4][filter_rank]
    w_type = draw.one_of(["f64", "i32"]) if x.dtype.kind in "iu" else draw.one_of(types)
    w = draw.array(draw.extents(filter_rank, largest), DTYPES[w_type], magnitude=3)
    origins = [origin_for(draw, taps) for taps in w.shape]
    if name == "convolve":
        # ndimage applies the same limits after negating, and shifts filters of even length by one.
        origins = [min(max(o, -((k - 1) // 2)), (k - 1) // 2) for o, k in zip(origins, w.shape)]
    mode, cval, rule = boundary(draw, x)
    options = dict(boundary=rule, origin=origins)
    if axes is not None:
        options["axes"] = axes
    if x.dtype == np.float32 and draw.chance(0.5):
        options["accumulator"] = "f64"
    store = "truncate, wrap"
    # 64-bit results are clamped to what f64 does not hold.
    if x.dtype.kind in "iu" and x.dtype.itemsize < 8 and draw.chance(0.5):
        store = options["store"] = draw.one_of(STORES)
    direct = draw.chance(0.3)
    if direct:
        options["method"] = "direct"
    problem.update(call=name, x=f"{NAMES[x.dtype]}{x.shape}", w=f"{NAMES[w.dtype]}{w.shape}",
                   **options)
    function = getattr(ndimage, name)
    keywords = dict(mode=mode, cval=cval, origin=origins, axes=axes and tuple(axes))
    ours = faltung.call(f"image.{name}", x, w, **options)

    reach = max(np.abs(wide(x)).max(), abs(cval))
    magnitude = reach * np.abs(wide(w)).sum()
    points = np.prod(np.array(x.shape)) * max(w.size, 1)
    double = 2 * sum_bound(w.size, magnitude, np.float64)
    transform = fft_bound(points, reach * np.sqrt(points), np.linalg.norm(wide(w)), np.float64)
    if direct:
        transform = 0
    if x.dtype.kind in "iu":
        if ours.dtype != x.dtype:
            raise Mismatch(f"type {ours.dtype}, theirs {x.dtype}")
        exact = function(x, w, output=np.float64, **keywords)
        check_integers(ours, exact, 0 if w.dtype.kind == "i" else double + transform, store)
    else:
        theirs = function(x, w, **keywords)
        points_norm = reach * np.sqrt(points), np.linalg.norm(wide(w))
        check(ours, theirs, 2 * sum_bound(w.size, magnitude, theirs.dtype)
              + roundoff(theirs.dtype) * np.abs(theirs)
              + (0 if direct else fft_bound(points, *points_norm, theirs.dtype)))


def filter_1d(faltung, draw, problem):
    name = draw.one_of(["convolve1d", "correlate1d"])
    rank = draw.integer(1, 3)
    types = draw.one_of([FLOATS, FLOATS, COMPLEX])
    x = image(draw, rank, [40, 12, 7][rank - 1], draw.one_of(types))
    axis = draw.integer(-rank, rank - 1)
    # ndimage takes 1-D weights as f64 or c128.
    w_type = "c128" if types is COMPLEX else "f64"
    w = draw.array(draw.extents(1, x.shape[axis] + 4), DTYPES[w_type])
    origin = origin_for(draw, len(w))
    if name == "convolve1d":
        origin = min(max(origin, -((len(w) - 1) // 2)), (len(w) - 1) // 2)
    mode, cval, rule = boundary(draw, x)
    problem.update(call=name, x=f"{NAMES[x.dtype]}{x.shape}", w=w.shape, axis=axis, origin=origin,
                   boundary=rule)
    theirs = getattr(ndimage, name)(x, w, axis=axis, mode=mode, cval=cval, origin=origin)
    ours = faltung.call(f"image.{name}", x, w, axis=axis, origin=origin, boundary=rule)
    reach = max(np.abs(wide(x)).max(), abs(cval))
    points = 2 * (x.shape[axis] + len(w))
    limit = (2 * sum_bound(len(w), reach * np.abs(w).sum(), theirs.dtype)
             + fft_bound(points, reach * np.sqrt(points), np.linalg.norm(w), theirs.dtype))
    check(ours, theirs, limit)


def one_hot(axis, rank, value):
    return [value if i == axis else 0 for i in range(rank)]


def sum_over_axes(derivative, rank, root):
    """The definition of laplace and gradient magnitude for one boundary rule per axis. There
    ndimage differs from its own documentation: it takes the rule of an axis for all axes of the
    term that differentiates along it."""
    terms = [derivative(axis=axis) for axis in range(rank)]
    return np.sqrt(sum(term * term for term in terms)) if root else sum(terms)


def weight_bound(sigma, order, radius):
    """(sum |w|, error of that sum in units of u) of a sampled Gaussian derivative.

    exp(-t) is off by (3 t + 1) u with t = radius^2 / 2 sigma^2; the Hermite polynomial, by
    (2 order + 1) u times the polynomial of its coefficients' magnitudes.
    """
    t = np.arange(-radius, radius + 1) / sigma
    phi = np.exp(-t * t / 2)
    phi /= phi.sum()
    coefficients = np.abs(np.polynomial.hermite_e.herme2poly([0] * order + [1]))
    polynomial = np.polynomial.polynomial.polyval(np.abs(t), coefficients)
    units = 3 * (radius / sigma) ** 2 / 2 + 2 * order + 1 + len(t) + 4
    return (phi * polynomial).sum() / sigma**order, units


def gaussians(faltung, draw, problem):
    name = draw.one_of(["gaussian", "gaussian", "gaussian_laplace", "gaussian_gradient_magnitude"])
    rank = draw.integer(1, 3)
    kinds = ["f32", "f64"] if name.endswith("magnitude") else ["f32", "f64", "c64", "c128"]
    x = image(draw, rank, [60, 14, 7][rank - 1], draw.one_of(kinds))
    axes = axes_of(draw, rank) if name == "gaussian" else None
    filtered = list(range(rank)) if axes is None else axes
    sigma = [draw.one_of([0.3, 0.5, 1.0, 2.0, 3.5]) for _ in filtered]
    if draw.chance(0.2):
        sigma[0] = 0.0  # which skips the axis; a derivative along it would be undefined
    if name != "gaussian" or draw.chance(0.3):
        sigma = [draw.one_of([0.5, 1.0, 2.0])] * len(filtered)
    orders = [draw.integer(0, 3) if s and draw.chance(0.3) else 0 for s in sigma]
    if name != "gaussian":
        orders = [2 if name == "gaussian_laplace" else 1] * len(sigma)
    modes, cval, rules = boundaries(draw, x, len(filtered))
    truncate = draw.one_of([4.0, 2.0, 1.5])
    options = dict(sigma=sigma, boundary=rules, truncate=truncate)
    keywords = dict(mode=modes, cval=cval, truncate=truncate)
    if name == "gaussian":
        options["order"] = keywords["order"] = orders
        if axes is not None:
            options["axes"], keywords["axes"] = axes, tuple(axes)
        if draw.chance(0.3):
            options["radius"] = keywords["radius"] = [draw.integer(1, 9) for _ in filtered]
    problem.update(call=name, x=f"{NAMES[x.dtype]}{x.shape}", **options)
    if name == "gaussian":
        theirs = ndimage.gaussian_filter(x, sigma, **keywords)
    elif len(set(modes)) == 1:
        theirs = getattr(ndimage, name)(x, sigma, **keywords | {"mode": modes[0]})
    else:
        def derivative(axis):
            return ndimage.gaussian_filter(x, sigma, one_hot(axis, rank, orders[0]), **keywords)
        theirs = sum_over_axes(derivative, rank, root=name.endswith("magnitude"))
    ours = faltung.call(f"image.{name}", x, **options)

    # Every pass sums its taps in the accumulator and stores in the type of x.
    radii = options.get("radius") or [int(truncate * s + 0.5) for s in sigma]
    u = roundoff(x.dtype)
    reach = max(np.abs(wide(x)).max(), abs(cval))
    magnitude, relative = reach, 0.0
    for s, n, radius in zip(sigma, orders, radii):
        if s > 0:
            # In the relatives every axis is smoothed or differentiated: the larger counts.
            weight, units = weight_bound(s, n, max(radius, 0))
            magnitude *= max(weight, 1.0)
            relative += (2 * radius + 1 + 4) * u + units * 2.0**-53 + u
    if name != "gaussian":
        # A sum, or a root of a sum of squares, over the axes.
        magnitude *= len(sigma)
        relative += (len(sigma) + 4) * u
    check(ours, theirs, 2 * magnitude * relative)


def integer_gaussian(faltung, draw, problem):
    """Truncated after every pass, as in ndimage."""
    x = image(draw, 2, 12, draw.one_of(INTEGERS))
    sigma = [draw.one_of([0.5, 1.0, 2.0]) for _ in range(2)]
    mode, cval, rule = boundary(draw, x)
    problem.update(call="gaussian", x=f"{NAMES[x.dtype]}{x.shape}", sigma=sigma, boundary=rule)
    ours = faltung.call("image.gaussian", x, sigma=sigma, boundary=rule)
    reach = max(np.abs(wide(x)).max(), abs(cval))
    slack = reach * 200 * 2.0**-53
    # Pass by pass. Where the first pass is decided by rounding, both results must be allowed, so
    # the second pass gets their difference as slack.
    passes = x, 0.0
    for axis in range(2):
        image_, doubt = passes
        taps = dict(axis=axis, mode=mode, cval=cval)
        exact = ndimage.gaussian_filter1d(image_.astype(np.float64), sigma[axis], **taps)
        spread = ndimage.gaussian_filter1d(np.broadcast_to(doubt, x.shape).astype(np.float64),
                                           sigma[axis], axis=axis, mode=mode) + slack
        low, high = truncated(exact - spread, x.dtype), truncated(exact + spread, x.dtype)
        passes = truncated(exact, x.dtype), np.abs(wide(high) - wide(low))
    problem["ambiguous"] = int(np.count_nonzero(passes[1]))
    if ours.dtype != x.dtype:
        raise Mismatch(f"type {ours.dtype}, theirs {x.dtype}")
    check(ours, passes[0], passes[1], same_type=False)


def uniform(faltung, draw, problem):
    rank = draw.integer(1, 3)
    x = image(draw, rank, [40, 12, 7][rank - 1], draw.one_of(["f32", "f64", "i16", "u8"]))
    axes = axes_of(draw, rank)
    filtered = list(range(rank)) if axes is None else axes
    size = [draw.integer(1, 7) for _ in filtered]
    origin = [origin_for(draw, taps) for taps in size]
    mode, cval, rule = boundary(draw, x)
    options = dict(size=size, origin=origin, boundary=rule)
    if axes is not None:
        options["axes"] = axes
    nearest = x.dtype.kind in "iu" and (mode != "constant" or cval == 0) and draw.chance(0.5)
    if nearest:
        options["store"] = "nearest, wrap"
    problem.update(call="uniform", x=f"{NAMES[x.dtype]}{x.shape}", **options)
    keywords = dict(size=size, mode=mode, cval=cval, origin=origin,
                    axes=None if axes is None else tuple(axes))
    ours = faltung.call("image.uniform", x, **options)
    reach = max(np.abs(wide(x)).max(), abs(cval))
    if x.dtype.kind in "iu":
        # ndimage's running sum, divided in floating point, may miss a whole quotient by one: every
        # pass is therefore redone here in whole numbers.
        theirs = x.astype(np.int64)
        for axis, taps, shift in zip(filtered, size, origin):
            total = ndimage.correlate1d(theirs.astype(np.float64), np.ones(taps), axis=axis,
                                        mode=mode, cval=cval, origin=shift).astype(np.int64)
            below, rest = np.divmod(total, taps)
            half = 2 * rest - taps
            up = (half > 0) | ((half == 0) & (below % 2 != 0)) if nearest else (total < 0) & (rest > 0)
            theirs = (below + up).astype(x.dtype).astype(np.int64)
        check(ours, theirs.astype(x.dtype))
        return
    theirs = ndimage.uniform_filter(x, **keywords)
    # A running sum over an axis of N elements rounds 2 N times.
    relative = sum((2 * n + taps + 8) * roundoff(x.dtype) for n, taps in zip(
        [x.shape[axis] for axis in filtered], size))
    check(ours, theirs, 2 * reach * relative)


def derivatives(faltung, draw, problem):
    name = draw.one_of(["sobel", "prewitt", "laplace", "sobel_magnitude", "prewitt_magnitude"])
    rank = draw.integer(1, 3)
    kinds = FLOATS if name.endswith("magnitude") else [*INTEGERS, *FLOATS, *COMPLEX]
    x = image(draw, rank, [40, 12, 7][rank - 1], draw.one_of(kinds))
    modes, cval, rules = boundaries(draw, x, rank)
    options = dict(boundary=rules)
    given = x
    if x.dtype == np.uint64:
        # ndimage sums in f64, which loses the low bits of a negative first pass stored as u64.
        x = x.astype(np.int64)
    if name in ("sobel", "prewitt"):
        axis = options["axis"] = draw.integer(-rank, rank - 1)
        theirs = getattr(ndimage, name)(x, axis=axis, mode=modes, cval=cval)
    elif name == "laplace":
        theirs = ndimage.laplace(x, mode=modes, cval=cval)
    elif len(set(modes)) == 1:
        derivative = getattr(ndimage, name.removesuffix("_magnitude"))
        theirs = ndimage.generic_gradient_magnitude(x, derivative, mode=modes[0], cval=cval)
    else:
        derivative = getattr(ndimage, name.removesuffix("_magnitude"))
        theirs = sum_over_axes(partial(derivative, x, mode=modes, cval=cval), rank, root=True)
    theirs = theirs if given is x else theirs.astype(given.dtype)
    problem.update(call=name, x=f"{NAMES[given.dtype]}{x.shape}", **options)
    ours = faltung.call(f"image.{name}", given, **options)
    reach = max(np.abs(wide(x)).max(), abs(cval))
    # Weights sum to at most 4 in magnitude along each axis, and 3 taps make a pass. A root of a sum
    # of squares over the axes adds rank + 4 roundings.
    growth = rank if name.endswith("magnitude") else 1
    magnitude = growth * reach * (4 * rank if name == "laplace" else 4.0**rank)
    check(ours, theirs, 2 * (rank * (3 + 4 + 1) + rank + 4) * roundoff(x.dtype) * magnitude)


def ranks(faltung, draw, problem):
    """Elements are chosen, so the results are equal. SciPy compares 64-bit integers as f64, and its
    code for one dimension is wrong for footprints with holes and for windows longer than the line:
    it is asked in two."""
    name = draw.one_of(["median", "minimum", "maximum", "percentile", "rank"])
    rank = draw.integer(1, 3)
    kinds = [*(kind for kind in INTEGERS if "64" not in kind), *FLOATS]
    x = image(draw, rank, [40, 12, 7][rank - 1], draw.one_of(kinds))
    axes = axes_of(draw, rank)
    window = [draw.integer(1, 5) for _ in (range(rank) if axes is None else axes)]
    mode, cval, rule = boundary(draw, x)
    origin = [origin_for(draw, taps) for taps in window]
    options = dict(boundary=rule, origin=origin)
    keywords = dict(mode=mode, cval=cval, origin=origin, axes=None if axes is None else tuple(axes))
    if axes is not None:
        options["axes"] = axes
    arrays, members = [], int(np.prod(window))
    if draw.chance(0.5):
        footprint = draw.rng.random(window) < 0.7
        footprint.flat[0] = True
        keywords["footprint"], members = footprint, int(footprint.sum())
        arrays = [footprint.astype(np.uint8)]
    else:
        keywords["size"] = options["size"] = window
    if name == "rank":
        keywords["rank"] = options["rank"] = draw.integer(-members, members - 1)
    if name == "percentile":
        keywords["percentile"] = options["percentile"] = draw.one_of([0, 12.5, 50, 75, 100, -25])
    problem.update(call=name, x=f"{NAMES[x.dtype]}{x.shape}", window=window, **options)
    if rank == 1:
        keywords.update(origin=[0, *origin], axes=None)
        if arrays:
            keywords["footprint"] = keywords["footprint"][np.newaxis]
        else:
            keywords["size"] = [1, *window]
    theirs = getattr(ndimage, f"{name}_filter")(x[np.newaxis] if rank == 1 else x, **keywords)
    theirs = theirs[0] if rank == 1 else theirs
    check(faltung.call(f"image.{name}", x, *arrays, **options), theirs)


if __name__ == "__main__":
    main("faltung.image against scipy.ndimage", [
        ("image.nd", 400, filter_nd), ("image.1d", 150, filter_1d),
        ("image.gaussian", 200, gaussians), ("image.integer_gaussian", 60, integer_gaussian),
        ("image.uniform", 120, uniform),
        ("image.derivatives", 200, derivatives)])
