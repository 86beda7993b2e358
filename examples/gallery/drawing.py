"""Plots as SVG and pictures as PNG, in the text of a page."""

import base64
import html
import struct
import zlib

import numpy as np

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 66, 12, 28, 40


def picture(pixels, title, scale=1):
    """Grey [h, w] or colour [h, w, 3] values of 0..1 as a figure, each pixel `scale` pixels wide."""
    bytes_ = np.repeat(np.repeat((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8), scale, 0), scale, 1)
    height, width = bytes_.shape[:2]
    # Every row begins with the number of its filter: none.
    rows = np.concatenate([np.zeros((height, 1), np.uint8), bytes_.reshape(height, -1)], 1).tobytes()

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2 if bytes_.ndim == 3 else 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return (f'<figure><img alt="{html.escape(title)}" width="{width}" height="{height}" '
            f'src="data:image/png;base64,{base64.b64encode(png).decode()}"><figcaption>{html.escape(title)}</figcaption>'
            "</figure>")


def _ticks(low, high, logarithmic):
    """Positions of at most about seven labels."""
    if logarithmic:
        decades = range(int(np.floor(np.log10(low))), int(np.floor(np.log10(high) + 1e-9)) + 1)
        factors = (1,) if high > 300 * low else (1, 2, 5)
        every = [factor * 10.0**e for e in decades for factor in factors]
        inside = [tick for tick in every if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
        return inside[::-(-len(inside) // 7) or 1]
    step = 10.0**np.floor(np.log10((high - low) / 5))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 6)
    return [i * step for i in range(int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9)) + 1)]


class Plot:
    """Lines over common axes, linear or logarithmic.

    lines : {label: (x, y)}. Each has a class of its own, "line0" and so on, that the page's style colours.
    """

    def __init__(self, lines, x_label, y_label, logarithmic=False, marks=(), height=HEIGHT):
        self.lines, self.labels, self.logarithmic = lines, (x_label, y_label), logarithmic
        self.marks, self.height = marks, height
        every = [np.concatenate([np.asarray(line[i], float) for line in lines.values()]) for i in (0, 1)]
        self.ranges = []
        for values in every:
            low, high = values.min(), values.max()
            margin = 0 if logarithmic else (high - low or 1) * 0.04
            self.ranges.append((low - margin, high + margin))

    def _at(self, values, axis):
        low, high = self.ranges[axis]
        values = np.asarray(values, float)
        share = np.log(values / low) / np.log(high / low) if self.logarithmic else (values - low) / (high - low)
        if axis == 0:
            return LEFT + share * (WIDTH - LEFT - RIGHT)
        return self.height - BOTTOM - share * (self.height - TOP - BOTTOM)

    def svg(self):
        bottom = self.height - BOTTOM
        parts = [f'<svg class="plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" role="img">']
        for axis in 0, 1:
            for tick in _ticks(*self.ranges[axis], self.logarithmic):
                at = float(self._at(tick, axis))
                x, y = (at, bottom + 15) if axis == 0 else (LEFT - 6, at + 4)
                line = (at, TOP, at, bottom) if axis == 0 else (LEFT, at, WIDTH - RIGHT, at)
                parts.append('<line class="grid" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>'.format(*line))
                parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{("middle", "end")[axis]}">{tick:g}</text>')
        for at, label in self.marks:
            x = float(self._at(at, 0))
            parts.append(f'<line class="mark" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}"/>'
                         f'<text x="{x + 5:.1f}" y="{TOP + 12}">{html.escape(label)}</text>')
        after = LEFT
        for i, (label, (x, y)) in enumerate(self.lines.items()):
            points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(self._at(x, 0), self._at(y, 1)))
            parts.append(f'<polyline class="line{i}" points="{points}"/>')
            parts.append(f'<text class="key{i}" x="{after}" y="{TOP - 12}">{html.escape(label)}</text>')
            after += 20 + 7 * len(label)
        x_label, y_label = (html.escape(label) for label in self.labels)
        parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{self.height - 6}" text-anchor="middle">{x_label}</text>'
                     f'<text transform="translate(13 {(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">{y_label}'
                     "</text></svg>")
        return "<figure>" + "".join(parts) + "</figure>"
