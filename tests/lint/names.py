#!/usr/bin/env python3
"""Words that must not land: notes to self, banners, paths of one machine, and hosts nobody decided on.

A URL in anything but a test must name a host of the list below; adding one is a decision somebody reviews.
"""
import pathlib
import re
import sys

import tree

# Written in pieces, so that this file passes its own check.
NOTES = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")
BANNER = re.compile(r"^\s*(//|#|/\*|\*|\.\\\")\s*([-=*#/~+])\2{7,}\s*")
ONE_MACHINE = re.compile(r"(?<![\w.])/(?:work/(?:main|shared|\.)|home/(?![a-z]\b|you\b|user\b|abuild\b|me\b|ann\b|bob\b|builder\b|tester\b)[a-z]+/)")
URL = re.compile(r"\bhttps?://(?:[^@/\s\"'<>]*@)?(\[[^\]]*\]|[A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z]{2,})(?=[:/\s\"'<>),;]|$)")
HOSTS = re.compile(r"(^|\.)(example\.(org|com|net)|apache\.org|opensuse\.org|suse\.com|w3\.org|ietf\.org|github\.com|"
                   r"amazonaws\.com|googleapis\.com|windows\.net|aliyuncs\.com|myqcloud\.com|oasis-open\.org|"
                   r"freedesktop\.org|kernel\.org|llvm\.org|gnu\.org|json-schema\.org|relaxng\.org|reproducible-builds\.org)$")
TEXT = {".cpp", ".hpp", ".c", ".h", ".py", ".sh", ".txt", ".cmake", ".md", ".conf", ".example", ".service", ".socket",
        ".spec", ".changes", ".json", ".yml", ".yaml", ".toml", ".xml", ".in", ".1", ".5", ".8", ".bash", ".fish", ".zsh", ""}


def check(root: pathlib.Path) -> list[str]:
    bad = []
    for file in tree.files(root):
        name = str(file.relative_to(root))
        if name == "LICENSE" or file.suffix not in TEXT or file.stat().st_size > 2_000_000:
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.split("\n"), 1):
            where = f"{name}:{number}"
            if NOTES.search(line):
                bad.append(f"{where}: a note to self; do it or leave it out: {line.strip()}")
            if BANNER.match(line):
                bad.append(f"{where}: a banner; a comment says why, it does not decorate")
            if ONE_MACHINE.search(line):
                bad.append(f"{where}: a path that exists on one machine only: {line.strip()}")
            if not name.startswith(("tests/unit/", "tests/golden/", "tests/fuzz/", "tests/dist/")):
                for host in URL.findall(line):
                    if not host.startswith("[") and not HOSTS.search(host.lower()):
                        bad.append(f"{where}: URL of {host}, which tests/lint/names.py does not know")
    return bad


if __name__ == "__main__":
    problems = check(pathlib.Path(sys.argv[1]).resolve())
    print("\n".join(problems) or "names: clean")
    sys.exit(bool(problems))
