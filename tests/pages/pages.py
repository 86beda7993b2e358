#!/usr/bin/env python3
"""Compiles and runs what the pages of docs/ show.

    pages.py source PAGE... --output FILE     one C++ program from the pages; one in C if FILE ends with .c
    pages.py check PAGE --program FILE [--path FOLDER]
                                              runs the page and compares what it prints
    pages.py patch PAGE --file NAME --output FILE
                                              the file NAME of the tree, changed as the page says

A page is one function: its blocks marked `cpp` follow each other, so that a later one knows the names of
an earlier one; #include lines go to the top of the file. A block marked `text` is all that the blocks since
the last one print, and a page that prints more than it shows fails. A page in C has blocks marked `c` instead
of `cpp`. A block marked `console` is run by bash
in the root of the source tree: each line after `$ ` is a command, and what follows is what it prints. `...`
in what is printed stands for anything.

A block marked `cpp file=NAME` is a piece of that file, word for word. One marked `diff file=NAME` is a change to
it: the lines that begin with a space or a minus stand there, once.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MARK = "\x1e"  # in what a program prints: a block `text` ends here


def blocks(page):
    """(language, line number of the first line, lines) of every fenced block."""
    found, language, start, lines = [], None, 0, []
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if language is None and line.startswith("```"):
            language, start, lines = line[3:].strip(), number + 1, []
        elif language is not None and line == "```":
            found.append((language, start, lines))
            language = None
        elif language is not None:
            lines.append(line)
    if language is not None:
        sys.exit(f"{page}:{start - 1}: the block has no end")
    return found


def file_of(language, kind):
    """The NAME of a block that is marked `kind file=NAME`, or None."""
    found = re.fullmatch(rf"{kind} file=(\S+)", language)
    return found and found.group(1)


def name_of(page):
    return re.sub(r"\W", "_", str(page.resolve().relative_to(ROOT).with_suffix("")))


def function(page, includes, language):
    """The page's code in that language as a function; its #include lines go to `includes`."""
    end = {"cpp": "std::cout.flush(), std::putchar('\\x1e');", "c": "putchar('\\x1e');"}
    body = [f"static void {name_of(page)}({'void' if language == 'c' else ''}) {{"]
    for block, start, lines in blocks(page):
        if block == language:
            body.append(f'#line {start} "{page}"')
            for line in lines:
                if line.startswith("#include"):
                    includes.append(line)
                body.append("" if line.startswith("#include") else line)
        elif block == "text":
            body.append(end[language])
    return body + ["}"]


def source(pages, language):
    includes = {"cpp": ["#include <cstdio>", "#include <iostream>", "#include <string_view>"],
                "c": ["#include <stdio.h>", "#include <string.h>"]}[language]
    same = {"cpp": 'std::string_view(arguments[1]) == "%s"', "c": 'strcmp(arguments[1], "%s") == 0'}[language]
    functions = []
    for page in pages:
        functions += function(page, includes, language)
    calls = [f"  if (count > 1 && {same % name_of(page)}) return {name_of(page)}(), 0;" for page in pages]
    return "\n".join(
        sorted(set(includes)) + functions + ["int main(int count, char** arguments) {", *calls, "  return 1;", "}", ""])


def matches(shown, printed):
    pieces = [re.escape(piece) for piece in "\n".join(shown).rstrip().split("...")]
    lines = [line.rstrip() for line in printed.rstrip().splitlines()]
    return re.fullmatch(".*?".join(pieces), "\n".join(lines), re.DOTALL) is not None


def complain(page, line, shown, printed):
    print(f"{page}:{line}: the page shows\n{shown}\nbut this is printed\n{printed}", file=sys.stderr)
    return 1


def check_text(page, program):
    """How many blocks marked `text` are not what the page's program prints."""
    shown = [(start, lines) for language, start, lines in blocks(page) if language == "text"]
    if not any(language in ("c", "cpp") for language, _, _ in blocks(page)):
        return 0
    done = subprocess.run([program, name_of(page)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{page}: exit code {done.returncode}: {done.stderr}")
    printed = done.stdout.split(MARK)
    wrong = 0
    for (start, lines), text in zip(shown, printed):
        if not matches(lines, text):
            wrong += complain(page, start, "\n".join(lines), text)
    if printed[-1].strip():
        wrong += complain(page, "end", "nothing", printed[-1])
    return wrong


def check_console(page, path):
    """How many commands print something else than the page shows."""
    environment = dict(os.environ, PATH=f"{path}:{os.environ['PATH']}")
    wrong = 0
    for language, start, lines in blocks(page):
        if language != "console":
            continue
        commands = [i for i, line in enumerate(lines) if line.startswith("$ ")]
        for i, end in zip(commands, commands[1:] + [len(lines)]):
            done = subprocess.run(["bash", "-c", lines[i][2:]], cwd=ROOT, env=environment, text=True, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if not matches(lines[i + 1:end], done.stdout):
                wrong += complain(page, start + i, "\n".join(lines[i + 1:end]), done.stdout)
    return wrong


def patched(page, name):
    """The text of the file, with every change of the page's."""
    text = (ROOT / name).read_text()
    for language, start, lines in blocks(page):
        if file_of(language, "diff") != name:
            continue
        old = "".join(line[1:] + "\n" for line in lines if line[0] in " -")
        new = "".join(line[1:] + "\n" for line in lines if line[0] in " +")
        if text.count(old) != 1:
            sys.exit(f"{page}:{start}: {name} has {text.count(old)} places like this")
        text = text.replace(old, new)
    return text


def check_files(page):
    """How many pieces of files stand in no such file; a change that does not fit ends the program."""
    wrong = 0
    for language, start, lines in blocks(page):
        if name := file_of(language, "cpp"):
            text = "\n".join(lines)
            if text not in (ROOT / name).read_text():
                wrong += complain(page, start, text, f"nothing like it: it is not in {name}")
        elif name := file_of(language, "diff"):
            patched(page, name)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("source", "check", "patch"))
    parser.add_argument("pages", nargs="+", type=pathlib.Path)
    parser.add_argument("--output", type=pathlib.Path)
    parser.add_argument("--program")
    parser.add_argument("--file")
    parser.add_argument("--path", default="")
    options = parser.parse_args()
    if options.action == "source":
        options.output.write_text(source(options.pages, "c" if options.output.suffix == ".c" else "cpp"))
        return 0
    if options.action == "patch":
        options.output.write_text(patched(options.pages[0], options.file))
        return 0
    return min(1, sum(check_text(page, options.program) + check_console(page, options.path) + check_files(page)
                      for page in options.pages))


sys.exit(main())
