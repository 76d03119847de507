#!/usr/bin/env python3
"""The manual pages are well formed and complete.

Keys: every key of a file in etc/ is in its page, and the other way round (a unit test holds etc/ and the code together).
Variables: every variable of the code's tables is in a page. Options: every option that the programs' --help lists is in
the program's page and in the shells' completions.

  tests/lint/manual.py ROOT [SCCACHE [SCCACHE-DIST]]
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

PAGES = {"client.example": "sccache.conf.5", "scheduler.conf": "sccache-scheduler.conf.5", "builder.conf": "sccache-builder.conf.5"}


def keys_of_sample(text: str) -> set[str]:
    """section.key of each "key = value" and "#key = value"; a comment has a space after its "#"."""
    found, section = set(), ""
    for line in text.splitlines():
        if header := re.match(r"#?\[\[?([\w.]+)\]\]?$", line):
            section = header[1] + "."
        elif key := re.match(r"#?([a-z]\w*) = ", line):
            found.add(section + key[1])
    return found


def keys_of_page(text: str) -> set[str]:
    found, section = set(), ""
    for line in text.splitlines():
        if header := re.match(r"\.Ss Section (\S+)", line):
            section = header[1] + "."
        elif key := re.match(r"\.It Ic (\w+)", line):
            found.add(section + key[1])
    return found


def check_keys(root: pathlib.Path) -> list[str]:
    bad = []
    for sample, page in PAGES.items():
        ours, theirs = keys_of_sample((root / "etc" / sample).read_text()), keys_of_page((root / "man" / page).read_text())
        bad += [f"man/{page}: {key} of etc/{sample} is missing" for key in sorted(ours - theirs)]
        bad += [f"man/{page}: {key} is in no line of etc/{sample}" for key in sorted(theirs - ours)]
        if not ours:
            bad.append(f"etc/{sample}: no keys found")
    return bad


def check_variables(root: pathlib.Path) -> list[str]:
    """The second column of the table of settings: {"key", "VARIABLE", ..."""
    names = set(re.findall(r'\{"[\w.]*", "([A-Z][A-Z0-9_]+)"', (root / "src/config/client_table.cpp").read_text()))
    if len(names) < 30:
        return [f"src/config/client_table.cpp: only {len(names)} variables found"]
    text = "".join((root / "man" / page).read_text() for page in ("sccache.1", "sccache.conf.5"))
    known = set(re.findall(r"[A-Z][A-Z0-9_]+", text))
    return [f"man/sccache.1 or man/sccache.conf.5: {name} is missing" for name in sorted(names - known)]


def check_form(root: pathlib.Path) -> list[str]:
    if not shutil.which("mandoc"):
        return []
    bad = []
    for page in sorted((root / "man").glob("*.[1-8]")):
        said = subprocess.run(["mandoc", "-T", "lint", "-W", "style", str(page)], capture_output=True, text=True).stdout
        # Whether the pages we refer to are installed is no matter of ours.
        bad += [line for line in said.splitlines() if "referenced manual not found" not in line]
    return bad


def options_of(*command: str) -> set[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SCCACHE", "CARGO"))}
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    # Only what stands at the beginning of a line: the texts mention other programs' options.
    lines = re.findall(r"^ +(?:-\w[ ,]*\[? *)?(--[a-z][a-z0-9-]+)", said, flags=re.M)
    return set(lines)


def check_options(root: pathlib.Path, page: str, options: set[str], least: int) -> list[str]:
    if len(options) < least:
        return [f"{page}: the program lists only {len(options)} options"]
    # Whole words: "--config" is not described by "--config-file".
    known = set(re.findall(r"--[a-z][a-z0-9-]+", (root / "man" / page).read_text().replace("Fl -", "--")))
    return [f"man/{page}: {option} is missing" for option in sorted(options - known)]


def check_completions(root: pathlib.Path, program: str, words: set[str]) -> list[str]:
    bad = []
    names = {"sccache": ("sccache.bash", "_sccache", "sccache.fish"),
             "sccache-dist": ("sccache-dist.bash", "_sccache-dist", "sccache-dist.fish")}[program]
    for name in names:
        text = (root / "completions" / name).read_text()
        if name.endswith("fish"):
            text = re.sub(r" -l (?=[a-z])", " --", text)
        known = set(re.findall(r"(?<![\w-])(?:--)?[a-z][a-z0-9-]+", text))
        bad += [f"completions/{name}: {word} is missing" for word in sorted(words - known)]
    return bad


def commands_of(dist: str, *group: str) -> list[str]:
    said = subprocess.run([dist, *group, "--help"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^  ([a-z][a-z0-9-]+) ", said.partition("Commands:\n")[2], flags=re.M)


def check_dist(root: pathlib.Path, dist: str) -> list[str]:
    options = set()
    words = set()
    groups = [(name,) for name in commands_of(dist)]
    groups += [("auth", name) for name in commands_of(dist, "auth")]
    if len(groups) < 8:
        return [f"{dist} --help lists only {len(groups)} commands"]
    page = (root / "man/sccache-dist.1").read_text()
    bad = []
    for group in groups:
        words.add(group[-1])
        if not re.search(rf"(?<![\w-]){re.escape(group[-1])}(?![\w-])", page):
            bad.append(f"man/sccache-dist.1: the command {' '.join(group)} is missing")
        if group != ("auth",):
            options |= options_of(dist, *group, "--help")
    bad += check_options(root, "sccache-dist.1", options | options_of(dist, "--help"), 10)
    return bad + check_completions(root, "sccache-dist", words | options)


def check(root: pathlib.Path, client: str | None, dist: str | None) -> list[str]:
    bad = check_keys(root) + check_variables(root) + check_form(root)
    if client:
        options = options_of(client, "--help")
        bad += check_options(root, "sccache.1", options, 10) + check_completions(root, "sccache", options)
    if dist:
        bad += check_dist(root, dist)
    return bad


if __name__ == "__main__":
    programs = [*sys.argv[2:], None, None]
    problems = check(pathlib.Path(sys.argv[1]).resolve(), programs[0], programs[1])
    print("\n".join(problems) or "manual: complete")
    sys.exit(bool(problems))
