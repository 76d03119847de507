"""A hostile scheduler and a hostile builder against our client: the compile is made all the same, as the plain compiler makes it,
soon; nothing is written that was not asked for, and neither token nor source goes to anybody else."""

import os
import ssl
import struct
import sys
import time
import zlib

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import farm as f  # noqa: E402
import v1  # noqa: E402
from farm import check, same  # noqa: E402
from faulty_proxy import Acceptor, Stream, certificate  # noqa: E402

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"


def http(body, head=OK):
    return head + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body


def number(n):
    return struct.pack("<Q", n)


def complete(outputs, code=0, out=b"", err=b""):
    """A RunJobResult; outputs: (name, deflated, length)."""
    return struct.pack("<Ii", 1, code) + v1.string(out) + v1.string(err) + number(len(outputs)) + b"".join(v1.string(n) + v1.string(z) + number(size) for n, z, size in outputs)


class Server(Acceptor):
    """One listening port; `answer(head, body)` gives the bytes to send."""

    def __init__(self, answer, tls=None):
        self.answer, self.seen = answer, []
        self.listen(tls=tls)

    def serve(self, raw):
        try:
            raw.settimeout(20)
            with self.secured(raw) as s:
                stream = Stream(s)
                head = stream.head()
                body = stream.body(head)
                self.seen.append(head)
                s.sendall(self.answer(head, body))
        except Exception:  # the client may hang up at any time: that is the point
            pass
        finally:
            raw.close()


class Hostile:
    """Scheduler and builder that lie, and one that nobody should talk to."""

    def __init__(self, farm, stub):
        self.farm = farm
        self.tls = certificate(farm.dir)
        with open(self.tls[0]) as pem:
            import hashlib
            self.digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.read())).digest()
        self.trap = Server(lambda head, body: http(b""))
        self.builder = Server(lambda head, body: self.run_answer(self.requested(body)) if b"/run_job/" in head else http(struct.pack("<I", 0)), self.tls)
        self.scheduler = Server(lambda head, body: self.alloc_answer())
        self.toolchain = farm.path("toolchain.tar.gz")
        with open(self.toolchain, "wb") as out:
            out.write(v1.toolchain(stub))
        self.cwd = farm.path("w")
        os.makedirs(self.cwd)
        self.mark = "/tmp/sccache-client-attack-%d" % os.getpid()
        self.count = 0
        self.reset()

    def reset(self):
        self.alloc_answer = lambda: http(self.allocated())
        self.run_answer = lambda requested: http(complete([]))

    def allocated(self, auth="a.b.c", port=None, digest=None, need=0, ip=b"\x7f\0\0\1"):
        return struct.pack("<I", 0) + v1.string(auth) + number(7) + struct.pack("<I", 0) + ip + struct.pack("<H", self.builder.port if port is None else port) + bytes(
            [need]) + v1.string(self.digest if digest is None else digest)

    @staticmethod
    def requested(body):
        """The outputs that a run_job asks for."""
        r = v1.Reader(body[4:])
        r.bytes()
        for _ in range(r.number("Q")):
            r.bytes()
        for _ in range(r.number("Q")):
            r.bytes(), r.bytes()
        r.bytes()
        return [r.bytes().decode() for _ in range(r.number("Q"))]

    def client(self):
        c = self.farm.client(scheduler=self.scheduler.address)
        with open(c.conf, "a") as out:
            out.write('')
        text = f.text_of(c.conf).replace("toolchains = []\n", "")
        with open(c.conf, "w") as out:
            out.write(text + '[[dist.toolchains]]\ntype = "path_override"\ncompiler_executable = "/usr/bin/gcc"\narchive = "%s"\narchive_compiler_executable = "/usr/bin/gcc"\n' % self.toolchain)
        return c

    def compile(self, what, builder_seen=True, scheduler_seen=True, limit=20, quiet=True):
        """One compile under attack."""
        self.count += 1
        name = "f%d" % self.count
        with open("%s/%s.c" % (self.cwd, name), "w") as out:
            out.write("int f%d(void) { return %d; }\n" % (self.count, self.count))
        import subprocess
        subprocess.run(["gcc", "-O1", "-g", "-c", name + ".c", "-o", "plain.o"], cwd=self.cwd, check=True)
        before = set(os.listdir(self.cwd)), len(self.builder.seen), len(self.scheduler.seen), len(self.trap.seen)
        client = self.client()
        begin = time.monotonic()
        r = client.run("gcc", "-O1", "-g", "-c", name + ".c", "-o", name + ".o", cwd=self.cwd)
        took = time.monotonic() - begin
        log = f.text_of(client.log)
        check(r.returncode == 0, "%s: exit %d %r" % (what, r.returncode, r.stderr))
        check(not quiet or (r.stdout == b"" and r.stderr == b""), "%s: says %r %r" % (what, r.stdout[:200], r.stderr[:200]))
        check(same("%s/%s.o" % (self.cwd, name), self.cwd + "/plain.o"), what + ": not the plain compile's object")
        check(set(os.listdir(self.cwd)) - before[0] == {name + ".o"}, "%s: other files: %s" % (what, set(os.listdir(self.cwd)) - before[0]))
        check(not os.path.exists(self.mark), what + ": wrote a file nobody asked for")
        check(took < limit, "%s took %.0f s" % (what, took))
        check((len(self.scheduler.seen) > before[2]) == scheduler_seen, "%s: the scheduler was %sasked: %s" % (what, "not " if scheduler_seen else "", log[-1500:]))
        check((len(self.builder.seen) > before[1]) == builder_seen, "%s: the builder was %sasked: %s" % (what, "not " if builder_seen else "", log[-1500:]))
        check(len(self.trap.seen) == before[3], what + ": somebody else was asked")
        check(f.TOKEN not in log, what + ": the token is in the log")
        for line in log.splitlines():
            check("\033" not in line and "\0" not in line and not line.startswith("EVIL"), "%s: the log carries the peer's control characters: %r" % (what, line))
        client.stop()
        self.farm.clients.remove(client)


