"""A build through a farm whose every wire is spoilt: it finishes, soon, and makes what the plain compiler makes.

    faults_test.py                    a sample of steps and faults, drawn by a seed that is printed (FAULTS_SEED repeats it)
    faults_test.py --full [STEP...]   every step, or these, with every fault
    faults_test.py STEP FAULT ...     these pairs

FAULTS_SOURCES=DIR: the build is that of the C files there (of lua, say) instead of a few small ones made for the purpose.
"""

import glob
import os
import random
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import farm as f  # noqa: E402
from farm import check, same  # noqa: E402
from faulty_proxy import FAULTS, STEPS, Plan, Proxy, certificate  # noqa: E402

FILES = 8
SAMPLE = 5
BOUND = 60  # seconds a case may last on a loaded machine


def sources(directory):
    """Fills it; the names of the C files without ".c", each compiled to NAME.plain.o."""
    os.makedirs(directory)
    project = os.environ.get("FAULTS_SOURCES")
    if project:
        for path in glob.glob(project + "/*.[ch]"):
            shutil.copy(path, directory)
    else:
        for i in range(FILES):
            with open("%s/f%d.c" % (directory, i), "w") as out:
                out.write("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nstruct s%d { int a; char b[%d]; };\n" % (i, i + 1))
                out.write("".join("int f%d_%d(struct s%d* s) { printf(\"%%d\", s->a); return s->a * %d; }\n" % (i, n, i, n) for n in range(20)))
    names = sorted(os.path.basename(path)[:-2] for path in glob.glob(directory + "/*.c"))
    for name in names:
        subprocess.run(["gcc", "-O1", "-g", "-c", name + ".c", "-o", name + ".plain.o"], cwd=directory, check=True)
    return names


class Spoilt:
    """The farm behind proxies, and the cases."""

    def __init__(self, farm):
        self.farm = farm
        self.plan = Plan()
        self.shunned = False
        self.tls = certificate(farm.dir)
        farm.start_scheduler()
        now = lambda: self.plan  # noqa: E731
        self.to_scheduler = Proxy(farm.scheduler_address, now, shown=self.tls[0])
        self.fronts = []
        for _ in range(2):
            inner = "127.0.0.1:%d" % f.free_port()
            front = Proxy(inner, now, tls=self.tls)
            self.fronts.append(front)
            # Many slots: a job whose client is cut off keeps one for a minute, and here that happens all the time.
            farm.start_builder(address=front.address, bind=inner, scheduler=self.to_scheduler.address, slots=64)
        farm.wait_for_builders(2)
        self.cwd = farm.path("w")
        self.names = sources(self.cwd)
        self.toolchains = farm.path("toolchains")
        first = self.client()
        with open(self.cwd + "/first.c", "w") as out:
            out.write("int first;\n")
        r = first.run("gcc", "-c", "first.c", "-o", "first.o", cwd=self.cwd)
        check(r.returncode == 0 and first.stats()["away"] == 1, "the farm does not work unspoilt: %r %s" % (r.stderr, f.text_of(first.log)[-2000:]))
        first.stop()

    def client(self):
        """A fresh one each time: no memory of a scheduler that was down. The packed toolchain is shared."""
        c = self.farm.client(scheduler=self.to_scheduler.address)
        text = f.text_of(c.conf).replace(c.home + "/toolchains", self.toolchains)
        with open(c.conf, "w") as out:
            out.write(text)
        return c

    def restart_builders(self, forget):
        for i, old in enumerate(list(self.farm.builders)):
            old.stop()
            if forget:
                shutil.rmtree(old.home + "/toolchains", ignore_errors=True)
            new = f.Process([self.farm.dist, "server", "--config", old.config], old.log, f.plain_environment(SCCACHE_LOG="debug", HOME=self.farm.dir))
            new.address, new.home, new.config = old.address, old.home, old.config
            self.farm.builders[i] = new

    def case(self, step, fault, times, seed):
        """Seconds the build took, and how many of its jobs a builder did."""
        # A scheduler leaves builders alone that failed it, for longer each time; that is not what is tested.
        if self.shunned or step == "assign_job":
            self.farm.scheduler.stop()
            self.farm.start_scheduler(address=self.farm.scheduler_address)
            self.restart_builders(forget=False)
            self.farm.wait_for_builders(2)
        self.shunned = step == "assign_job"
        if step == "submit_toolchain":
            self.restart_builders(forget=True)
            self.farm.wait_for_builders(2)
        self.plan = Plan(step, fault, times, seed)
        client = self.client()
        begin = time.monotonic()
        if step == "heartbeat_server":
            self.restart_builders(forget=False)
        children = [client.start("gcc", "-O1", "-g", "-c", name + ".c", "-o", name + ".o", cwd=self.cwd) for name in self.names]
        for name, child in zip(self.names, children):
            out, err = child.communicate(timeout=BOUND * 3)
            check(child.returncode == 0 and not out and not err, "%s.c: exit %d: %r" % (name, child.returncode, err))
        if step == "heartbeat_server":
            self.farm.wait_for_builders(2)
        took = time.monotonic() - begin
        # The jobs' last state comes a moment after the client has its object.
        f.wait_for("the fault to happen", lambda: self.plan.done > 0, 10)
        self.plan = Plan()
        for name in self.names:
            made = "%s/%s.o" % (self.cwd, name)
            check(same(made, "%s/%s.plain.o" % (self.cwd, name)), name + ".o is not the plain compile's")
            os.unlink(made)
        away = client.stats()["away"]
        for p in self.farm.builders + [self.farm.scheduler]:
            check(p.alive(), "a daemon died: " + p.text()[-1500:])
        check(took < BOUND, "it took %.0f s" % took)
        client.stop()
        self.farm.clients.remove(client)
        shutil.rmtree(client.home, ignore_errors=True)
        return took, away


def main():
    if not shutil.which("openssl"):
        f.skip("openssl is not installed")
    arguments = sys.argv[1:]
    seed = int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(10 ** 6))
    print("seed %d" % seed)
    draw = random.Random(seed)
    pairs = [(s, x) for s in STEPS for x in FAULTS]
    full = arguments[:1] == ["--full"]
    if full and arguments[1:]:
        pairs = [p for p in pairs if p[0] in arguments[1:]]
    if arguments and not full:
        pairs = list(zip(arguments[::2], arguments[1::2]))
    elif not full:
        # Stalls cost their timeouts, so they are left to the full run.
        pairs = draw.sample([p for p in pairs if not p[1].endswith(("stall", "silence"))], SAMPLE)
    failed = 0
    with f.Farm("faults") as farm:
        spoilt = Spoilt(farm)
        for step, fault in pairs:
            stalls = fault.endswith(("stall", "silence"))
            for times in (2, 1000) if full and not stalls and step != "heartbeat_server" else (2 if not stalls else 1,):
                try:
                    took, away = spoilt.case(step, fault, times, draw.randrange(10 ** 9))
                    print("ok   %-17s %-16s x%-4d %5.1f s, %d of %d away" % (step, fault, times, took, away, len(spoilt.names)), flush=True)
                except (AssertionError, subprocess.TimeoutExpired) as e:
                    failed += 1
                    print("FAIL %-17s %-16s x%-4d %s" % (step, fault, times, e), flush=True)
                    for child in farm.clients:
                        child.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
