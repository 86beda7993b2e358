"""The gallery's page: whole, without a network, right; and its script, where there is Node, beside the library."""

import html.parser
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy as np

import faltung

GALLERY = pathlib.Path(__file__).resolve().parents[2] / "examples/gallery"
VOID = {"meta", "img", "input", "br", "link"}


class Page(html.parser.HTMLParser):
    """Whether tags close as they opened, and what is referred to."""

    def __init__(self, text):
        super().__init__()
        self.open, self.titles, self.references, self.kinds, self.ids = [], [], [], {}, set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.kinds[tag] = self.kinds.get(tag, 0) + 1
        values = dict(attributes)
        self.references += [values[name] for name in ("src", "href") if name in values]
        self.ids.add(values.get("id"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.kinds[tag] = self.kinds.get(tag, 0) + 1

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            raise AssertionError(f"</{tag}> closes nothing, line {self.getpos()[0]}")

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.titles.append(data)


class Gallery(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "index.html"
            subprocess.run([sys.executable, GALLERY / "gallery.py", "--quick", "--image", "", "--out", out], check=True,
                           stdout=subprocess.DEVNULL)
            cls.text = out.read_text()
        cls.page = Page(cls.text)

    def test_the_page_is_whole(self):
        self.assertEqual(self.page.open, [])
        self.assertEqual(self.page.titles, ["Step by step", "Filters of an image", "Finding a lag", "Deblurring",
                                            "A layer learns", "Sums of dice"])
        self.assertEqual(self.page.kinds["img"], 8 + 3 + 9)
        self.assertEqual(self.page.kinds["svg"], 4)
        self.assertNotRegex(self.text, r"\bnan\b|<!-- (sections|made) -->")
        self.assertLess(len(self.text), 1e6)

    def test_it_refers_to_nothing_outside(self):
        self.assertTrue(all(each.startswith("data:image/png;base64,") for each in self.page.references))
        self.assertEqual(set(re.findall(r"https?://[^\s\"'`]+", self.text)), {"http://www.w3.org/2000/svg"})

    def test_the_script_finds_what_it_asks_for(self):
        script = (GALLERY / "sliding.js").read_text()
        for each in re.findall(r'getElementById\("(\w+)"\)', script):
            self.assertIn(each, self.page.ids)

    def test_what_is_found_is_there(self):
        self.assertIn("peak at the lag: 1234 samples", self.text)
        blurred, lucy, wiener = map(float, re.findall(r"(\d\.\d+) from the truth</figcaption>", self.text))
        self.assertLess(max(lucy, wiener), 0.9 * blurred)

    def test_the_script_sums_as_the_library(self):
        node = shutil.which("node")
        if node is None:
            self.skipTest("no Node here")
        code = ("const g = require(process.argv[1]); const all = [];"
                "for (const name in g.SIGNALS) for (const shape of ['Gaussian', 'box', 'derivative', 'decay'])"
                "  for (const width of [0, 3, 15]) { const x = g.signalOf(name), k = g.kernelOf(shape, width, 2.5);"
                "    all.push([x, k, g.convolve(x, k), g.sliding(name, shape, width, 2.5, 63)]); }"
                "console.log(JSON.stringify(all))")
        said = subprocess.run([node, "-e", code, GALLERY / "sliding.js"], check=True, capture_output=True, text=True)
        cases = json.loads(said.stdout)
        self.assertEqual(len(cases), 4 * 4 * 3)
        for x, k, y, drawn in cases:
            bound = 2 * (len(k) + 8) * 2.0**-53  # of values and weights up to 1 that add up to 1
            np.testing.assert_allclose(y, faltung.signal.convolve(x, k, "same"), rtol=0, atol=bound)
            self.assertFalse("NaN" in drawn)
            self.assertEqual(Page(drawn).open, [])


if __name__ == "__main__":
    unittest.main()
