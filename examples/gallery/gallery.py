"""Makes a page that shows what convolution does, in one file that needs nothing else.

    python examples/gallery/gallery.py [--out build/gallery/index.html] [--image PHOTOGRAPH] [--quick]

It needs the Python package; a photograph needs Pillow, and without one a picture is drawn. The plots of speed take SciPy,
and some twenty seconds, which --quick leaves out.
"""

import argparse
import html
import pathlib
import sys
import time

import numpy as np

import faltung
from drawing import Plot, picture

HERE = pathlib.Path(__file__).resolve().parent


def run(code, **names):
    """Runs code that the page shows, and gives what it leaves behind."""
    names.update(np=np, faltung=faltung)
    exec(code, names)
    return names


def section(title, text, code, *figures):
    shown = f"<pre>{html.escape(code.strip())}</pre>" if code else ""
    return f"<h2>{html.escape(title)}</h2>\n<p>{text}</p>\n{shown}\n" + "\n".join(figures) + "\n"


def drawn_photo():
    """A picture with edges, curves and fine lines, 192 by 192 in grey."""
    y, x = np.mgrid[-1:1:192j, -1:1:192j]
    image = 0.25 + 0.2 * (y + 1) / 2
    image[np.hypot(x + 0.35, y + 0.3) < 0.38] = 0.9
    image[(abs(x - 0.45) < 0.3) & (abs(y - 0.25) < 0.35)] = 0.1
    stripes = (y > 0.55) & (x < 0.05)
    image[stripes] = 0.5 + 0.4 * np.sin(90 * x[stripes] * (1.2 + x[stripes]))
    return image


def photo_of(file):
    """The middle of a photograph, 192 by 192 in grey, or the drawn one."""
    if not file or not pathlib.Path(file).exists():
        return drawn_photo()
    from PIL import Image
    whole = Image.open(file).convert("L")
    side = min(whole.size)
    left, top = (whole.width - side) // 2, (whole.height - side) // 2
    return np.asarray(whole.crop((left, top, left + side, top + side)).resize((192, 192))) / 255


def filters(photo):
    code = """
soft = faltung.ndimage.gaussian_filter(photo, sigma=2.5)
edges = np.hypot(faltung.ndimage.sobel(photo, 0), faltung.ndimage.sobel(photo, 1))
sharp = photo + 1.5 * (photo - faltung.ndimage.gaussian_filter(photo, sigma=1.5))
curved = faltung.ndimage.gaussian_laplace(photo, sigma=1.5)
clean = faltung.ndimage.median_filter(speckled, size=3)
thick = faltung.ndimage.grey_erosion(photo, size=5)
"""
    random = np.random.default_rng(1)
    speckled = np.where(random.random(photo.shape) < 0.1, random.random(photo.shape) > 0.5, photo)
    made = run(code, photo=photo, speckled=speckled)
    pictures = [picture(photo, "photo"), picture(made["soft"], "soft: a Gaussian"),
                picture(made["edges"] / made["edges"].max(), "edges: Sobel, magnitude"),
                picture(made["sharp"], "sharp: more of what is fine"),
                picture(0.5 + made["curved"] / (2 * abs(made["curved"]).max()), "curved: Laplacian of a Gaussian"),
                picture(speckled, "speckled"), picture(made["clean"], "clean: the median of nine"),
                picture(made["thick"], "thick: grey erosion")]
    return section("Filters of an image", "A pixel of the result is a sum, or another function, of a pixel's neighbours.", code,
                   '<div class="row">' + "".join(pictures) + "</div>")


