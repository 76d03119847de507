#!/usr/bin/env python3
"""Small files, small functions.

Prints what is over the wanted size and fails far beyond it. A file that is mostly table rows may be long: a table in two
files would be harder to read.
"""
import pathlib
import re
import sys

import tree

WANTED_FILE, MOST_FILE = 300, 500
WANTED_FUNCTION, MOST_FUNCTION = 40, 120
MOST_PAIRS = 15


def is_table(lines: list[str]) -> bool:
    rows = sum(bool(re.match(r'\s*(\{.*\},?|"[^"]*",?)\s*(//.*)?$', line)) for line in lines)
    return rows * 2 > len(lines)


def functions(lines: list[str]):
    """(first line, length) of each function body that opens at the end of an unindented or once indented line."""
    start, indent = None, ""
    for number, line in enumerate(lines, 1):
        opens = re.match(r"( {4})?(?! )(?!namespace|class|struct|enum|union|extern|constexpr|static constexpr|const |inline constexpr)"
                         r"\S.*[)\w]\s*\{$|( {4})?\S.*\) (const|noexcept|override|mutable)?.*\{$", line)
        if start is None and opens and "(" in line and not re.match(r"\s*(namespace|class|struct|enum)\b", line):
            start, indent = number, re.match(r" *", line)[0]
        elif start is not None and line == indent + "}":
            yield start, number - start + 1
            start = None


def check(root: pathlib.Path) -> bool:
    failed = False
    pairs: dict[str, set[str]] = {}
    for source in tree.sources(root):
        name = str(source.relative_to(root))
        pairs.setdefault(str(source.parent.relative_to(root)), set()).add(source.stem)
        lines = source.read_text(errors="replace").splitlines()
        if len(lines) > WANTED_FILE and not is_table(lines):
            too_much = len(lines) > MOST_FILE
            print(f"{name}: {len(lines)} lines (wanted {WANTED_FILE}{f', most {MOST_FILE}' if too_much else ''})")
            failed |= too_much
        for start, length in functions(lines):
            if length > WANTED_FUNCTION and not is_table(lines[start - 1:start - 1 + length]):
                too_much = length > MOST_FUNCTION
                print(f"{name}:{start}: function of {length} lines (wanted {WANTED_FUNCTION}"
                      f"{f', most {MOST_FUNCTION}' if too_much else ''})")
                failed |= too_much
        wide = [n for n, line in enumerate(lines, 1) if len(line) > 160]
        if wide and not is_table(lines):
            print(f"{name}:{wide[0]}: line longer than 160 characters")
    for folder, stems in sorted(pairs.items()):
        if len(stems) > MOST_PAIRS:
            print(f"{folder}: {len(stems)} pairs of files (wanted {MOST_PAIRS})")
    return failed


if __name__ == "__main__":
    failed = check(pathlib.Path(sys.argv[1]).resolve())
    print("sizes: too large" if failed else "sizes: nothing is far too large")
    sys.exit(failed)