def packed(data):
    return zlib.compress(data, 1)


def lying_outputs(h):
    good = packed(b"not an object")
    size = 13
    up = "../" * 12
    for what, make in (
            ("not asked for", lambda names: [(h.mark, good, size)]), ("climbing", lambda names: [(up + h.mark[1:], good, size)]), ("asked and more", lambda names: [(n, good, size) for n in names] + [(h.mark, good, size)]),
            ("twice", lambda names: [(names[0], good, size)] * 2), ("thousands", lambda names: [(names[0], good, size)] * 5000), ("longer", lambda names: [(n, good, size + 1) for n in names]),
            ("shorter", lambda names: [(n, good, size - 1) for n in names]), ("no zlib", lambda names: [(n, b"garbage", size) for n in names]), ("cut off", lambda names: [(n, good[:-4], size) for n in names]),
            ("bad sum", lambda names: [(n, good[:-1] + bytes([good[-1] ^ 1]), size) for n in names]), ("trailing", lambda names: [(n, good + b"more", size) for n in names]), ("name of the source", lambda names: [("f%d.c" % h.count, good, size)]),
            ("nothing", lambda names: []), ("empty name", lambda names: [("", good, size)]), ("claims 2^63", lambda names: [(n, good, 1 << 63) for n in names])):
        h.run_answer = lambda names, make=make: http(complete(make(names)))
        h.compile(what)
    h.reset()


def bombs(h):
    bomb = zlib.compress(b"\0" * (300 << 20), 9)
    for what, length in (("bomb, honest", 300 << 20), ("bomb, small", 10), ("bomb, 4 GiB", 4 << 30)):
        h.run_answer = lambda names, length=length: http(complete([(h.mark, bomb, length)] + [(n, bomb, length) for n in names]))
        h.compile(what, limit=40)
    h.run_answer = lambda names: http(complete([], 0, b"x" * (40 << 20), b"y" * (40 << 20)))
    h.compile("much to say", limit=40)
    h.reset()


