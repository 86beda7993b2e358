#!/usr/bin/env python3
"""Whether every link of every page leads somewhere, and every page of docs/ is reached from its index.

    links.py    prints what is wrong and exits with 1, or prints how much it followed
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
INDEX = ROOT / "docs/index.md"


def text_of(page):
    """The page without its blocks of code, whose brackets are no links."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(page):
    """What GitHub calls the headings of a page."""
    titles = re.findall(r"^#+ +(.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(page):
    """(target, anchor) of every link to a file of the project; the page itself for a bare anchor."""
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "`", text_of(page))):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


def main():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], cwd=ROOT,
                            capture_output=True, text=True, check=False)
    found = listed.stdout.split() or [str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md")]
    pages = {(ROOT / name).resolve() for name in found if (ROOT / name).exists()}
    wrong, followed = [], 0
    for page in sorted(pages):
        for target, anchor in links(page):
            followed += 1
            shown = f"{page.relative_to(ROOT)} links to {target}"
            if not target.exists():
                wrong.append(f"{shown}, which does not exist")
            elif anchor and target.suffix == ".md" and anchor not in anchors(target):
                wrong.append(f"{shown}#{anchor}, but it has no such heading")
    reached, waiting = {INDEX}, [INDEX]
    while waiting:
        for target, _ in links(waiting.pop()):
            if target in pages and target not in reached:
                reached.add(target)
                waiting.append(target)
    for page in sorted(pages - reached):
        if page.is_relative_to(ROOT / "docs"):
            wrong.append(f"{page.relative_to(ROOT)} cannot be reached from docs/index.md")
    print("\n".join(wrong) or f"{followed} links of {len(pages)} pages")
    return 1 if wrong else 0


sys.exit(main())
