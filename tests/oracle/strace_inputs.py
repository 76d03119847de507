"""Oracle: what the plain compile opens, we know.

strace lists every file the plain compile opens for reading, and every failed look-up. Then
- each file read must be in the manifest we wrote, or belong to the compiler (its own directories, libraries, locale);
- a changed file of the project must change our answer as it changes the plain one's;
- a file that appears where a look-up failed must do so, too: an empty header there shadows the real one.
"""
import os
import pathlib
import random
import re
import shutil
import subprocess
import time

from ground import Ground, Report

OPEN = re.compile(rb'^(?:\d+ +)?open(?:at)?\((?:AT_FDCWD|\d+)?,? ?"((?:[^"\\]|\\.)*)", ([A-Z_|0-9]+).*\) = (-?\d+)( [A-Z]+)?')
OTHER_LOOKUP = re.compile(rb'^(?:\d+ +)?(?:stat|lstat|access|newfstatat|statx|faccessat2?|readlink)\((?:AT_FDCWD, )?"((?:[^"\\]|\\.)*)".*= -1 ENOENT')
# The compiler itself: its directories, what it loads, and what the machine keeps for every program. clang's driver reads
# which distribution this is, to choose among linker options; no compile depends on it.
TOOLCHAIN = re.compile(r"^(/usr/libexec/gcc|/usr/lib(64|32)?/gcc/.*/(cc1|cc1plus|lto|collect2|liblto|specs|plugin|crt|lib[^/]*\.(so|a))|/usr/lib/llvm-\d+/(bin|lib/[^/]*\.so)|"
                       r"/usr/bin/|/bin/|/etc/ld\.so|/etc/(os-release|debian_version|lsb-release|SuSE-release)|/usr/lib/os-release|/lib|/usr/lib(64)?/[^/]*\.so|/usr/lib/[^/]*-linux-gnu/[^/]*\.so|/usr/(lib|share)/locale|"
                       r"/usr/lib/[^/]*-linux-gnu/gconv|/proc/|/dev/|/sys/|/usr/share/locale|/etc/localtime|/usr/share/zoneinfo)")
UNRELATED = re.compile(r"^(/proc/|/dev/|/sys/)")


def plain_text(escaped: bytes) -> str:
    return os.fsdecode(re.sub(rb"\\(x[0-9a-f]{2}|.)", lambda m: bytes([int(m[1][1:], 16)]) if m[1].startswith(b"x") else m[1], escaped))


def trace(ground: Ground, argv: list[str]) -> tuple[set[str], set[str]]:
    """(files read, names that were looked up in vain), absolute."""
    log = ground.cache.root / "trace"
    subprocess.run(["strace", "-f", "-qq", "-s", "4096", "-e", "trace=%file", "-e", "signal=none", "-o", str(log), *argv],
                   cwd=ground.at, env=ground.cache.env, check=True, capture_output=True)
    read, absent = set(), set()
    for line in log.read_bytes().split(b"\n"):
        opened = OPEN.match(line)
        if opened:
            path = os.path.join(ground.at, plain_text(opened[1]))
            if int(opened[3]) >= 0 and b"O_WRONLY" not in opened[2] and b"O_DIRECTORY" not in opened[2] and b"O_RDWR" not in opened[2]:
                read.add(path)
            elif opened[4] == b" ENOENT":
                absent.add(path)
        elif missing := OTHER_LOOKUP.match(line):
            absent.add(os.path.join(ground.at, plain_text(missing[1])))
    log.unlink()
    (ground.at / "out.o").unlink(missing_ok=True)
    return read, absent


def manifest_paths(ground: Ground) -> set[str]:
    done = ground.cache.call("--debug-preprocessor-cache")
    if done.returncode:
        raise SystemExit(f"--debug-preprocessor-cache: {done.stderr.decode()}")
    return {os.path.realpath(os.path.join(ground.at, os.fsdecode(m)))
            for m in re.findall(rb"^ +[0-9a-f]{64}  (.+)$", done.stdout, re.M)}


def compare(ground: Ground, argv: list[str], what: str, report: Report) -> None:
    plain = ground.plain(argv)
    report.check(f"{what}: {' '.join(argv)}", plain.differences(ground.ours(argv)))


def change_a_file(ground: Ground, argv: list[str], path: str, report: Report) -> None:
    kept = pathlib.Path(path).read_bytes()
    try:
        pathlib.Path(path).write_bytes(kept + b"\nextern int changed_by_the_oracle;\nenum { changed_%d };\n" % random.randrange(10**9))
        time.sleep(0.02)
        ground.base = ground._snapshot()
        compare(ground, argv, f"after a change of {os.path.relpath(path, ground.at)}", report)
    finally:
        pathlib.Path(path).write_bytes(kept)
        time.sleep(0.02)
        ground.base = ground._snapshot()


def let_appear(ground: Ground, argv: list[str], path: str, report: Report) -> None:
    made = pathlib.Path(path)
    missing = [p for p in made.parents if not p.exists()]
    made.parent.mkdir(parents=True, exist_ok=True)
    try:
        made.write_text("/* appeared */\n")
        time.sleep(0.02)
        ground.base = ground._snapshot()
        compare(ground, argv, f"after {os.path.relpath(path, ground.at)} appeared", report)
    finally:
        made.unlink()
        if missing:
            shutil.rmtree(missing[-1])
        ground.base = ground._snapshot()


def run(ground: Ground, commands, report: Report, sample: int = 3, seed: int = 0, **_) -> None:
    dice = random.Random(seed)
    for command in commands:
        # An include directory of the user's in front, so that there are look-ups we can spoil.
        argv = command.to("out.o", "-Ifront", "-isystem", "absent/behind")
        (ground.at / "front").mkdir(exist_ok=True)
        ground.base = ground._snapshot()
        read, absent = trace(ground, argv)
        first = ground.ours(argv)
        if first.code:
            report.check(f"{command.name}: compiles", [first.err.decode(errors="replace")[-300:]])
            continue
        known = manifest_paths(ground)
        inputs = {p for p in read if not TOOLCHAIN.match(os.path.normpath(p)) and not TOOLCHAIN.match(os.path.realpath(p))
                  and not os.path.basename(p).startswith("cc") and "/tmp/" not in os.path.relpath(p, ground.cache.root)}
        forgotten = sorted(p for p in inputs if os.path.realpath(p) not in known and os.path.isfile(p)
                           and not p.startswith(str(ground.cache.root / "tmp")))
        report.count("files read", len(inputs))
        report.check(f"{command.project} {command.name}: files read", [f"{p} is in no manifest" for p in forgotten])
        mine = sorted(p for p in inputs if pathlib.Path(p).is_relative_to(ground.at) and os.path.isfile(p))
        for path in dice.sample(mine, min(sample, len(mine))):
            change_a_file(ground, argv, path, report)
        spoilable = sorted(p for p in absent if pathlib.Path(os.path.normpath(p)).is_relative_to(ground.at)
                           and not os.path.lexists(p) and not p.endswith((".o", ".gch", ".s", ".d")) and "." in os.path.basename(p))
        report.count("failed look-ups", len(absent))
        for path in dice.sample(spoilable, min(sample, len(spoilable))):
            let_appear(ground, argv, path, report)
        # Everything is as it was: the first result must be a hit again.
        before = ground.cache.count("cache_hits")
        again = ground.ours(argv)
        problems = first.differences(again)
        if ground.cache.count("cache_hits") != before + 1:
            problems.append("not a hit, although everything is as it was")
        report.check(f"{command.project} {command.name}: as before", problems)
