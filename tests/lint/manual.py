#!/usr/bin/env python3
"""The manual pages are well formed and complete: every key of a file in etc/ is in its page, and the other way round;
every option of `sccache --help` is in sccache(1) and in the shells' completions."""
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


def check(root: pathlib.Path, client: str | None) -> list[str]:
    bad = []
    for sample, page in PAGES.items():
        ours, theirs = keys_of_sample((root / "etc" / sample).read_text()), keys_of_page((root / "man" / page).read_text())
        bad += [f"man/{page}: {key} of etc/{sample} is missing" for key in sorted(ours - theirs)]
        bad += [f"man/{page}: {key} is in no line of etc/{sample}" for key in sorted(theirs - ours)]
        if not ours:
            bad.append(f"etc/{sample}: no keys found")
    if shutil.which("mandoc"):
        for page in sorted((root / "man").glob("*.[1-8]")):
            said = subprocess.run(["mandoc", "-T", "lint", "-W", "style", str(page)], capture_output=True, text=True).stdout
            # Whether the pages we refer to are installed is no matter of ours.
            bad += [line for line in said.splitlines() if "referenced manual not found" not in line]
    if client:
        said = subprocess.run([client, "--help"], capture_output=True, text=True, check=True).stdout
        page = (root / "man/sccache.1").read_text().replace("Fl -", "--")
        options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", said))
        if len(options) < 5:
            bad.append(f"{client} --help lists no options: {said[:200]}")
        for option in sorted(options):
            if option not in page:
                bad.append(f"man/sccache.1: {option} is missing")
            for shell in ("sccache.bash", "_sccache", "sccache.fish"):
                text = (root / "completions" / shell).read_text()
                if (f"-l {option[2:]} " if shell.endswith("fish") else option) not in text:
                    bad.append(f"completions/{shell}: {option} is missing")
    return bad


if __name__ == "__main__":
    problems = check(pathlib.Path(sys.argv[1]).resolve(), sys.argv[2] if len(sys.argv) > 2 else None)
    print("\n".join(problems) or "manual: complete")
    sys.exit(bool(problems))
