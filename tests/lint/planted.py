#!/usr/bin/env python3
"""The lints themselves can fail: each planted fault must be found, and a clean tree must pass."""
import pathlib
import subprocess
import sys
import tempfile

here = pathlib.Path(__file__).parent
CLEAN = {
    "src/base/CMakeLists.txt": "sccache_folder(SOURCES a.cpp)\n",
    "src/base/a.cpp": '#include "src/base/a.hpp"\n',
    "src/base/a.hpp": "#pragma once\n",
    "src/key/CMakeLists.txt": "sccache_folder(SOURCES k.cpp USES src/base LINKS x)\n",
    "src/key/k.cpp": '#include "src/base/a.hpp"\n',
}
PLANTED = [
    ("layers", {"src/key/k.cpp": '#include "src/store/entry.hpp"\n'}, "does not list"),
    ("layers", {"src/base/CMakeLists.txt": "sccache_folder(SOURCES a.cpp USES src/key)\n"}, "loop"),
    ("layers", {"src/base/CMakeLists.txt": "sccache_folder(SOURCES a.cpp USES src/key)\n"}, "is below"),
    ("layers", {"src/key/k.cpp": '#include "k.hpp"\n'}, "full path"),
    ("sizes", {"src/key/k.cpp": "int x();\n" * 501}, "501 lines"),
    ("sizes", {"src/key/k.cpp": "int f(int x) {\n" + "    x += 1;\n" * 130 + "}\n"}, "function of 132"),
    ("names", {"src/key/k.cpp": "// TO" + "DO later\n"}, "note to self"),
    ("names", {"src/key/k.cpp": "//" + "-" * 20 + "\n"}, "banner"),
    ("names", {"README.md": "see https://downloads." + "nowhere.io/x\n"}, "does not know"),
    ("names", {"src/key/k.cpp": 'open("/wor' + 'k/main/x");\n'}, "one machine"),
]


def run(lint: str, changes: dict[str, str]) -> tuple[int, str]:
    with tempfile.TemporaryDirectory() as root:
        for name, text in {**CLEAN, **changes}.items():
            path = pathlib.Path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run([sys.executable, str(here / f"{lint}.py"), root], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


bad = 0
for lint in ("layers", "sizes", "names"):
    code, text = run(lint, {})
    if code:
        print(f"{lint} refuses a clean tree: {text}")
        bad += 1
for lint, changes, expected in PLANTED:
    code, text = run(lint, changes)
    if code == 0 or expected not in text:
        print(f"{lint} did not find {changes!r}: exit {code}, {text}")
        bad += 1
print(f"{len(PLANTED) - bad} of {len(PLANTED)} planted faults found")
sys.exit(bad > 0)
