"""Many jobs through client, scheduler and builder leave nothing behind: no mount, descriptor, thread, process, directory or slot.

    many_jobs_test.py [JOBS]         300 by default; the long run is 10000

One job in ten is a real compile through the real client; the others are sent by this program, with a stub as the compiler, some
of them spoilt (the client goes away, the compiler fails, the toolchain is wrong)."""

import http.client
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import farm as f  # noqa: E402
import v1  # noqa: E402
from farm import check  # noqa: E402

THREADS = 6
WARM = 40


def family(pid):
    """pid and all that came from it."""
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % name) as stat:
                parent = int(stat.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(name))
    found, todo = [], [pid]
    while todo:
        now = todo.pop()
        found.append(now)
        todo += children.get(now, [])
    return found


def mounts_of(pid):
    with open("/proc/%s/mounts" % pid) as mounts:
        return set(mounts)


def held(pid):
    """What a process and its children hold."""
    pids = family(pid)
    sums = {"processes": len(pids), "descriptors": 0, "threads": 0, "mounts": 0}
    for p in pids:
        try:
            sums["descriptors"] += len(os.listdir("/proc/%d/fd" % p))
            sums["threads"] += len(os.listdir("/proc/%d/task" % p))
            sums["mounts"] += len(mounts_of(p) - mounts_of("self"))
        except OSError:
            pass
    return sums


def resident(pid):
    with open("/proc/%d/status" % pid) as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def entries(directory):
    return sum(len(folders) + len(files) for _, folders, files in os.walk(directory))


