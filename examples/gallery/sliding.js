"use strict";
// The step-by-step view: a kernel slides over a signal; below it the products, and the sums so far.

const LENGTH = 64;

const SIGNALS = {
  "two boxes": i => (i >= 12 && i < 24) || (i >= 36 && i < 42) ? 1 : 0,
  "impulses": i => [10, 28, 34, 50].includes(i) ? 1 : 0,
  "ramp": i => i < 12 ? 0 : i < 44 ? (i - 12) / 32 : 0,
  "noisy step": i => (i < 32 ? 0.2 : 0.8) + 0.2 * Math.sin(i * i * 12.9898),
};

// Kernels of odd extent 2 width + 1; Gaussians are cut there, and all but the derivative add up to 1.
function kernelOf(shape, width, sigma) {
  const taps = [];
  for (let j = -width; j <= width; ++j) {
    const bell = Math.exp(-j * j / (2 * sigma * sigma));
    taps.push(shape === "box" ? 1 : shape === "Gaussian" ? bell : shape === "derivative" ? -j * bell
      : j < 0 ? 0 : Math.exp(-j / sigma));
  }
  const total = taps.reduce((sum, tap) => sum + Math.abs(tap), 0) || 1;
  return taps.map(tap => tap / total);
}

function signalOf(name) {
  return Array.from({length: LENGTH}, (_, i) => SIGNALS[name](i));
}

// The products of output o, mode "same": tap j meets the signal at o + width - j.
function productsAt(x, taps, o) {
  const width = (taps.length - 1) / 2;
  return taps.map((tap, j) => {
    const at = o + width - j;
    return {at, tap, product: at >= 0 && at < x.length ? tap * x[at] : 0};
  });
}

function convolve(x, taps) {
  return x.map((_, o) => productsAt(x, taps, o).reduce((sum, each) => sum + each.product, 0));
}

// One row of bars or of points: values at places 0 .. LENGTH - 1, drawn between top and top + height.
function row(top, height, low, high, places, values, css, bars) {
  const x = i => 30 + (i + 0.5) * 580 / LENGTH;
  const y = v => top + height * (high - v) / (high - low);
  let out = `<line class="axis" x1="30" x2="610" y1="${y(0).toFixed(1)}" y2="${y(0).toFixed(1)}"/>`;
  if (bars) {
    places.forEach((at, i) => {
      const from = Math.min(y(0), y(values[i])), size = Math.abs(y(values[i]) - y(0));
      out += `<rect class="${css}" x="${(x(at) - 3.5).toFixed(1)}" width="7" y="${from.toFixed(1)}" height="${size.toFixed(1)}"/>`;
    });
  } else {
    out += `<polyline class="${css}" points="${places.map((at, i) => `${x(at).toFixed(1)},${y(values[i]).toFixed(1)}`).join(" ")}"/>`;
  }
  return out;
}

function sliding(name, shape, width, sigma, step) {
  const x = signalOf(name), taps = kernelOf(shape, width, sigma), y = convolve(x, taps);
  const products = productsAt(x, taps, step);
  const inside = products.filter(each => each.at >= 0 && each.at < LENGTH);
  const places = x.map((_, i) => i), reach = Math.max(...taps.map(Math.abs)) || 1;
  const least = Math.min(0, ...y), most = Math.max(0.05, ...y);
  const sum = y[step].toFixed(3);
  return `<svg class="plot sliding" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 400" role="img">` +
    `<text x="30" y="14">signal x, and the kernel turned round at ${step}</text>` +
    row(22, 90, -0.1, 1.1, places, x, "signal", true) +
    row(22, 90, -reach * 1.1, reach * 1.1, inside.map(e => e.at), inside.map(e => e.tap), "kernel", false) +
    `<text x="30" y="144">their products: they add up to ${sum}</text>` +
    row(152, 90, Math.min(0, ...inside.map(e => e.product)) - 1e-3, Math.max(...inside.map(e => e.product), 0.02),
        inside.map(e => e.at), inside.map(e => e.product), "product", true) +
    `<text x="30" y="274">the result so far: y[${step}] = ${sum}</text>` +
    row(282, 100, least - 0.02, most * 1.05, places, y, "later", false) +
    row(282, 100, least - 0.02, most * 1.05, places.slice(0, step + 1), y.slice(0, step + 1), "result", true) + `</svg>`;
}

function save(svg, name) {
  // What the page's style says of it goes along, so that it looks the same by itself.
  const copy = svg.cloneNode(true), style = document.createElementNS("http://www.w3.org/2000/svg", "style");
  style.textContent = document.getElementById("figures").textContent;
  copy.prepend(style);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([copy.outerHTML], {type: "image/svg+xml"}));
  link.download = name + ".svg";
  link.click();
  URL.revokeObjectURL(link.href);
}

function start() {
  const form = document.getElementById("controls"), view = document.getElementById("view");
  const draw = () => {
    const value = id => form.elements[id].value;
    for (const id of ["step", "width", "sigma"]) form.querySelector(`output[for=${id}]`).value = value(id);
    view.innerHTML = sliding(value("signal"), value("shape"), +value("width"), +value("sigma"), +value("step"));
  };
  form.addEventListener("input", draw);
  let timer = null;
  form.elements.play.addEventListener("click", () => {
    if (timer) { clearInterval(timer); timer = null; form.elements.play.textContent = "Play"; return; }
    form.elements.play.textContent = "Pause";
    timer = setInterval(() => {
      form.elements.step.value = (+form.elements.step.value + 1) % LENGTH;
      draw();
    }, 120);
  });
  draw();
  document.querySelectorAll("figure, #view").forEach((figure, i) => {
    if (!figure.querySelector("svg")) return;
    const button = document.createElement("button");
    button.textContent = "Save as SVG";
    button.type = "button";
    button.addEventListener("click", () => save(figure.querySelector("svg"), "faltung-" + i));
    figure.after(button);
  });
}

if (typeof module !== "undefined") module.exports = {SIGNALS, kernelOf, signalOf, convolve, sliding};
else start();
