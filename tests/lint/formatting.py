#!/usr/bin/env python3
"""Lines that clang-format would change, counted per file. It informs, and is no test: versions of
clang-format differ."""
import pathlib
import shutil
import subprocess
import sys

import tree

formatter = shutil.which("clang-format")
if not formatter:
    print("SKIP: clang-format is not installed")
    sys.exit(77)
root = pathlib.Path(sys.argv[1]).resolve()
for source in tree.sources(root):
    old = source.read_bytes().splitlines()
    new = subprocess.run([formatter, "--style=file", str(source)], check=True, capture_output=True).stdout.splitlines()
    changed = len(set(new) - set(old))
    if changed:
        print(f"{source.relative_to(root)}: {changed}")
