"""A hostile client and our builder: whatever it sends, the builder lives, tells nothing, and writes nothing outside.

The toolchain's compiler is ours as well: a static program that does what its arguments say."""

import base64
import gzip
import json
import os
import socket
import stat
import struct
import sys
import tarfile
import time
import zlib

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import farm as f  # noqa: E402
import v1  # noqa: E402
from farm import check  # noqa: E402

PROGRAM = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
extern char** environ;
int main(int n, char** a) {
    const char* what = n > 1 ? a[1] : "";
    if (!strcmp(what, "write")) { int f = open(a[2], O_WRONLY | O_CREAT, 0644); (void)!write(f, "object", 6); return f < 0; }
    if (!strcmp(what, "link")) return symlink(a[2], a[3]);
    if (!strcmp(what, "fifo")) return mkfifo(a[2], 0666);
    if (!strcmp(what, "dir")) return mkdir(a[2], 0777);
    if (!strcmp(what, "environ")) { for (char** e = environ; *e; ++e) puts(*e); return 0; }
    if (!strcmp(what, "cat")) { char b[4096]; int f = open(a[2], O_RDONLY); long r = f < 0 ? -1 : read(f, b, sizeof b); if (r > 0) (void)!write(1, b, r); return r < 0; }
    if (!strcmp(what, "loop")) for (;;) {}
    if (!strcmp(what, "talk")) { char b[65536]; memset(b, 'x', sizeof b); for (;;) if (write(2, b, sizeof b) < 0) return 3; }
    if (!strcmp(what, "fill")) { char b[65536]; memset(b, 'x', sizeof b); int f = open(a[2], O_WRONLY | O_CREAT, 0644); for (;;) if (write(f, b, sizeof b) <= 0) return 4; }
    return 9;
}
"""
SECRET = "the-builders-own-secret"


class Target:
    def __init__(self, farm, program):
        self.farm = farm
        self.program = program
        farm.start_scheduler()
        self.builder = farm.start_builder(slots=8, secret=SECRET, limits='toolchain = "64M"\ntoolchain_unpacked = "128M"\ninputs = "32M"\ninputs_unpacked = "64M"\njob_text = "1M"\n'
                                          'job_output = "32M"\njob_disk = "64M"\njob_files = 2000\n')
        farm.wait_for_builders(1)
        self.archive = v1.toolchain(program)
        self.name = v1.archive_id(self.archive)
        self.wire = v1.Client(farm.scheduler_address, f.TOKEN)
        self.mark = "sccache-attack-%d" % os.getpid()
        with open("/tmp/" + self.mark + ".secret", "w") as out:
            out.write(SECRET)

    def job(self, archive=None, name=None, **headers):
        archive = archive or self.archive
        a = self.wire.alloc(name or v1.archive_id(archive), dict({"Sccache-Deadline": "20000"}, **headers))
        check("fail" not in a, a)
        return a, self.wire.submit(a, archive) if a["need"] else 0

    def run(self, arguments, outputs=(), inputs=b"", **more):
        a, taken = self.job()
        check(taken == 0, "the good toolchain was refused: %s" % taken)
        return self.wire.run(a, arguments, outputs, inputs, **more)

    def well(self, what):
        """Alive, useful, and nothing outside."""
        check(self.builder.alive(), what + ": the builder died: " + self.builder.text()[-2000:])
        r = self.run(["write", "good.o"], ["good.o"], v1.tar([("w/in.c", b"x")]))
        check(r[0] == 0 and r[3] == {"good.o": b"object"}, "%s: a good job afterwards: %s" % (what, r))
        strays = [n for n in os.listdir("/tmp") if n.startswith(self.mark) and not n.endswith(".secret")]
        check(not strays and not os.path.exists("/" + self.mark), "%s: written outside: %s" % (what, strays))

    def clean(self):
        self.wire.close()
        os.unlink("/tmp/" + self.mark + ".secret")


def member(name, kind=tarfile.REGTYPE, to="", mode=0o644, size=0, device=(1, 1)):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.size = kind, to, mode, size
    info.devmajor, info.devminor = device
    return info


def hostile_members(mark):
    """(what, members) that try to get out, or to be what no file of a job may be."""
    up = "../" * 12
    evil = b"evil"

    def data(name, **more):
        return member(name, size=len(evil), **more), evil

    yield "dots", [data(up + "tmp/" + mark + "1")]
    yield "dots inside", [data("usr/" + up + "tmp/" + mark + "2")]
    yield "absolute", [data("/tmp/" + mark + "3")]
    yield "through an absolute link", [member("out", tarfile.SYMTYPE, "/"), data("out/tmp/" + mark + "4")]
    yield "through a climbing link", [member("out", tarfile.SYMTYPE, up), data("out/tmp/" + mark + "5")]
    yield "over a link", [member("file", tarfile.SYMTYPE, "/tmp/" + mark + "6"), data("file")]
    yield "hard link outside", [member("passwd", tarfile.LNKTYPE, "/etc/passwd")]
    yield "climbing hard link", [member("passwd", tarfile.LNKTYPE, up + "etc/passwd")]
    yield "hard link through a link", [member("out", tarfile.SYMTYPE, "/etc"), member("passwd", tarfile.LNKTYPE, "out/passwd")]
    yield "character device", [member("mem", tarfile.CHRTYPE)]
    yield "block device", [member("disk", tarfile.BLKTYPE, device=(8, 0))]
    yield "pipe", [member("pipe", tarfile.FIFOTYPE)]
    yield "long name", [data("d/" * 3000 + "x")]
    yield "no name", [data("")]
    yield "file over directory", [member("usr", tarfile.REGTYPE)]
    yield "control characters", [data("a\nb\033[2J")]


def toolchains_that_climb(t):
    for what, members in hostile_members(t.mark):
        archive = v1.toolchain(t.program, members)
        a, taken = t.job(archive)
        if taken == 0:
            r = t.wire.run(a, ["cat", "/passwd"], ["/passwd", "x.o"], cwd="/")
            check(b"root:x:" not in b"".join(p for p in r if isinstance(p, bytes)) and not (len(r) == 4 and any(b"root:x:" in d for d in r[3].values())), "%s leaked: %s" % (what, r))
        for at, folders, names in os.walk(t.builder.home):
            for name in names + folders:
                mode = os.lstat(os.path.join(at, name)).st_mode
                check(stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode) or stat.S_ISSOCK(mode), "%s: a device was made: %s" % (what, name))
    t.well("toolchains")


def toolchains_that_are_no_toolchains(t):
    good = t.archive
    sparse = bytearray(v1.tar([member("huge", size=0)], tarfile.GNU_FORMAT)[:512])
    sparse[124:136] = b"\x80" + (1 << 40).to_bytes(11, "big")  # a terabyte, said in base 256
    sparse[148:156] = b" " * 8
    sparse[148:156] = b"%06o\0 " % sum(sparse)
    bomb = gzip.compress(v1.tar([("bomb", b"\0" * (200 << 20))], tarfile.GNU_FORMAT), 9)
    for what, archive in (("truncated", good[:-1000]), ("garbage", os.urandom(5000)), ("one byte", b"x"), ("no gzip", b"hello" * 1000), ("bomb", bomb),
                          ("two members", good + good), ("terabyte", gzip.compress(bytes(sparse) + b"\0" * 1024)), ("many", gzip.compress(v1.tar([("f%d" % i, b"") for i in range(20000)] + [("x", b"")]))),
                          ("setuid", v1.toolchain(t.program, [(member("su", mode=0o6755, size=len(t.program)), t.program)])), ("a bit flipped", good[:2000] + bytes([good[2000] ^ 4]) + good[2001:])):
        begin = time.monotonic()
        a, taken = t.job(archive)
        check(taken in (0, 2, 500), "%s: %s" % (what, taken))
        r = t.wire.run(a, ["write", "x.o"], ["x.o"])
        check(r[0] in (500, "not found") or what in ("two members", "many", "setuid"), "%s: %s" % (what, r[:1]))
        check(time.monotonic() - begin < 30, "%s took %.0f s" % (what, time.monotonic() - begin))
        for at, _, names in os.walk(t.builder.home):
            for name in names:
                mode = os.lstat(os.path.join(at, name)).st_mode
                check(not mode & 0o6000, "%s: set-user-id: %s" % (what, name))
    t.well("no toolchains")


def a_toolchain_under_a_false_name(t):
    other = v1.toolchain(t.program, [("etc/other", b"1")])
    name = v1.archive_id(v1.toolchain(t.program, [("etc/other", b"2")]))
    a, taken = t.job(other, name)
    check(taken == 2, "a toolchain with another hash was taken: %s" % taken)
    check(t.wire.run(a, ["write", "x.o"], ["x.o"])[0] in (500, "not found"), "it ran")
    b = t.wire.alloc(name)
    check(b["need"], "the builder believes to have it")
    t.wire.submit(b, other)
    t.well("false name")


def inputs_that_climb(t):
    for what, members in hostile_members(t.mark):
        r = t.run(["cat", "/passwd"], ["/passwd", "x.o"], v1.tar(members, tarfile.GNU_FORMAT), cwd="/")
        text = b"".join(p for p in r if isinstance(p, bytes)) + (b"".join(r[3].values()) if len(r) == 4 else b"")
        check(b"root:x:" not in text, "%s leaked: %s" % (what, r))
    t.well("inputs")


def inputs_that_are_too_much(t):
    bomb = zlib.compressobj(9)
    head = v1.tar([member("w/bomb", size=0)], tarfile.GNU_FORMAT)[:512]
    zeros = b"".join(bomb.compress(b"\0" * (1 << 20)) for _ in range(0))
    big = v1.tar([("w/bomb", b"\0" * (150 << 20))], tarfile.GNU_FORMAT)
    for what, packed in (("bomb", zlib.compress(big, 9)), ("garbage", os.urandom(3000)), ("nothing", b""), ("cut off", zlib.compress(big[:1 << 20])), ("head alone", zlib.compress(head) + zeros),
                         ("many files", zlib.compress(v1.tar([("w/f%d" % i, b"") for i in range(5000)])))):
        r = t.run(["write", "x.o"], ["x.o"], packed=packed)
        check(r[0] == 500 or what == "nothing" or what == "head alone", "%s: %s" % (what, r[:2]))
    t.well("too much")


def outputs_from_elsewhere(t):
    secret = "/tmp/" + t.mark + ".secret"
    up = "../" * 12
    for what, arguments, outputs in (
            ("dots", ["write", "x.o"], [up + secret[1:], "x.o"]), ("absolute", ["write", "x.o"], [secret, "/etc/hostname", "/etc/shadow"]),
            ("link", ["link", secret, "x.o"], ["x.o"]), ("climbing link", ["link", up + secret[1:], "x.o"], ["x.o"]), ("link to /proc", ["link", "/proc/1/environ", "x.o"], ["x.o"]),
            ("proc", ["write", "y.o"], ["/proc/self/environ", "/proc/1/root/etc/passwd", "/proc/self/mem", "/proc/kcore"]), ("device", ["write", "y.o"], ["/dev/zero", "/dev/null"]),
            ("pipe", ["fifo", "x.o"], ["x.o"]), ("directory", ["dir", "x.o"], ["x.o", ".", "/", ""]), ("link directory", ["link", "/", "d"], ["d" + secret]),
            ("many", ["write", "x.o"], ["x.o"] * 5000), ("long", ["write", "x.o"], ["x" * 100000]), ("strange", ["write", "x.o"], ["a\nb", "\033[2J"])):
        begin = time.monotonic()
        r = t.run(arguments, outputs)
        text = b"".join(p for p in r if isinstance(p, bytes)) + (b"".join(r[3].values()) if len(r) == 4 else b"")
        check(SECRET.encode() not in text and b"root:x:" not in text, "%s leaked: %s" % (what, r))
        check(time.monotonic() - begin < 15, "%s hung" % what)
    t.well("outputs")


def environments_and_commands(t):
    r = t.run(["environ"], [], env=[("LD_PRELOAD", "/evil.so"), ("LD_AUDIT", "/evil.so"), ("A=B", "C"), ("", "x"), ("LC_ALL", "C\nINJECTED=1"), ("GCC_COLORS", "ok"), ("TMPDIR", "/nowhere"), ("HOME", "/x")])
    check(r[0] == 0, r)
    check(b"SECRET" not in r[1] and b"LD_" not in r[1] and b"A=B" not in r[1] and b"GCC_COLORS=ok" in r[1], r[1])
    for name in ("/etc/shadow", "/tmp/" + t.mark + ".secret", "/proc/1/environ", "/proc/%d/environ" % t.builder.pid):
        r = t.run(["cat", name])
        check(SECRET.encode() not in r[1] and b"root:x:" not in r[1], "%s was read: %s" % (name, r))
    for what, more in (("climbing directory", {"cwd": "../../../../tmp"}), ("no directory", {"cwd": ""}), ("NUL", {"cwd": "/w\0x"}), ("no program", {"program": "/usr/bin/none"}), ("climbing program", {"program": "/../../../../bin/sh"}),
                       ("empty program", {"program": ""}), ("program with NUL", {"program": "/usr/bin/gcc\0x"})):
        r = t.run(["write", "x.o"], ["x.o"], **more)
        check(len(r) == 2 or r[0] != 0 or what == "climbing directory" or what == "no directory", "%s: %s" % (what, r))
    r = t.run(["write", "x\0y"], ["x.o"])
    t.well("environments")


def broken_words(t):
    for body in (b"", b"\0\0", b"\xff\xff\xff\xff", struct.pack(">I", 50) + b"\xff" * 50, struct.pack(">I", 8) + b"\0\0\0\0\0\1\0\0", struct.pack(">I", 0), struct.pack(">I", 200) + v1.string("/usr/bin/gcc") + struct.pack("<Q", 1 << 60) + b"\0" * 200):
        a, _ = t.job()
        r = t.wire.run_raw(a, body)
        check(r[0] == 500, "%r: %s" % (body[:20], r))
    a, _ = t.job()
    host, port = a["builder"].split(":")
    for request in ("POST /api/v1/distserver/run_job/%d HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 900000000000000000\r\n\r\n" % (a["job"], a["auth"]),
                    "POST /api/v1/distserver/submit_toolchain/%d HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 900000000000000000\r\n\r\n" % (a["job"], a["auth"]),
                    "POST /api/v1/distserver/run_job/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345", "POST /api/v1/distserver/run_job/x%0d%0aY:1 HTTP/1.1\r\nHost: x\r\n\r\n",
                    "\0" * 100, "GET / HTTP/1.1\r\n" + "A: b\r\n" * 5000 + "\r\n"):
        with v1.CONTEXT.wrap_socket(socket.create_connection((host, int(port)), 5)) as s:
            s.sendall(request.encode())
            s.settimeout(5)
            try:
                answer = s.recv(65536)
            except OSError:
                answer = b""
            check(answer == b"" or answer.split(b" ")[1] in (b"400", b"401", b"404", b"413", b"431", b"500"), answer[:200])
    t.well("broken words")


def tokens_of_others(t):
    a, _ = t.job()
    b, _ = t.job()

    def encoded(text):
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
    none = encoded('{"typ":"JWT","alg":"none"}') + "." + encoded('{"exp":0,"job_id":%d}' % a["job"]) + "."
    for token in (b["auth"], "", "x", a["auth"][:-2] + "AA", none, a["auth"] + ".x", "A" * 9000):
        forged = dict(a, auth=token)
        for status, said in ((t.wire.submit(forged, b"x"), b""), t.wire.run(forged, ["write", "x.o"], ["x.o"])):
            check(status in (500, 431), "%s: %s" % (token[:40], status))
        status, said = t.wire.post(a["builder"], True, "/api/v1/distserver/assign_job/%d" % a["job"], token, v1.string(t.name))
        check(status in (401, 431), "assign: %s" % status)
        if status == 401:
            json.loads(said)
    check(a["auth"] not in t.builder.text() and t.farm.scheduler.text().count(a["auth"]) == 0, "a token is in a log")
    check(t.wire.run(a, ["write", "x.o"], ["x.o"])[0] == 0, "its owner may still run it")
    check(t.wire.run(a, ["write", "x.o"], ["x.o"])[0] == "not found", "twice")
    t.well("tokens")


def grants_of_jobs_nobody_announced(t):
    """A job that the builder hears of from its client: the token is good once, and for that job only."""
    direct = {"Sccache-Direct": "1"}
    t.run(["write", "x.o"], ["x.o"])  # the builder has just been heard of

    def grant():
        a, _ = t.job(**direct)
        claims = json.loads(base64.urlsafe_b64decode(a["auth"].split(".")[1] + "=="))
        check(claims.get("toolchain") == t.name and not a["need"], "no grant: %s" % claims)
        return a
    others = t.farm.status()["in_progress"]  # jobs of tests before, whose clients never came
    a, b = grant(), grant()
    forged = a["auth"].split(".")
    other = base64.urlsafe_b64encode(json.dumps({"job_id": a["job"], "toolchain": "ab" * 32, "at": 0, "run_limit": 0}).encode()).rstrip(b"=").decode()
    for token in (b["auth"], ".".join((forged[0], other, forged[2])), a["auth"][:-2] + "AA"):
        check(t.wire.run(dict(a, auth=token), ["write", "x.o"], ["x.o"])[0] == 500, "a forged grant ran")
    status, said = t.wire.post(a["builder"], True, "/api/v1/distserver/assign_job/%d" % a["job"], a["auth"], v1.string(t.name))
    check(status == 401, "a client assigned itself a job: %s" % status)
    check(t.wire.run(a, ["write", "x.o"], ["x.o"])[0] == 0, "its owner may run it")
    check(t.wire.run(a, ["write", "x.o"], ["x.o"])[0] == "not found", "twice")
    check(t.wire.submit(a, t.archive) == 1, "a used grant opened the door for a toolchain")
    # One whose body is cut off is used as well, and its slot free again.
    host, port = b["builder"].split(":")
    with v1.CONTEXT.wrap_socket(socket.create_connection((host, int(port)), 5)) as s:
        s.sendall(b"POST /api/v1/distserver/run_job/%d HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 5000\r\n\r\nabc" % (b["job"], b["auth"].encode()))
        time.sleep(0.2)
    f.wait_for("the slot", lambda: t.farm.status()["in_progress"] <= others, 5)
    check(t.wire.run(b, ["write", "x.o"], ["x.o"])[0] == "not found", "after a cut body")
    check(a["auth"] not in t.builder.text() and a["auth"] not in t.farm.scheduler.text(), "a grant is in a log")
    log = t.farm.scheduler.text()
    for line in ("created and will be assigned to server ServerId(V4(%s))" % a["builder"], "successfully assigned and saved with state Ready", "updated state to Started", "updated state to Complete"):
        check("Job %d %s" % (a["job"], line) in log, line)
    t.well("grants")


def compilers_without_end(t):
    a, _ = t.job(**{"Sccache-Deadline": "2000"})
    begin = time.monotonic()
    r = t.wire.run(a, ["loop"], ["x.o"])
    check(r[0] != 0 and time.monotonic() - begin < 15, r)
    for arguments in (["talk"], ["fill", "x.o"]):
        a, _ = t.job(**{"Sccache-Deadline": "8000"})
        begin = time.monotonic()
        r = t.wire.run(a, arguments, ["x.o"])
        check(r[0] != 0 and time.monotonic() - begin < 25, (arguments, r[0], len(r)))
    t.well("no end")


def connections_that_say_nothing(t):
    host, port = t.builder.address.split(":")
    idle = [socket.create_connection((host, int(port)), 5) for _ in range(150)]
    for s in idle[:50]:
        s.sendall(b"\x16\x03\x01\x02\x00\x01")
    begin = time.monotonic()
    t.well("idle connections")
    check(time.monotonic() - begin < 10, "idle connections hold jobs up")
    for s in idle:
        s.close()


def main():
    with f.Farm("attack") as farm:
        program = v1.stub_compiler(farm.dir, PROGRAM)
        if not program:
            f.skip("gcc cannot make a static program here")
        t = Target(farm, program)

        def bound(test):
            def run():
                test(t)
            run.__name__ = test.__name__
            return run
        try:
            f.run_tests([bound(x) for x in (toolchains_that_climb, toolchains_that_are_no_toolchains, a_toolchain_under_a_false_name, inputs_that_climb, inputs_that_are_too_much, outputs_from_elsewhere,
                                            environments_and_commands, broken_words, tokens_of_others, grants_of_jobs_nobody_announced, compilers_without_end, connections_that_say_nothing)])
        finally:
            t.clean()


if __name__ == "__main__":
    main()
