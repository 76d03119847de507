"""What the oracles share: one working directory in which a project is compiled plainly and through the cache, at the same
path, so that everything that names the path is the same; and the comparison of what happened."""
import dataclasses
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "kit"))
from cache import TOP, PrivateCache  # noqa: E402
from commands import Command  # noqa: E402

COMPILE_LIMIT_S = 300
HUNG = 124  # the code of a compile that was ended after its time


@dataclasses.dataclass
class Result:
    """What one compile did: exit code, streams, and every file that was not there before or is another one now."""
    code: int
    out: bytes
    err: bytes
    files: dict[str, str]

    def differences(self, other: "Result", names_only: bool = False) -> list[str]:
        found = []
        if self.code != other.code:
            found.append(f"exit {self.code} and {other.code}")
        if self.out != other.out:
            found.append(f"stdout {self.out[:200]!r} and {other.out[:200]!r}")
        if self.err != other.err:
            found.append(f"stderr {self.err[-300:]!r} and {other.err[-300:]!r}")
        for name in sorted(set(self.files) | set(other.files)):
            mine, theirs = self.files.get(name), other.files.get(name)
            if mine is None or theirs is None:
                found.append(f"file {name} only in the {'second' if mine is None else 'first'}")
            elif mine != theirs and not names_only:
                found.append(f"file {name} has other bytes or another mode")
        return found


class Ground:
    """A copy of a project's directory (or an empty one for commands with absolute paths) and a private cache."""

    def __init__(self, cache: PrivateCache, project: list[Command]):
        self.cache = cache
        self.at = cache.root / "ground"
        self.at.mkdir()
        self.from_cwd = {c.cwd for c in project}
        for cwd in self.from_cwd:
            if pathlib.Path(cwd).is_relative_to(TOP / "build/sources"):
                shutil.copytree(cwd, self.at, dirs_exist_ok=True, symlinks=True)
        self.base = self._snapshot()

    def _snapshot(self) -> dict[str, tuple]:
        seen = {}
        for here, folders, names in os.walk(self.at):
            for name in names + [f for f in folders if os.path.islink(os.path.join(here, f))]:
                path = os.path.join(here, name)
                st = os.lstat(path)
                seen[os.path.relpath(path, self.at)] = (st.st_mtime_ns, st.st_size, st.st_ino, st.st_mode)
        return seen

    def run(self, argv: list[str], before: list[str] = (), env: dict[str, str] | None = None, limit: int = COMPILE_LIMIT_S) -> Result:
        """Runs in the ground and takes away what it made."""
        done = subprocess.Popen([*before, *argv], cwd=self.at, env=self.cache.env | (env or {}), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        try:
            out, err = done.communicate(timeout=limit)
            code = done.returncode
        except subprocess.TimeoutExpired:
            os.killpg(done.pid, signal.SIGKILL)  # a driver's own child as well
            out, err = done.communicate()
            code = HUNG
        files = {}
        for name, what in self._snapshot().items():
            if self.base.get(name) == what:
                continue
            path = self.at / name
            if path.is_symlink():
                files[name] = "link to " + os.readlink(path)
            else:
                files[name] = hashlib.sha256(path.read_bytes()).hexdigest() + oct(path.stat().st_mode)
            if name not in self.base:
                path.unlink()
        return Result(code, out, err, files)

    def plain(self, argv: list[str], env: dict[str, str] | None = None, limit: int = COMPILE_LIMIT_S) -> Result:
        return self.run(argv, env=env, limit=limit)

    def agrees_with_itself(self, argv: list[str], plain: Result, tries: int = 6) -> bool:
        """Does the compiler make the same again? Some options bring addresses of its memory into the output, most times the same."""
        return not any(plain.differences(self.plain(argv)) for _ in range(tries))

    def ours(self, argv: list[str], env: dict[str, str] | None = None) -> Result:
        return self.run(argv, [self.cache.program], env)


class Report:
    """Counts and prints; a script ends with `sys.exit(report.end())`."""

    def __init__(self, oracle: str):
        self.oracle, self.checked, self.bad, self.notes = oracle, 0, 0, {}

    def check(self, what: str, problems: list[str]) -> bool:
        self.checked += 1
        if problems:
            self.bad += 1
            print(f"{self.oracle}: {what}")
            for problem in problems[:6]:
                print(f"    {problem}")
            sys.stdout.flush()
        return not problems

    def count(self, note: str, n: int = 1) -> None:
        self.notes[note] = self.notes.get(note, 0) + n

    def end(self) -> int:
        notes = "".join(f", {n} {note}" for note, n in sorted(self.notes.items()))
        print(f"{self.oracle}: {self.checked} checked, {self.bad} wrong{notes}")
        if self.checked == 0:
            print(f"{self.oracle}: nothing was checked")
        return int(self.bad > 0 or self.checked == 0)
