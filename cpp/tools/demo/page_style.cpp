#include "cpp/tools/demo/page.hpp"

namespace faltung::tools::demo {

// Colours are variables, so the dark mode replaces them alone. Curves use a palette that stays
// apart for colour-blind readers. Source: Okabe & Ito, Color Universal Design, 2008; darkened or
// lightened for contrast with the page.
const char* const page_style = R"css(
:root {
  --page: #fbfaf8; --card: #ffffff; --ink: #1b1e23; --soft: #5c636e; --line: #e4e2dd;
  --accent: #0b63a5; --well: #f3f1ec; --good: #1a7f4b; --bad: #b3261e;
  --c0: #a4a9b1; --c1: #0b6bb5; --c2: #c8500a; --c3: #0a8563; --c4: #a8408c;
  --sans: -apple-system, "Segoe UI", Inter, Roboto, "Noto Sans", "Liberation Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Code", "DejaVu Sans Mono", Menlo, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #121418; --card: #1a1d23; --ink: #e8e6e1; --soft: #9ba2ad; --line: #2d323b;
    --accent: #6db5f0; --well: #1f232a; --good: #5cc98f; --bad: #ff8a80;
    --c0: #6a717c; --c1: #5aaef0; --c2: #f2935c; --c3: #43c79c; --c4: #dd8cc6;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); font: 17px/1.6 var(--sans); }
header, main { max-width: 1100px; margin: 0 auto; padding: 0 28px; }
header { padding-top: 64px; }
h1 { font-size: 60px; line-height: 1; letter-spacing: -.035em; margin: 0 0 20px; }
h2 { font-size: 29px; line-height: 1.2; letter-spacing: -.02em; margin: 0 0 12px;
     display: flex; gap: 14px; align-items: baseline; }
h2 span { font: 600 17px var(--mono); color: var(--accent); }
h3 { font-size: 17px; margin: 26px 0 8px; }
h4 { font: 600 14px var(--sans); margin: 18px 0 6px; }
p { margin: 0 0 12px; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
sup { font-size: .72em; line-height: 0; }
code, pre { font-family: var(--mono); font-size: .84em; }
.lead { font-size: 21px; line-height: 1.5; max-width: 46em; color: var(--ink); }
dl { display: flex; flex-wrap: wrap; gap: 12px 40px; margin: 28px 0; }
dt { font-size: 13px; color: var(--soft); }
dd { margin: 0; font-size: 15px; }
.verdict { border-left: 4px solid var(--good); padding: 10px 18px; background: var(--well);
           border-radius: 0 8px 8px 0; margin: 0 0 28px; }
.verdict b { color: var(--good); }
.verdict.bad { border-color: var(--bad); }
.verdict.bad b { color: var(--bad); }
.fine { font-size: 14px; color: var(--soft); max-width: 62em; margin-top: 12px; }
section { border-top: 1px solid var(--line); padding: 44px 0 12px; margin-top: 40px; }
.text { max-width: 46em; }
pre { background: var(--well); border-radius: 8px; padding: 14px 16px; overflow-x: auto;
      line-height: 1.5; margin: 6px 0 18px; }
pre.call { border-left: 4px solid var(--accent); border-radius: 0 8px 8px 0; }

table { width: 100%; border-collapse: collapse; font-size: 14.5px; line-height: 1.4;
        margin: 22px 0 6px; }
th { text-align: left; font-weight: 500; font-size: 13px; color: var(--soft); }
th, td { padding: 9px 14px 9px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
th.number, td.number { text-align: right; }
td.number, td .number { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.title { min-width: 9em; }
td.problem code { color: var(--soft); overflow-wrap: anywhere; }
td.why { color: var(--soft); font-size: 13.5px; }
td code { white-space: nowrap; }
td.problem code { white-space: normal; }
.summary td.title b { font: 600 13px var(--mono); color: var(--soft); margin-right: 6px; }
td.error { white-space: nowrap; }
.meter { display: inline-block; width: 56px; height: 7px; border-radius: 4px; background: var(--line);
         margin-right: 9px; overflow: hidden; vertical-align: 1px; }
.meter i { display: block; height: 100%; min-width: 2px; background: var(--good); }
.meter.bad i { background: var(--bad); }
details { font-size: 14.5px; margin-top: 12px; }
summary { cursor: pointer; color: var(--accent); }
details pre { font-size: 12.5px; }

.pictures { display: grid; gap: 20px 18px; margin: 22px 0;
            grid-template-columns: repeat(auto-fit, minmax(max(220px,
              (100% - (var(--columns) - 1) * 18px) / var(--columns)), 1fr)); }
figure { margin: 0; }
figure img { display: block; width: 100%; height: auto; border-radius: 6px; background: var(--well); }
figure img.pixelated { image-rendering: pixelated; }
figcaption { font-size: 14.5px; color: var(--soft); margin-top: 7px; line-height: 1.4; }
figcaption b { color: var(--ink); font-weight: 600; }
figure audio { width: 100%; display: block; }

.plot { margin: 20px 0 24px; }
.plot svg { display: block; width: 100%; height: auto; overflow: visible; }
.plot svg.narrow { display: none; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 22px; margin: 0 0 6px;
          padding: 0 0 0 58px; font-size: 14.5px; color: var(--soft); }
.legend i { display: inline-block; width: 20px; height: 0; border-top: 3px solid;
            vertical-align: 4px; margin-right: 8px; }
.legend i.dashed { border-top-style: dashed; }
svg text { font-family: var(--sans); fill: var(--soft); font-size: 13px; }
svg .middle { text-anchor: middle; }
svg .end { text-anchor: end; }
svg .note { fill: var(--ink); font-weight: 600; font-size: 14px; paint-order: stroke;
            stroke: var(--page); stroke-width: 5px; stroke-linejoin: round; }
.grid { stroke: var(--line); }
.axis { stroke: var(--soft); }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.dashed { stroke-dasharray: 6 5; }
.narrow .curve { stroke-width: 1.5; }
.curve.faint { stroke-width: 1.1; opacity: .75; }
.band { opacity: .8; }
.marker { stroke: var(--page); stroke-width: 2; }
.curve.c0, i.c0 { stroke: var(--c0); border-color: var(--c0); }
.curve.c1, i.c1 { stroke: var(--c1); border-color: var(--c1); }
.curve.c2, i.c2 { stroke: var(--c2); border-color: var(--c2); }
.curve.c3, i.c3 { stroke: var(--c3); border-color: var(--c3); }
.curve.c4, i.c4 { stroke: var(--c4); border-color: var(--c4); }
.band.c0, .marker.c0 { fill: var(--c0); }
.bars i.c0 { background: var(--c0); }
.band.c1, .marker.c1, .bars i.c1 { fill: var(--c1); background: var(--c1); }
.band.c2, .marker.c2, .bars i.c2 { fill: var(--c2); background: var(--c2); }
.band.c3, .marker.c3, .bars i.c3 { fill: var(--c3); background: var(--c3); }
.band.c4, .marker.c4, .bars i.c4 { fill: var(--c4); background: var(--c4); }

.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 24px; }
.pair .plot svg.wide { display: none; }
.pair .plot svg.narrow { display: block; }
.equation { display: flex; align-items: center; gap: 2vw; margin: 22px 0; --cell: min(13px, 2vw); }
.equation span { font-size: 26px; color: var(--soft); }
.equation figcaption { white-space: nowrap; }
.equation img { width: calc(var(--columns) * var(--cell)); height: calc(var(--rows) * var(--cell)); }

.bars { display: grid; grid-template-columns: max-content 1fr; gap: 10px 18px; margin: 24px 0;
        font-size: 15px; align-items: center; }
.bars div { display: flex; align-items: center; gap: 10px; font-variant-numeric: tabular-nums;
            white-space: nowrap; }
.bars i { display: block; height: 20px; min-width: 2px; border-radius: 0 4px 4px 0; }

@media (max-width: 700px) {
  body { font-size: 16px; }
  header, main { padding-left: 18px; padding-right: 18px; }
  header { padding-top: 36px; }
  h1 { font-size: 44px; }
  h2 { font-size: 24px; }
  .lead { font-size: 18px; }
  section { padding: 36px 0 24px; margin-top: 28px; }
  .pictures { grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 16px 12px; }
  .pictures.wide { grid-template-columns: 1fr; }
  .plot svg.wide { display: none; }
  .plot svg.narrow { display: block; }
  .legend { padding-left: 0; }
  .pair { grid-template-columns: minmax(0, 1fr); gap: 8px; }
  thead { display: none; }
  tr { display: block; border-bottom: 1px solid var(--line); padding: 10px 0; }
  td, td.number { display: flex; gap: 12px; border: 0; padding: 2px 0; text-align: left;
                  align-items: baseline; }
  td::before { content: attr(data-name); flex: 0 0 104px; color: var(--soft); font-size: 13px; }
  td.title { font-weight: 600; }
  td.title::before { display: none; }
  .bars { grid-template-columns: 1fr; gap: 2px; }
  .bars div { margin-bottom: 10px; }
}
)css";

}  // namespace faltung::tools::demo
