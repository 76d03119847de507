"""Real compile commands: the project's own, and those of two C projects that tests/sources fetched."""
import dataclasses
import json
import pathlib
import shlex

from cache import TOP

OUT = "@OUT@"


@dataclasses.dataclass(frozen=True)
class Command:
    """One compile: run `argv` in `cwd` with @OUT@ replaced by the object's path."""
    project: str
    name: str
    cwd: str
    argv: tuple[str, ...]

    def to(self, output: str, *more: str) -> list[str]:
        return [a.replace(OUT, output) for a in self.argv] + list(more)

    def by(self, compiler: str) -> "Command":
        """The same with another compiler of the family: gcc becomes clang, g++ becomes clang++."""
        return dataclasses.replace(self, argv=(compiler, *self.argv[1:]))

    @property
    def is_cxx(self) -> bool:
        return self.name.endswith((".cpp", ".cc", ".cxx"))


def own(build: pathlib.Path, below: tuple[str, ...] = ("src",)) -> list[Command]:
    """From the compile_commands.json of a build tree; the folders `below`, without tests and without launchers."""
    listed = build / "compile_commands.json"
    if not listed.exists():
        return []
    found = {}
    for entry in json.loads(listed.read_text()):
        source = pathlib.Path(entry["file"])
        if not source.is_relative_to(TOP) or source.relative_to(TOP).parts[0] not in below:
            continue
        argv = shlex.split(entry["command"])
        while pathlib.Path(argv[0]).name in ("ccache", "sccache"):
            argv.pop(0)
        at = argv.index("-o")
        argv[at + 1] = OUT
        name = str(source.relative_to(TOP))
        found.setdefault(name, Command("sccache", name, entry["directory"], tuple(argv)))
    return sorted(found.values(), key=lambda c: c.name)


def _project(name: str, folder: pathlib.Path, flags: list[str], leave_out: set[str]) -> list[Command]:
    return [Command(name, source.name, str(folder), ("gcc", *flags, "-o", OUT, "-c", source.name))
            for source in sorted(folder.glob("*.c")) if source.name not in leave_out]


def fetched() -> list[Command]:
    """lua and zlib, if they are there."""
    at = TOP / "build/sources"
    return (_project("lua", at / "lua/src", ["-std=gnu99", "-O2", "-Wall", "-Wextra", "-DLUA_COMPAT_5_3", "-DLUA_USE_LINUX"], set())
            + _project("zlib", at / "zlib", ["-O3", "-g", "-fPIC", "-D_LARGEFILE64_SOURCE=1", "-DHAVE_UNISTD_H"], set()))