def broken_answers(h):
    huge = number(1 << 60)
    for what, answer in (
            ("count", struct.pack("<Ii", 1, 0) + number(0) + number(0) + huge), ("text length", struct.pack("<Ii", 1, 0) + huge), ("name length", struct.pack("<Ii", 1, 0) + number(0) + number(0) + number(1) + huge),
            ("variant", struct.pack("<I", 77)), ("empty", b""), ("not found", struct.pack("<I", 0)), ("not UTF-8", struct.pack("<Ii", 1, 0) + number(0) + number(0) + number(1) + v1.string(b"\xff\xfe") + v1.string(packed(b"x")) + number(1))):
        h.run_answer = lambda names, answer=answer: http(answer)
        h.compile(what)
    h.run_answer = lambda names: http(complete([], 256 * 9))
    h.compile("odd exit status")
    h.run_answer = lambda names: http(complete([], -11, b"", b"\033[31mkilled\n"))
    h.compile("a signal")
    h.reset()


def http_tricks(h):
    elsewhere = b"Location: http://%s/api\r\n" % h.trap.address.encode()
    for what, answer in (
            ("redirect 301", http(b"", b"HTTP/1.1 301 Moved\r\n" + elsewhere)), ("redirect 307", http(b"", b"HTTP/1.1 307 Moved\r\n" + elsewhere)), ("CR in a field", OK + b"X: a\rEVIL: b\r\nContent-Length: 0\r\n\r\n"),
            ("controls in the answer", http(b"\r\nEVIL\r\n\033[2J\0" * 50, b"HTTP/1.1 500 \033[2J\r\n")), ("two lengths", OK + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\n\0\0\0\0\0"),
            ("length and chunks", OK + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), ("negative length", OK + b"Content-Length: -1\r\n\r\n"), ("endless length", OK + b"Content-Length: 99999999999999999999999\r\n\r\n"),
            ("a length of 2^62", OK + b"Content-Length: 4611686018427387904\r\n\r\n"), ("gzip", http(b"\x1f\x8b" * 10, OK + b"Content-Encoding: gzip\r\n")), ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), ("no HTTP", b"hello\r\n\r\n"),
            ("bad chunk", OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n"), ("status 99999", b"HTTP/1.1 99999 x\r\n\r\n"), ("silent end", b"")):
        h.run_answer = lambda names, answer=answer: answer
        h.compile("builder: " + what)
        h.reset()
        h.alloc_answer = lambda answer=answer: answer
        h.compile("scheduler: " + what, builder_seen=False)
        h.reset()


def lying_schedulers(h):
    for what, more, seen in (
            ("a token with CRLF", {"auth": "x\r\nEVIL: 1\r\n\r\n"}, False), ("a token with NUL", {"auth": "x\0y"}, False), ("a false digest", {"digest": b"\1" * 32}, False), ("no digest", {"digest": b""}, False),
            ("a long digest", {"digest": b"\1" * 3000}, False), ("port 0", {"port": 0}, False), ("a closed port", {"port": 1}, False), ("address 0.0.0.0", {"ip": b"\0\0\0\0", "port": 1}, False),
            ("a plain port", {"port": h.scheduler.port}, False)):
        h.alloc_answer = lambda more=more: http(h.allocated(**more))
        h.compile(what, builder_seen=seen, limit=30)
        check(not any(b"EVIL" in head for head in h.builder.seen), "the scheduler's words became a header")
    for what, answer in (("endless token", struct.pack("<I", 0) + number(1 << 40)), ("fail with controls", struct.pack("<I", 1) + v1.string("\033[2J\r\nEVIL\0")), ("variant 9", struct.pack("<I", 9)), ("short", b"\0")):
        h.alloc_answer = lambda answer=answer: http(answer)
        h.compile(what, builder_seen=False)
    h.reset()
    # The token is for the scheduler alone.
    check(all(f.TOKEN.encode() not in head for head in h.builder.seen), "the builder was given the client's token")
    check(any(f.TOKEN.encode() in head for head in h.scheduler.seen), "the scheduler was not given it")


def main():
    with f.Farm("hostile") as farm:
        stub = v1.stub_compiler(farm.dir)
        if not stub:
            f.skip("gcc cannot make a static program here")
        h = Hostile(farm, stub)

        def bound(test):
            def run():
                try:
                    test(h)
                finally:
                    h.reset()
            run.__name__ = test.__name__
            return run
        f.run_tests([bound(x) for x in (lying_outputs, bombs, broken_answers, http_tricks, lying_schedulers)])


if __name__ == "__main__":
    main()
