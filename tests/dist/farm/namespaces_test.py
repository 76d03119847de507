"""Scheduler, three builders and the client, each with a network of its own (namespaces joined by a bridge in another one).

Everything a compile makes there (objects, split debug information, dependency files, messages, exit status) is what the compiler
makes here; then one builder's cable is pulled in the middle of a build. Needs root and ip; nothing of the host's network is touched."""

import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import farm as f  # noqa: E402
from farm import check  # noqa: E402

BUILDERS = 3
FILES = 8


class Networks:
    """A bridge in a namespace, and one namespace a machine."""

    def __init__(self):
        self.mark = "sccf%d" % os.getpid()
        self.names = []
        self.hub = self.add("hub")
        self.ip("-n", self.hub, "link", "add", "br0", "type", "bridge")
        self.ip("-n", self.hub, "link", "set", "br0", "up")

    @staticmethod
    def ip(*arguments):
        subprocess.run(["ip"] + list(arguments), check=True, capture_output=True)

    def add(self, name):
        full = self.mark + name
        self.ip("netns", "add", full)
        self.names.append(full)
        self.ip("-n", full, "link", "set", "lo", "up")
        return full

    def machine(self, name):
        """(prefix that runs a program there, its address)."""
        full = self.add(name)
        address = "10.99.0.%d" % len(self.names)
        self.ip("-n", self.hub, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", full)
        self.ip("-n", self.hub, "link", "set", name, "master", "br0", "up")
        self.ip("-n", full, "addr", "add", address + "/24", "dev", "eth0")
        self.ip("-n", full, "link", "set", "eth0", "up")
        # Not `ip netns exec`: that makes a new mount namespace each time, another root to the client.
        return ["nsenter", "--net=/run/netns/" + full, "--"], address

    def pull(self, name):
        self.ip("-n", self.hub, "link", "set", name, "down")

    def end(self):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


class SeparateFarm(f.Farm):
    """A farm whose scheduler is only seen from the client's network."""

    def status(self):
        code = ("import json,sys,urllib.request as u; r=u.Request('http://%s/api/v1/scheduler/status',headers={'Accept':'application/json'}); "
                "sys.stdout.write(u.urlopen(r,timeout=5).read().decode())" % self.scheduler_address)
        r = subprocess.run(self.where + [sys.executable, "-c", code], capture_output=True, text=True, env=f.plain_environment())
        if r.returncode != 0:
            raise OSError(r.stderr)
        return f.json.loads(r.stdout)


COMMON = """#define CHECK(x) if ((x) == (x)) helper(x)
#define FALL(x) switch (x) { case 0: helper(1); case 1: helper(2); }
int helper(int);
"""
BODY = """#include <stdio.h>
#include <stdlib.h>
#include "inc/deep.h"
struct s%(n)d { int a[%(n)d + 1]; };
int f%(n)d(int x) { struct s%(n)d v; v.a[0] = x; CHECK(x); printf("%%d\\n", v.a[0]); return x + ANSWER; }
"""
CXX = """#include <map>
#include <string>
std::map<std::string, int> g%(n)d(int x) { std::map<std::string, int> m; m["a"] = x + ANSWER; return m; }
"""
WARN = "int w%(n)d(int x) { int unused; FALL(x) printf(\"%%s\\n\", x); return x; }\n"


def write(directory):
    os.makedirs(directory + "/real")
    os.symlink("real", directory + "/inc")
    with open(directory + "/real/deep.h", "w") as out:
        out.write("#ifdef __cplusplus\nextern \"C\"\n#endif\n" + "int ext(int);\n#define ANSWER 42\n#pragma GCC system_header\n" + COMMON)
    for n in range(FILES):
        with open("%s/c%d.c" % (directory, n), "w") as out:
            out.write(BODY % {"n": n})
        with open("%s/x%d.cc" % (directory, n), "w") as out:
            out.write((BODY + CXX) % {"n": n})
    for n, name in ((20, "warn.c"), (21, "warn.cc")):
        with open("%s/%s" % (directory, name), "w") as out:
            out.write((BODY + WARN) % {"n": n})
    time.sleep(0.05)


def outputs_of(directory):
    found = {}
    for at, _, names in os.walk(directory):
        for name in names:
            with open(os.path.join(at, name), "rb") as data:
                found[os.path.relpath(os.path.join(at, name), directory)] = data.read()
    return found


def cases(names):
    """(compiler, arguments, source)"""
    options = (["-O2", "-g", "-Wall", "-Wextra", "-Werror", "-MD"], ["-O1", "-g", "-gsplit-dwarf", "-MMD", "-MP"], ["-O0", "-g3", "-MD", "-MF", "out/dep.mk", "-MT", "target name"],
               ["-Os", "-ffunction-sections", "-std=gnu++17", "-g"])
    n = 0
    for compiler in f.compilers(names):
        kind = "x%d.cc" if compiler.endswith("++") else "c%d.c"
        for option in options:
            if "-std=gnu++17" in option and not compiler.endswith("++"):
                continue
            yield compiler, option, kind % (n % FILES)
            n += 1
        warn = "warn.cc" if compiler.endswith("++") else "warn.c"
        yield compiler, ["-O1", "-Wall", "-Wextra", "-g"], warn
        yield compiler, ["-O1", "-Wall", "-Wextra", "-Werror", "-g"], warn


def equal_to_local(client, cwd, names):
    sent = 0
    for compiler, options, source in cases(names):
        made = []
        for run in (lambda a: subprocess.run(a, cwd=cwd, capture_output=True, env=client.env), lambda a: client.run(*a, cwd=cwd)):
            shutil.rmtree(cwd + "/out", ignore_errors=True)
            os.mkdir(cwd + "/out")
            before = client.stats()
            r = run([compiler] + options + ["-c", source, "-o", "out/o.o"])
            made.append((r.returncode, r.stdout, r.stderr, outputs_of(cwd + "/out")))
        label = "%s %s %s" % (compiler, " ".join(options), source)
        after = client.stats()
        check(after["away"] == before["away"] + 1 and after["errors"] == 0, "not made by a builder: %s: %s" % (label, f.text_of(client.log)[-1500:]))
        sent += 1
        for i, what in enumerate(("exit status", "standard output", "messages")):
            check(made[0][i] == made[1][i], "%s differ: %s\n%r\n%r" % (what, label, made[0][i], made[1][i]))
        check(made[0][3].keys() == made[1][3].keys(), "other files: %s: %s, %s" % (label, sorted(made[0][3]), sorted(made[1][3])))
        for name, data in made[0][3].items():
            check(made[1][3][name] == data, "%s is not what the compiler makes here: %s" % (name, label))
    return sent


def build(client, cwd, tag, during=None):
    """All sources at once; objects must be the plain ones."""
    jobs = []
    for n in range(FILES):
        for compiler, name in (("gcc", "c%d.c"), ("g++", "x%d.cc")):
            jobs.append((compiler, name % n, "%s%s.o" % (tag, name % n)))
    children = [(client.start(c, "-O1", "-g", "-DTAG_" + tag, "-c", s, "-o", o, cwd=cwd), c, s, o) for c, s, o in jobs]
    if during:
        during()
    for child, compiler, source, target in children:
        out, err = child.communicate(timeout=200)
        check(child.returncode == 0 and not err, "%s %s: exit %d: %r" % (compiler, source, child.returncode, err))
    for _, compiler, source, target in children:
        subprocess.run([compiler, "-O1", "-g", "-DTAG_" + tag, "-c", source, "-o", "plain.o"], cwd=cwd, check=True, env=client.env)
        check(f.same(cwd + "/plain.o", cwd + "/" + target), target + " is not the plain compile's")


def main():
    if os.geteuid() != 0:
        f.skip("network namespaces need root")
    for program in ("ip", "nsenter"):
        if not shutil.which(program):
            f.skip(program + " is not installed")
    nets = None
    try:
        try:
            nets = Networks()
            places = {name: nets.machine(name) for name in ["sched", "client"] + ["b%d" % n for n in range(1, BUILDERS + 1)]}
        except subprocess.CalledProcessError as e:
            f.skip("no network namespaces here: %s" % e.stderr.decode().strip())
        with SeparateFarm("netns") as farm:
            farm.where = places["client"][0]
            farm.start_scheduler(address=places["sched"][1] + ":10600", prefix=places["sched"][0])
            for n in range(1, BUILDERS + 1):
                prefix, address = places["b%d" % n]
                farm.start_builder(address=address + ":10501", prefix=prefix)
            farm.wait_for_builders()
            client = farm.client(prefix=places["client"][0])
            cwd = farm.path("w")
            write(cwd)
            begin = time.monotonic()
            sent = equal_to_local(client, cwd, ("gcc", "g++", "clang", "clang++") if sys.argv[1:] == ["--full"] else ("gcc", "g++"))
            print("ok   %d compiles equal to local ones (%.1f s)" % (sent, time.monotonic() - begin), flush=True)
            begin = time.monotonic()
            build(client, cwd, "a")
            by = client.stats()["by"]
            check(len(by) >= 2, "only one builder had work: %s" % by)  # each more costs a toolchain's way
            print("ok   a build over builders: %s (%.1f s)" % (by, time.monotonic() - begin), flush=True)
            busiest = max(by, key=by.get).split(":")[0]
            cable = next(name for name, place in places.items() if place[1] == busiest)
            begin = time.monotonic()
            build(client, cwd, "b", during=lambda: (time.sleep(0.3), nets.pull(cable)))
            took = time.monotonic() - begin
            check(took < 90, "with a builder cut off the build took %.0f s" % took)
            for p in farm.builders + [farm.scheduler]:
                check(p.alive(), "a daemon ended: " + p.text()[-1000:])
            print("ok   a builder's cable is pulled during a build (%.1f s)" % took, flush=True)
    except AssertionError as e:
        print("FAIL %s" % e, flush=True)
        return 1
    finally:
        if nets:
            nets.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
