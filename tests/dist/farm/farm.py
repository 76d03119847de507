"""A farm of our own for the Python tests here: scheduler, builders, clients of either make, in one temporary directory.

Standard library only. Programs come from SCCACHE_BIN and FEATURE_DIST_BIN, as for the shell tests."""

import atexit
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

CLIENT = os.path.realpath(os.environ.get("SCCACHE_BIN", "build/dev/bin/sccache"))
DIST = os.path.realpath(os.environ.get("FEATURE_DIST_BIN", os.path.join(os.path.dirname(CLIENT), "sccache-dist")))
TOKEN = "farm-test-token-0123456789abcdef"


def skip(reason):
    print("SKIP: " + reason, flush=True)
    sys.exit(77)


def fail(text):
    raise AssertionError(text)


def check(condition, text):
    if not condition:
        fail(text)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def plain_environment(**more):
    """Nothing of the user's settings."""
    env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TERM": "dumb"}
    env.update(more)
    return env


def wait_for(what, condition, seconds=20, pause=0.05):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(pause)
    fail("waited %d s in vain for %s" % (seconds, what))


def text_of(path):
    try:
        with open(path, errors="replace") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def same(a, b):
    with open(a, "rb") as x, open(b, "rb") as y:
        return x.read() == y.read()


class Process:
    """A daemon and its log."""

    def __init__(self, arguments, log, env, cwd="/", prefix=()):
        self.log = log
        with open(log, "ab") as out:
            self.child = subprocess.Popen(list(prefix) + arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env, cwd=cwd)

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child.poll() is None

    def text(self):
        return text_of(self.log)

    def stop(self, seconds=10):
        if not self.alive():
            return self.child.returncode
        self.child.send_signal(signal.SIGCONT)
        self.child.terminate()
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            return None


