"""A toolchain that went away after the scheduler was told of it: the builder asks the client for it, and the job runs there."""

import contextlib
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import farm as f  # noqa: E402
import v1  # noqa: E402
from farm import check  # noqa: E402

DIRECT = {"Sccache-Direct": "1", "Sccache-Deadline": "20000"}


def ran(wire, a):
    return wire.run(a, ["-o", "x.o"], ["x.o"])[0]


def filler(program):
    return v1.toolchain(program, [("etc/filler", os.urandom(4 << 20))])


def evict(farm, wire, program):
    """An archive that the builder had and has no more, while the scheduler believes it has."""
    archive = filler(program)
    name = v1.archive_id(archive)
    for n in range(20):
        more = filler(program) if n else archive
        a = wire.alloc(v1.archive_id(more), DIRECT)
        check("fail" not in a and wire.submit(a, more) == 0 and ran(wire, a) == 0, "a job of toolchain %d" % n)
        if "Removing toolchain %s" % name in farm.builders[0].text():
            return archive, name
    return f.fail("nothing was evicted")


@contextlib.contextmanager
def farm_with_room_for(cache):
    """A farm of one builder, a program to fill it with, and a client that speaks v1."""
    with f.Farm("evicted") as farm:
        program = v1.stub_compiler(farm.dir)
        if not program:
            f.skip("gcc cannot make a static program here")
        farm.start_scheduler()
        farm.start_builder(slots=4, cache=cache)
        farm.wait_for_builders(1)
        wire = v1.Client(farm.scheduler_address, f.TOKEN)
        yield farm, program, wire
        wire.close()


def a_client_that_speaks_v1():
    with farm_with_room_for("48M") as (farm, program, wire):
        for _ in range(3):  # a heartbeat in between would tell the scheduler
            archive, name = evict(farm, wire, program)
            a = wire.alloc(name, DIRECT)
            check("fail" not in a, a)
            if not a["need"]:
                break
            check(wire.submit(a, archive) == 0 and ran(wire, a) == 0, "asked to bring it")
        check(not a["need"], "the scheduler knows too early")
        check(ran(wire, a) == 503, "it ran without its toolchain")
        b = wire.alloc(name, DIRECT)
        check("fail" not in b and b["need"], "the scheduler did not hear of it: %s" % b)
        check(wire.submit(a, archive) == 0, "the toolchain was refused")
        check(ran(wire, a) == 0 and ran(wire, a) == "not found", "once, with the toolchain")
        check(wire.submit(b, b"") == 0 and ran(wire, b) == 0, "the other job")
        f.wait_for("all jobs to end", lambda: farm.status()["in_progress"] == 0, 5)


def size_of(*folders):
    return sum(os.lstat(os.path.join(at, name)).st_size for folder in folders for at, _, names in os.walk(folder) for name in names)


def our_client():
    """No compile fails or stays at home."""
    with farm_with_room_for("4000M") as (farm, program, wire):
        builder = farm.builders[0]
        c = farm.client()
        cwd = farm.path("w")
        os.makedirs(cwd)

        def away(n):
            with open("%s/f%d.c" % (cwd, n), "w") as out:
                out.write("int f%d;\n" % n)
            r = c.run("gcc", "-c", "f%d.c" % n, "-o", "f%d.o" % n, cwd=cwd)
            check(r.returncode == 0, r.stderr)
            check(c.stats()["away"] == n and c.stats()["errors"] == 0, "job %d: %s" % (n, c.stats()))
        away(1)
        # The same builder, with room for this toolchain and little more.
        room = (size_of(builder.home + "/toolchains", builder.home + "/tmp") >> 20) + 14
        builder.stop()
        text = f.text_of(builder.config).replace("4000M", "%dM" % room)
        with open(builder.config, "w") as out:
            out.write(text)
        again = f.Process([farm.dist, "server", "--config", builder.config], builder.log, f.plain_environment(SCCACHE_LOG="debug", HOME=farm.dir))
        again.address, again.home, again.config = builder.address, builder.home, builder.config
        farm.builders[0] = again
        f.wait_for("the builder", lambda: again.text().count("Server connected to scheduler") == 2)
        away(2)
        away(3)
        for _ in range(5):
            archive = filler(program)
            a = wire.alloc(v1.archive_id(archive), DIRECT)
            check("fail" not in a and wire.submit(a, archive) == 0 and ran(wire, a) == 0, "filling")
            if "Removing toolchain" in again.text():
                break
        check("Removing toolchain" in again.text(), "nothing was evicted")
        away(4)
        away(5)
        check(again.text().count("received for job") >= 3, "it was not sent again")


if __name__ == "__main__":
    f.run_tests([a_client_that_speaks_v1, our_client])
