#!/usr/bin/env python3
"""Includes go down only.

A folder may include itself and what its CMakeLists.txt lists under USES. USES must have no cycle, must stay on its own
layer or below in the picture of CONTRIBUTING.md, and src/ never names dist/.
"""
import graphlib
import pathlib
import re
import sys

import tree

LAYERS = [
    {"src/base"},
    {"src/config", "src/wire", "src/yaml"},
    {"src/compiler", "src/key", "src/store", "dist/toolchain", "dist/protocol", "dist/auth", "dist/net", "dist/systemd"},
    {"src/client", "src/server", "src/cli", "dist/cli", "dist/remote", "dist/scheduler", "dist/builder"},
]
RANK = {folder: n for n, layer in enumerate(LAYERS) for folder in layer}


def folder_law(text: str) -> set[str]:
    """The folders named under USES, over all folder sentences of one CMakeLists.txt."""
    allowed = set()
    for call in re.findall(r"sccache_folder\(([^)]*)\)", text):
        uses = re.split(r"\b(?:SOURCES|LINKS)\b", call.partition("USES")[2])[0]
        allowed |= set(re.findall(r"\b(?:src|dist)(?:/\w+)+", uses))
    return allowed


def check(root: pathlib.Path) -> list[str]:
    bad = []
    law = {}
    for list_file in sorted([*root.glob("src/**/CMakeLists.txt"), *root.glob("dist/**/CMakeLists.txt")]):
        here = str(list_file.parent.relative_to(root))
        law[here] = folder_law(list_file.read_text())
        if here not in RANK:
            bad.append(f"{list_file}: folder {here} is not in the picture (tests/lint/layers.py, CONTRIBUTING.md)")
        for used in sorted(law[here]):
            if RANK.get(used, 99) > RANK.get(here, 99):
                bad.append(f"{list_file}: {here} is below {used} and may not use it")
            if here.startswith("src/") and used.startswith("dist/"):
                bad.append(f"{list_file}: {here} is of the local half and may not use {used}")
    try:
        graphlib.TopologicalSorter(law).prepare()
    except graphlib.CycleError as loop:
        bad.append("USES has a loop: " + " -> ".join(loop.args[1]))
    for source in tree.sources(root):
        here = str(source.parent.relative_to(root))
        for number, line in enumerate(source.read_text(errors="replace").split("\n"), 1):
            included = re.match(r'\s*#\s*include\s+"(.+)/[^/]+"', line)
            if included and included[1] != here and included[1] not in law.get(here, set()):
                bad.append(f"{source}:{number}: {here} includes {included[1]} but does not list it under USES")
            elif re.match(r'\s*#\s*include\s+"[^/]+"', line):
                bad.append(f"{source}:{number}: include by the full path from the root")
    return bad


if __name__ == "__main__":
    problems = check(pathlib.Path(sys.argv[1]).resolve())
    print("\n".join(problems) or "layers: every include goes down")
    sys.exit(bool(problems))