def lag_finding():
    code = """
correlation = faltung.signal.correlate(heard, sent, mode="full")
lags = faltung.signal.correlation_lags(heard.size, sent.size, mode="full")
lag = lags[np.argmax(correlation)]
"""
    random = np.random.default_rng(4)
    time_ = np.arange(400)
    sent = np.sin(time_**2 / 900) * np.hanning(400)
    heard = random.normal(scale=0.8, size=2000)
    heard[1234:1634] += sent
    made = run(code, heard=heard, sent=sent)
    return section("Finding a lag", "What was sent comes back later, under noise louder than itself. Their correlation has its "
                   f"peak at the lag: {made['lag']} samples, and 1234 it was.", code,
                   Plot({"heard": (np.arange(2000), heard), "sent": (time_, sent)}, "sample", "amplitude", height=200).svg(),
                   Plot({"correlation": (made["lags"], made["correlation"])}, "lag, samples", "correlation",
                        marks=[(made["lag"], f"lag {made['lag']}")], height=200).svg())


def deblurring(photo):
    code = """
blurred = faltung.signal.convolve(photo, psf, mode="same") + noise
lucy = faltung.restoration.richardson_lucy(blurred.clip(0), psf, num_iter=40)
wiener = faltung.restoration.wiener(blurred, psf, balance=0.002)
"""
    angle = np.deg2rad(25)
    y, x = np.mgrid[-7:8, -7:8]
    psf = np.exp(-(x * np.sin(angle) + y * np.cos(angle))**2 / 2 - (x * np.cos(angle) - y * np.sin(angle))**2 / 20)
    psf /= psf.sum()
    made = run(code, photo=photo, psf=psf, noise=np.random.default_rng(2).normal(scale=0.005, size=photo.shape))

    def distance(image):
        inside = (slice(12, -12),) * 2
        return f"{np.sqrt(np.mean((image - photo)[inside]**2)):.3f} from the truth"

    pictures = [picture(made[name], f"{name}: {distance(made[name])}") for name in ("blurred", "lucy", "wiener")]
    return section("Deblurring", "A shaken camera convolved the picture with the path of its shaking. Richardson and Lucy's "
                   "iteration asks which picture is most likely to have become this one; Wiener's filter divides the spectra, "
                   "as far as the noise lets it.", code, '<div class="row">' + "".join(pictures) + "</div>")


def layer(photo):
    code = """
learned = np.zeros_like(wanted)   # [filters, channels, rows, columns]
losses, gradients = [], []
for step in range(60):
    error = faltung.nn.conv2d(images, learned, padding=2) - target
    losses.append(np.mean(error**2))
    gradients.append(faltung.nn.conv_weight(images, learned.shape, error, padding=2))
    learned -= rate * gradients[-1]
    blame = faltung.nn.conv_input(images.shape, learned, error, padding=2)
"""
    random = np.random.default_rng(3)
    patches = [photo[i:i + 64, j:j + 64] for i in (0, 64, 128) for j in (0, 64, 128)]
    # Without what is smooth, so that all frequencies are learned about as fast.
    fine = [patch - faltung.ndimage.gaussian_filter(patch, 1.5) for patch in patches]
    images = np.stack(fine)[:, None] + random.normal(scale=0.1, size=(9, 1, 64, 64))
    x, y = np.meshgrid(np.arange(-2, 3), np.arange(-2, 3))
    bell = np.exp(-(x**2 + y**2) / 2)
    wanted = np.stack([bell / bell.sum(), -x * bell / 4, (x**2 + y**2 - 2) * bell / 4])[:, None]
    target = faltung.nn.conv2d(images, wanted, padding=2)
    # Steepest descent is stable below 2 over the largest power of the images at a frequency.
    power = np.abs(np.fft.fft2(images[:, 0], (68, 68)))**2
    made = run(code, images=images, wanted=wanted, target=target, rate=1 / power.sum(0).max())

    def shown(filters, said):
        return [picture(0.5 + each[0] / (2 * abs(each).max()), f"{said} {i + 1}", 20) for i, each in enumerate(filters)]

    kinds = (wanted, "wanted"), (-made["gradients"][0], "first step"), (made["learned"], "learned")
    return section("A layer learns", "Three filters of 5 x 5 learn what was done to nine images: the gradient of the loss by the "
                   "filters is a convolution again, and so is that by the images.", code,
                   Plot({"loss": (np.arange(1, 61), made["losses"])}, "step", "mean square error", logarithmic=True,
                        height=240).svg(),
                   *(f'<div class="row">{"".join(shown(*kind))}</div>' for kind in kinds))