class Farm:
    """One scheduler, some builders, some clients; `with` ends them all."""

    def __init__(self, name="farm", dist=DIST):
        for program in (CLIENT, dist):
            if not os.access(program, os.X_OK):
                skip("%s is not built" % program)
        self.dist = dist
        self.dir = tempfile.mkdtemp(prefix="sccf-%s." % name, dir="/tmp")
        self.scheduler = None
        self.scheduler_address = None
        self.builders = []
        self.clients = []
        self.numbers = itertools.count(1)
        atexit.register(self.end)  # a test that dies leaves no daemons
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind and os.environ.get("FEATURE_LOG"):
            for name in sorted(os.listdir(self.dir)):
                if name.endswith(".log"):
                    print("--- %s\n%s" % (name, text_of(os.path.join(self.dir, name))[-6000:]), flush=True)
        self.end()

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def start_scheduler(self, dist=None, own=True, address=None, prefix=(), extra=""):
        dist = dist or self.dist
        address = address or "127.0.0.1:%d" % free_port()
        top = 'control_socket = "%s"\n' % self.path("control") if own else ""
        config = self.write("scheduler.conf", 'public_addr = "%s"\n%s[client_auth]\ntype = "token"\ntoken = "%s"\n[server_auth]\ntype = "token"\n'
                            'token = "builders-%s"\n%s' % (address, top, TOKEN, TOKEN, extra), 0o600)
        env = plain_environment(SCCACHE_NO_DAEMON="1", SCCACHE_LOG="debug", HOME=self.dir)
        self.scheduler = Process([dist, "scheduler", "--config", config], self.path("scheduler.log"), env, prefix=prefix)
        self.scheduler_address = address
        if not prefix:
            self.wait_for_scheduler()
        return self.scheduler

    def wait_for_scheduler(self):
        host, port = self.scheduler_address.rsplit(":", 1)

        def listens():
            check(self.scheduler.alive(), "the scheduler ended: " + self.scheduler.text()[-2000:])
            try:
                socket.create_connection((host, int(port)), 1).close()
                return True
            except OSError:
                return False
        wait_for("the scheduler", listens)

    def start_builder(self, dist=None, own=True, slots=2, address=None, bind=None, scheduler=None, prefix=(), limits="", options=(), secret="", cache=""):
        """address is what the scheduler tells clients; bind where it listens; scheduler how it reaches that."""
        n = len(self.builders) + 1
        dist = dist or self.dist
        address = address or "127.0.0.1:%d" % free_port()
        home = self.path("builder%d" % n)
        os.makedirs(home, exist_ok=True)
        top = ('bind_address = "%s"\n' % bind if bind else "") + ('toolchain_cache_size = "%s"\n' % cache if cache else "")
        bwrap = 'bwrap_path = "%s"\n' % (shutil.which("bwrap") or "/usr/bin/bwrap")
        config = self.write("builder%d.conf" % n, 'public_addr = "%s"\n%sscheduler_url = "http://%s"\ncache_dir = "%s/toolchains"\n[builder]\n'
                            'type = "overlay"\nbuild_dir = "%s/tmp"\n%s[scheduler_auth]\ntype = "token"\ntoken = "builders-%s"\n%s'
                            % (address, top, scheduler or self.scheduler_address, home, home, bwrap, TOKEN,
                               "[limits]\nslots = %d\n%s" % (slots, limits) if own else ""), 0o600)
        env = plain_environment(SCCACHE_LOG="debug", HOME=self.dir, SECRET=secret)
        builder = Process([dist, "server", "--config", config] + list(options), self.path("builder%d.log" % n), env, prefix=prefix)
        builder.address = address
        builder.home = home
        builder.config = config
        self.builders.append(builder)
        return builder

    def status(self):
        request = urllib.request.Request("http://%s/api/v1/scheduler/status" % self.scheduler_address, headers={"Accept": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        return json.load(opener.open(request, timeout=5))

    def wait_for_builders(self, count=None):
        count = len(self.builders) if count is None else count

        def known():
            for b in self.builders:
                if not b.alive():
                    skip("no builder can run here: " + " ".join(b.text().splitlines()[-2:]))
            try:
                return self.status()["num_servers"] == count
            except OSError:
                return False
        wait_for("%d builders" % count, known, 30)

    def client(self, program=None, scheduler=None, own=True, mode="always", farm=True, name=None, prefix=(), **env):
        c = Client(self, program or CLIENT, name or "client%d" % next(self.numbers), own, prefix, env)
        if farm:
            c.configure(scheduler or self.scheduler_address, mode)
        self.clients.append(c)
        return c

    def end(self):
        if self.dir is None:
            return
        for c in self.clients:
            c.stop()
        for p in self.builders + ([self.scheduler] if self.scheduler else []):
            p.stop()
        if not os.environ.get("FEATURE_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)
        self.dir = None


class Client:
    """A user with a home, a cache and a server of their own."""

    def __init__(self, farm, program, name, own, prefix, env):
        self.farm = farm
        self.program = program
        self.own = own
        self.prefix = list(prefix)
        self.home = farm.path(name)
        os.makedirs(os.path.join(self.home, "tmp"), mode=0o700)
        os.makedirs(os.path.join(self.home, "run"), mode=0o700)
        self.log = farm.path(name + ".log")
        self.conf = os.path.join(self.home, ".config/sccache/config")
        self.env = plain_environment(HOME=self.home, TMPDIR=self.home + "/tmp", XDG_RUNTIME_DIR=self.home + "/run", SCCACHE_DIR=self.home + "/cache",
                                     SCCACHE_SERVER_UDS=self.home + "/sock", SCCACHE_IDLE_TIMEOUT="300", SCCACHE_CONF=self.conf,
                                     SCCACHE_LOG="debug", SCCACHE_ERROR_LOG=self.log)
        self.env.update(env)

    def configure(self, scheduler, mode="always"):
        os.makedirs(os.path.dirname(self.conf), exist_ok=True)
        with open(self.conf, "w") as f:
            f.write('[dist]\nscheduler_url = "http://%s"\n%stoolchains = []\ncache_dir = "%s/toolchains"\n[dist.auth]\ntype = "token"\ntoken = "%s"\n'
                    % (scheduler, 'mode = "%s"\n' % mode if self.own else "", self.home, TOKEN))

    def run(self, *arguments, cwd, timeout=300, input=None, **env):
        """subprocess.CompletedProcess with bytes."""
        return subprocess.run(self.prefix + [self.program] + list(arguments), cwd=cwd, env=dict(self.env, **env), capture_output=True,
                              timeout=timeout, input=input)

    def start(self, *arguments, cwd, **env):
        return subprocess.Popen(self.prefix + [self.program] + list(arguments), cwd=cwd, env=dict(self.env, **env), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)

    def stats(self):
        r = self.run("--show-stats", "--stats-format", "json", cwd="/")
        check(r.returncode == 0, r.stderr)
        s = json.loads(r.stdout)["stats"]
        return {"away": sum(s["dist_compiles"].values()), "by": s["dist_compiles"], "errors": s["dist_errors"], "hits": count(s["cache_hits"]), "misses": count(s["cache_misses"]),
                "fails": s["compile_fails"]}

    def stop(self):
        try:
            self.run("--stop-server", cwd="/", timeout=20)
        except subprocess.TimeoutExpired:
            pass


def count(counter):
    return sum(counter["counts"].values()) if isinstance(counter, dict) else counter


def compilers(names=("gcc", "g++", "clang", "clang++")):
    return [n for n in names if shutil.which(n)]


def peer_dir():
    """The directory of Mozilla's programs, or a reason why not."""
    places = [os.environ["SCCACHE_PEER_DIR"]] if os.environ.get("SCCACHE_PEER_DIR") else os.environ.get("PATH", "").split(":") + [os.path.expanduser("~/.cargo/bin")]
    for place in places:
        both = [os.path.join(place, n) for n in ("sccache", "sccache-dist")]
        if not all(os.access(p, os.X_OK) for p in both) or os.path.realpath(both[0]) == CLIENT:
            continue
        said = subprocess.run([both[0], "--version"], capture_output=True, text=True).stdout.strip().splitlines()
        if len(said) == 1 and said[0].startswith("sccache 0."):
            return place, said[0].split()[1]
    return None, "Mozilla's sccache and sccache-dist are not in PATH or ~/.cargo/bin (cargo install sccache --version 0.19.0 --features dist-server; or SCCACHE_PEER_DIR)"


def run_tests(tests):
    """Runs the functions; a failing one is named and the rest still run."""
    failed = 0
    only = sys.argv[1:]
    for test in tests:
        if only and test.__name__ not in only:
            continue
        begin = time.monotonic()
        try:
            test()
            print("ok   %s (%.1f s)" % (test.__name__, time.monotonic() - begin), flush=True)
        except Exception as e:  # a test's failure of any kind
            failed += 1
            print("FAIL %s: %s: %s" % (test.__name__, type(e).__name__, e), flush=True)
    sys.exit(1 if failed else 0)