class Load:
    def __init__(self, farm, client, stub):
        self.farm, self.client = farm, client
        self.archive = v1.toolchain(stub)
        self.name = v1.archive_id(self.archive)
        self.cwd = farm.path("w")
        os.makedirs(self.cwd, exist_ok=True)
        self.next = 0
        self.lock = threading.Lock()
        self.done = {"compiled": 0, "stub": 0, "failed": 0, "gone": 0, "busy": 0}
        self.trouble = []

    def take(self, end):
        with self.lock:
            if self.next >= end:
                return None
            self.next += 1
            return self.next

    def count(self, what):
        with self.lock:
            self.done[what] += 1

    def run(self, jobs):
        end = self.next + jobs
        threads = [threading.Thread(target=self.work, args=(end,)) for _ in range(THREADS)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        check(not self.trouble, "%d jobs went wrong, e.g. %s" % (len(self.trouble), self.trouble[:3]))

    def work(self, end):
        wire = v1.Client(self.farm.scheduler_address, f.TOKEN)
        while (n := self.take(end)) is not None:
            try:
                self.compile(n) if n % 10 == 0 else self.stub(wire, n)
            except Exception as e:  # whatever it is, it is the finding
                self.trouble.append("%d: %s %s" % (n, type(e).__name__, e))
                wire.close()
        wire.close()

    def compile(self, n):
        source = "%s/c%d.c" % (self.cwd, n)
        with open(source, "w") as out:
            out.write("int c%d = %d;\n" % (n, n))
        r = self.client.run("gcc", "-c", source, "-o", source[:-1] + "o", cwd=self.cwd)
        check(r.returncode == 0 and os.path.getsize(source[:-1] + "o") > 0, "exit %d %r" % (r.returncode, r.stderr))
        os.unlink(source)
        os.unlink(source[:-1] + "o")
        self.count("compiled")

    def stub(self, wire, n):
        a = wire.alloc(self.name, {"Sccache-Deadline": "60000"})
        if "fail" in a:
            return self.count("busy")  # the farm is small; being told so is right
        if a["need"]:
            check(wire.submit(a, self.archive) == 0, "the toolchain was not taken")
        if n % 37 == 3:
            return self.leave(a)
        outputs = ["o%d.o" % n] if n % 41 else ["/dev/full/x"]
        source = v1.tar([("w/in%d.c" % n, b"int x;\n" * 100)])
        r = wire.run(a, ["-c", "in%d.c" % n, "-o", outputs[0]], outputs, source)
        if n % 41 == 0:
            check(r[0] != 0, r)
            return self.count("failed")
        check(r[0] == 0 and r[3] == {outputs[0]: b"object"} and r[2] == b"stub\n", r)
        self.count("stub")

    def leave(self, a):
        """The client goes away in the middle of its job."""
        connection = http.client.HTTPSConnection(a["builder"], timeout=10, context=v1.CONTEXT)
        connection.putrequest("POST", "/api/v1/distserver/run_job/%d" % a["job"])
        for name, value in (("Authorization", "Bearer " + a["auth"]), ("Content-Length", "100000")):
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(b"\0\0\0\x10" + b"x" * 1000)
        connection.close()
        self.count("gone")


def measure(farm, builder):
    scheduler = farm.scheduler.pid
    host = sum(farm.dir in line for line in mounts_of("self"))  # others may mount things meanwhile
    counts = {"scheduler": held(scheduler), "builder": held(builder.pid), "host mounts": host, "files": entries(builder.home),
              "in progress": farm.status()["in_progress"]}
    return counts, {"scheduler": resident(scheduler), "builder": resident(builder.pid)}


def main():
    jobs = int(sys.argv[1]) if sys.argv[1:] else 300
    with f.Farm("many") as farm:
        stub = v1.stub_compiler(farm.dir)
        if not stub:
            f.skip("gcc cannot make a static program here")
        farm.start_scheduler()
        builder = farm.start_builder(slots=16)
        farm.wait_for_builders(1)
        client = farm.client()
        load = Load(farm, client, stub)
        load.run(WARM)
        client.run("--stop-server", cwd="/")
        quiet(farm)
        before, memory = measure(farm, builder)
        begin = time.monotonic()
        load.run(jobs)
        took = time.monotonic() - begin
        away = client.stats()
        server = [int(p) for p in subprocess.run(["pgrep", "-f", "sccache-server.*" + client.home], capture_output=True, text=True).stdout.split()]
        client.run("--stop-server", cwd="/")
        f.wait_for("the client's server to end", lambda: not any(os.path.exists("/proc/%d" % p) for p in server), 10)
        quiet(farm)
        after = {}

        def settled():
            after.update(zip(("counts", "memory"), measure(farm, builder)))
            return not worse(before, after["counts"])
        try:
            f.wait_for("everything to be as before", settled, 120, 2)
        except AssertionError:
            print("before %s\nafter  %s" % (before, after["counts"]))
            raise AssertionError("left behind: " + ", ".join(worse(before, after["counts"])))
        print("%d jobs in %.1f s (%.0f a second): %s; by the client's count %d away, %d errors" % (jobs, took, jobs / took, load.done, away["away"], away["errors"]))
        print("before %s" % before)
        print("after  %s" % after["counts"])
        print("resident KiB: scheduler %d -> %d, builder %d -> %d" % (memory["scheduler"], after["memory"]["scheduler"], memory["builder"], after["memory"]["builder"]))
        for name in memory:
            check(after["memory"][name] < memory[name] + 40000, "%s grew" % name)
        check(load.done["stub"] > jobs // 2, "most jobs found no builder: %s" % load.done)
        check(away["away"] >= jobs // 10 * 0.8 and away["errors"] == 0, away)


def quiet(farm):
    f.wait_for("the jobs to end", lambda: farm.status()["in_progress"] == 0, 120, 0.5)


def worse(before, after, name=""):
    found = []
    for key, value in after.items():
        if isinstance(value, dict):
            found += worse(before[key], value, name + key + " ")
        elif value > before[key]:
            found.append("%s%s %d -> %d" % (name, key, before[key], value))
    return found


if __name__ == "__main__":
    try:
        main()
    except AssertionError as e:
        print("FAIL %s" % e)
        sys.exit(1)