def distributions():
    code = """
die = np.full(6, 1 / 6)   # 1 to 6, each as likely
sums = [die]
while len(sums) < 6:
    sums.append(faltung.numpy.convolve(sums[-1], die))
"""
    sums = run(code)["sums"]
    lines = {f"{n + 1} {'dice' if n else 'die'}": (np.arange(p.size) + n + 1, p) for n, p in enumerate(sums) if n in (0, 1, 2, 5)}
    mean, variance = 6 * 3.5, 6 * 35 / 12
    at = np.linspace(6, 36, 121)
    lines["a Gaussian"] = (at, np.exp(-(at - mean)**2 / (2 * variance)) / np.sqrt(2 * np.pi * variance))
    return section("Sums of dice", "The distribution of a sum of independent numbers is the convolution of their distributions: "
                   "of six dice hardly to be told from a Gaussian.", code, Plot(lines, "sum", "probability").svg())


def _microseconds(call):
    best, end = float("inf"), time.perf_counter() + 0.25
    while time.perf_counter() < end:
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best * 1e6


def speed():
    import scipy.ndimage
    import scipy.signal
    random = np.random.default_rng(1)
    taps = np.array([3, 9, 27, 81, 243, 729, 2187])
    x = random.normal(size=65536).astype("f4")
    kernels = [random.normal(size=n).astype("f4") for n in taps]
    calls = {"faltung.signal.convolve": lambda k: faltung.signal.convolve(x, k, "same"),
             "scipy.signal.convolve": lambda k: scipy.signal.convolve(x, k, "same"),
             "scipy.signal.oaconvolve": lambda k: scipy.signal.oaconvolve(x, k, "same")}
    lines = {name: (taps, [_microseconds(lambda k=k: call(k)) for k in kernels]) for name, call in calls.items()}
    sides = np.array([32, 64, 128, 256, 512, 1024])
    images = [random.normal(size=(n, n)) for n in sides]
    of_images = {"faltung": (sides, [_microseconds(lambda i=i: faltung.ndimage.gaussian_filter(i, 2)) for i in images]),
                 "scipy": (sides, [_microseconds(lambda i=i: scipy.ndimage.gaussian_filter(i, 2)) for i in images])}
    return section("How fast", f"Shortest times on this machine, {faltung.threads()} threads, when the page was made. A planner "
                   "takes direct sums for short filters and transforms for long ones.", "",
                   Plot(lines, "taps over 65,536 samples in float32", "us", logarithmic=True).svg(),
                   Plot(of_images, "side of an image in float64, Gaussian of sigma 2", "us", logarithmic=True).svg())


def page(photo, quick):
    sections = [filters(photo), lag_finding(), deblurring(photo), layer(photo), distributions()]
    if not quick:
        sections.append(speed())
    text = (HERE / "page.html").read_text()
    for place, part in (("<!-- sections -->", "\n".join(sections)), ("// script", (HERE / "sliding.js").read_text()),
                        ("<!-- made -->", f"Made by Faltung {faltung.__version__}.")):
        text = text.replace(place, part)
    return text


def main():
    root = HERE.parents[1]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=root / "build/gallery/index.html")
    parser.add_argument("--image", default=root / "build/demo-data/astronaut.png")
    parser.add_argument("--quick", action="store_true", help="without the plots of speed")
    options = parser.parse_args()
    try:
        photo = photo_of(options.image)
    except ImportError:
        print("gallery: no Pillow, so the picture is drawn", file=sys.stderr)
        photo = drawn_photo()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(page(photo, options.quick))
    print(f"gallery: {options.out}, {options.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
