"""A private cache and server for one test or measurement: nothing of the user's is read, nothing is left behind."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
SCRUBBED = ("SCCACHE_", "CCACHE_", "RUSTC_", "CARGO_", "XDG_", "GCC_", "DISTCC_")
SCRUBBED_NAMES = {"CC", "CXX", "CPP", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "MAKEFLAGS", "MFLAGS", "HOME", "TMPDIR", "LS_COLORS",
                  "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "COMPILER_PATH", "LIBRARY_PATH", "DEPENDENCIES_OUTPUT",
                  "SUNPRO_DEPENDENCIES", "SOURCE_DATE_EPOCH", "RUST_LOG", "LD_PRELOAD"}


def find_program(build: pathlib.Path, name: str = "sccache") -> pathlib.Path:
    """The program inside a build tree or an installed prefix, absolute: compiles run in other directories."""
    build = build.resolve()
    for place in (build / "bin" / name, build / "src/client" / name, build / name):
        if place.is_file() and os.access(place, os.X_OK):
            return place
    raise SystemExit(f"no {name} below {build}; build it first: cmake --build {build}")


def scrubbed_environment() -> dict[str, str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(SCRUBBED) and k not in SCRUBBED_NAMES}
    env["LC_ALL"] = "C"
    return env


class PrivateCache:
    """A directory with a cache and a socket. As a context manager it stops its server and removes everything."""

    def __init__(self, program: pathlib.Path, parent: str | None = None, settings: dict[str, str] | None = None):
        self.program = str(program)
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="sccache-test.", dir=parent))
        for folder in ("home", "tmp", "run"):
            (self.root / folder).mkdir(mode=0o700)
        self.env = scrubbed_environment() | {
            "HOME": str(self.root / "home"), "TMPDIR": str(self.root / "tmp"), "XDG_RUNTIME_DIR": str(self.root / "run"),
            "SCCACHE_DIR": str(self.root / "cache"), "SCCACHE_SERVER_UDS": str(self.root / "sock"),
            "SCCACHE_IDLE_TIMEOUT": "120"} | (settings or {})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.root, ignore_errors=True)

    def call(self, *args: str, **more) -> subprocess.CompletedProcess:
        return subprocess.run([self.program, *args], env=self.env, capture_output=True, timeout=60, **more)

    def start(self) -> None:
        done = self.call("--start-server")
        if done.returncode:
            raise SystemExit(f"the server did not start: {done.stdout.decode()}{done.stderr.decode()}")

    def statistics(self) -> dict:
        done = self.call("--show-stats", "--stats-format", "json")
        if done.returncode:
            raise SystemExit(f"no statistics: {done.stderr.decode()}")
        return json.loads(done.stdout)["stats"]

    def count(self, name: str) -> int:
        value = self.statistics()[name]
        return sum(value["counts"].values()) if isinstance(value, dict) and "counts" in value else value

    def server_pid(self) -> int | None:
        with socket.socket(socket.AF_UNIX) as s, contextlib.suppress(OSError):
            s.settimeout(2)
            s.connect(self.env["SCCACHE_SERVER_UDS"])
            pid, _, _ = struct.unpack("3i", s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            return pid
        return None

    def stop(self) -> None:
        """Asks the server to stop; one that does not within five seconds is killed."""
        pid = self.server_pid()
        if pid is None:
            return
        with contextlib.suppress(subprocess.SubprocessError, OSError):
            self.call("--stop-server")
        for _ in range(100):
            if not pathlib.Path(f"/proc/{pid}").exists():
                return
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def empty(self) -> None:
        """An empty cache and a fresh server."""
        self.stop()
        shutil.rmtree(self.root / "cache", ignore_errors=True)
