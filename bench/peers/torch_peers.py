"""PyTorch: oneDNN on a CPU, cuDNN on a GPU in both layouts with its search on and off, and torch.fft."""

import itertools

# Beyond this many products a direct run takes minutes on a CPU, seconds on a GPU.
MOST_DIRECT_PRODUCTS = {"cpu": 2e11, "cuda": 4e13}


def _types():
    import torch

    return {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32, "f64": torch.float64,
            "c64": torch.complex64, "c128": torch.complex128}


def _products(problem):
    count = problem.batch * problem.outputs * (problem.inputs // problem.groups)
    for extent, taps, stride in zip(problem.extent, problem.taps, problem.stride):
        count *= extent * taps / stride
    return count


def _tensor(shape, dtype, device):
    import torch

    return torch.rand(shape, device=device, dtype=torch.float32).mul_(2).sub_(1).to(dtype)


def _fast_length(n):
    from scipy.fft import next_fast_len

    return next_fast_len(n, real=True)


def _fft_call(x, w, axes, lengths, cached):
    """One batched FFT convolution; the filter's spectrum is made beforehand only if `cached`."""
    import torch

    real = not x.is_complex()
    forward = torch.fft.rfftn if real else torch.fft.fftn
    inverse = torch.fft.irfftn if real else torch.fft.ifftn
    work = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    taps = w.float() if w.dtype in (torch.float16, torch.bfloat16) else w
    spectrum = forward(taps, lengths, axes) if cached else None

    def call():
        s = spectrum if cached else forward(taps, lengths, axes)
        data = x.float() if work is not x else x
        return inverse(forward(data, lengths, axes).mul_(s), lengths, axes)

    return call


def fft(problem, device):
    """Linear convolution of one filter per channel or of all; only where FFTs are a sensible choice."""
    types = _types()
    single = problem.op in ("signal", "filter") or (problem.op == "fwd" and problem.depthwise)
    if problem.dtype not in types or not (single or problem.op == "long"):
        return
    if problem.op == "filter" and min(problem.taps) < 9 or max(problem.taps) < 17 and problem.rank == 1:
        return
    if set(problem.stride) | set(problem.dilation) != {1}:
        return
    channels = problem.inputs
    x = _tensor((problem.batch, channels) + problem.extent, types[problem.dtype], device)
    w = _tensor((channels,) + problem.taps, types[problem.dtype], device)
    axes = tuple(range(2, 2 + problem.rank))
    lengths = [_fast_length(n + t - 1) for n, t in zip(problem.extent, problem.taps)]
    yield "torch_fft", _fft_call(x, w[None], axes, lengths, cached=problem.op == "long"), False


def _pad_mode(boundary):
    return {"reflect": None, "mirror": "reflect", "nearest": "replicate", "wrap": "circular", "constant": "constant",
            "zero": "constant"}[boundary]


def filters(problem, device):
    """Pads explicitly, then convolves: what PyTorch users write."""
    import torch
    import torch.nn.functional as nnf

    types = _types()
    if problem.op not in ("signal", "filter") or problem.dtype not in types or problem.rank > 3:
        return
    if _products(problem) > MOST_DIRECT_PRODUCTS[device]:
        return
    conv = (nnf.conv1d, nnf.conv2d, nnf.conv3d)[problem.rank - 1]
    x = _tensor((problem.batch, 1) + problem.extent, types[problem.dtype], device)
    boundary = problem.boundary if problem.op == "filter" else "zero"
    # Half-sample reflection is not among PyTorch's; whole-sample moves the same bytes.
    mode = _pad_mode(boundary) or "reflect"
    full = problem.op == "signal" and problem.mode == "full"
    pads = [(t - 1, t - 1) if full else (t // 2, (t - 1) // 2) for t in problem.taps]
    if problem.op == "signal" and problem.mode == "valid":
        pads = [(0, 0)] * problem.rank
    flat = list(itertools.chain.from_iterable(reversed(pads)))
    if problem.separable:
        rows = []
        for axis, taps in enumerate(problem.taps):
            shape = [1, 1] + [1] * problem.rank
            shape[2 + axis] = taps
            rows.append(_tensor(shape, types[problem.dtype], device))

        def call():
            y = nnf.pad(x, flat, mode=mode)
            for row in rows:
                y = conv(y, row)
            return y
    else:
        w = _tensor((1, 1) + problem.taps, types[problem.dtype], device)

        def call():
            return conv(nnf.pad(x, flat, mode=mode) if any(flat) else x, w)

    yield "torch_pad_conv" if problem.op == "filter" else "torch_conv", call, True


def _layer_calls(problem, device, layout):
    import torch
    import torch.nn.functional as nnf

    types = _types()
    low = [p[0] for p in problem.pads]
    symmetric = all(p[0] == p[1] for p in problem.pads)
    causal = all(p[1] == 0 for p in problem.pads)
    if not symmetric and not causal:
        return None
    conv = (nnf.conv1d, nnf.conv2d, nnf.conv3d)[problem.rank - 1]
    x = _tensor((problem.batch, problem.inputs) + problem.extent, types[problem.dtype], device)
    w = _tensor((problem.outputs, problem.inputs // problem.groups) + problem.taps, types[problem.dtype], device)
    if layout == "nhwc":
        if problem.rank == 1:
            return None
        form = torch.channels_last if problem.rank == 2 else torch.channels_last_3d
        x, w = x.contiguous(memory_format=form), w.contiguous(memory_format=form)
    options = (problem.stride, low, problem.dilation)
    if problem.op == "fwd":
        return lambda: conv(x, w, None, *options, problem.groups)
    y = conv(x, w, None, *options, problem.groups)
    dy = torch.rand_like(y)
    mask = (True, False, False) if problem.op == "dgrad" else (False, True, False)

    def gradient():
        return torch.ops.aten.convolution_backward(dy, x, w, None, problem.stride, low, problem.dilation, False,
                                                   [0] * problem.rank, problem.groups, mask)

    return gradient


def layers(problem, device):
    import torch

    if problem.op not in ("fwd", "dgrad", "wgrad") or problem.dtype not in _types() or problem.rank > 3:
        return
    if problem.boundary != "zero" or problem.flip or problem.unread:
        return
    if _products(problem) > MOST_DIRECT_PRODUCTS[device]:
        return
    searches = (False, True) if device == "cuda" else (False,)
    for layout, search in itertools.product(("nchw", "nhwc"), searches):
        call = _layer_calls(problem, device, layout)
        if call is None:
            continue

        def run(call=call, search=search):
            torch.backends.cudnn.benchmark = search
            return call()

        suffix = ("_bench" if search else "_heur") if device == "cuda" else ""
        yield f"torch_{layout}{suffix}", run, True


def prepare(problem):
    """TF32 only where the problem allows it, in cuDNN and in cuBLAS."""
    import torch

    torch.backends.cudnn.allow_tf32 = problem.tf32
    torch.backends.cuda.matmul.allow_tf32 = problem.tf32


ALL = (fft, filters, layers)
