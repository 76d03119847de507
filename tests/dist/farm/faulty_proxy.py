"""A proxy that speaks the farm's HTTP and spoils it at a chosen step, in a chosen way.

It stands between client, scheduler and builder, ends TLS on both sides (a builder's announcement is rewritten so that everybody
expects the proxy's certificate) and knows from the path which step a request is. Standard library and the openssl program."""

import hashlib
import os
import random
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../kit"))
from acceptor import Acceptor  # noqa: E402

STEPS = ("alloc_job", "submit_toolchain", "run_job", "assign_job", "heartbeat_server", "job_state")
STATUSES = (400, 401, 403, 404, 413, 429, 500, 503)
# What can be done to a request on its way, and to its answer.
FAULTS = tuple("request-" + f for f in ("cut", "stall", "garble", "truncate")) + tuple(
    "answer-" + f for f in ("cut", "reset", "stall", "silence", "garble", "truncate", "noise", "redirect", "endless-head", "endless-body", "endless-interim")) + tuple(
    "status-%d" % s for s in STATUSES)
STALL_LIMIT = 90  # the proxy itself gives up then
ENDLESS_LIMIT = 48 << 20


class Plan:
    """Which step is spoiled, how, and how many times."""

    def __init__(self, step=None, fault=None, times=0, seed=1):
        self.step, self.fault, self.left, self.done = step, fault, times, 0
        self.random = random.Random(seed)
        self.lock = threading.Lock()

    def fault_for(self, step):
        with self.lock:
            if step != self.step or self.left <= 0:
                return None
            self.left -= 1
            self.done += 1
            return self.fault

    def garble(self, data):
        """Some bytes become others."""
        if not data:
            return b"\xff"
        out = bytearray(data)
        with self.lock:
            for _ in range(max(1, min(40, len(out) // 20))):
                out[self.random.randrange(len(out))] = self.random.randrange(256)
        return bytes(out)


class Closed(Exception):
    """The peer went away."""


class Stream:
    """Reads HTTP messages from a socket."""

    def __init__(self, sock):
        self.sock = sock
        self.data = b""

    def more(self):
        piece = self.sock.recv(1 << 18)
        if not piece:
            raise Closed()
        self.data += piece

    def head(self):
        while b"\r\n\r\n" not in self.data:
            self.more()
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        return head + b"\r\n\r\n"

    def take(self, n):
        pieces, have = [self.data], len(self.data)
        while have < n:
            piece = self.sock.recv(1 << 18)
            if not piece:
                raise Closed()
            pieces.append(piece)
            have += len(piece)
        data = b"".join(pieces)
        self.data = data[n:]
        return data[:n]

    def body(self, head):
        length = field(head, b"Content-Length")
        if length is not None:
            return self.take(int(length))
        if (field(head, b"Transfer-Encoding") or b"").lower() == b"chunked":
            out = b""
            while True:
                while b"\r\n" not in self.data:
                    self.more()
                size, self.data = self.data.split(b"\r\n", 1)
                out += self.take(int(size, 16))
                self.take(2)
                if int(size, 16) == 0:
                    return out
        return b""


def field(head, name):
    m = re.search(rb"(?im)^" + re.escape(name) + rb":[ \t]*(.*?)\r$", head)
    return m.group(1) if m else None


def with_length(head, n):
    head = re.sub(rb"(?im)^(Content-Length|Transfer-Encoding|Connection):.*?\r\n", b"", head)
    return head[:-2] + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % n


def certificate(directory):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3", "-subj", "/CN=middle",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", directory + "/middle.key", "-out", directory + "/middle.crt"], check=True, capture_output=True)
    return directory + "/middle.crt", directory + "/middle.key"


class Proxy(Acceptor):
    """One way: a listening address and where it leads. tls is (certificate, key) for the ways to builders."""

    def __init__(self, target, plan, listen=("127.0.0.1", 0), tls=None, shown=None):
        """plan: a function that gives the Plan of now. shown: the certificate builders are announced with."""
        self.target, self.plan, self.shown = target, plan, shown
        self.listen(listen, tls, backlog=256)

    def serve(self, raw):
        try:
            raw.settimeout(STALL_LIMIT)
            with self.secured(raw) as down:
                stream = Stream(down)
                while self.one(stream, down):
                    pass
        except (OSError, Closed, ValueError):
            pass
        finally:
            raw.close()

    def connect(self):
        host, port = self.target.rsplit(":", 1)
        up = socket.create_connection((host, int(port)), 10)
        up.settimeout(STALL_LIMIT * 2)
        if self.context:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            up = context.wrap_socket(up)
        return up

    def one(self, stream, down):
        """One request; True when the connection may carry another."""
        head = stream.head()
        path = head.split(b" ", 2)[1].decode(errors="replace")
        step = next((s for s in STEPS if s in path), None)
        fault = self.plan().fault_for(step)
        part, _, what = (fault or "").partition("-")
        if fault == "request-cut" or fault == "request-stall":
            length = int(field(head, b"Content-Length") or 0)
            stream.take(length // 2)
            if what == "stall":
                stall(down)
            return False
        body = stream.body(head)
        if step == "heartbeat_server" and self.shown:
            body = self.announced(body)
        if part == "status":
            answer = b'{"description":"spoilt\\n on purpose","cause":null}'
            down.sendall(b"HTTP/1.1 %s Spoilt\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (what.encode(), len(answer)) + answer)
            return False
        if part == "answer" and self.without_upstream(down, what):
            return False
        if fault == "request-garble":
            body = self.plan().garble(body)
        with self.connect() as up:
            if fault == "request-truncate":
                up.sendall(with_length(head, len(body)) + body[:len(body) // 2])
                return False
            up.sendall(with_length(head, len(body)) + body)
            answers = Stream(up)
            while True:
                answer = answers.head()
                if not answer.startswith(b"HTTP/1.1 1"):
                    break
                down.sendall(answer)
            said = answers.body(answer)
        return self.answer(down, answer, said, what if part == "answer" else "")

    def without_upstream(self, down, what):
        if what == "noise":
            down.sendall(os.urandom(2000) + b"\r\n\r\n")
        elif what == "redirect":
            down.sendall(b"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:1/%s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % (b"x" * 100))
        elif what == "silence":
            stall(down)
        elif what.startswith("endless"):
            endless(down, what)
        else:
            return False
        return True

    def answer(self, down, head, body, what):
        if what == "garble":
            body = self.plan().garble(body)
        if what == "truncate":
            body = body[:len(body) // 2]
        message = with_length(head, len(body)) + body
        if what in ("cut", "reset", "stall"):
            down.sendall(message[:len(head) + len(body) // 2] if body else message[:len(message) // 2])
            if what == "stall":
                stall(down)
            if what == "reset":
                down.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        down.sendall(message)
        return False

    def announced(self, body):
        """jwt_key, cpus and nonce stay; the certificate becomes the proxy's."""
        key = 8 + struct.unpack_from("<Q", body)[0]
        with open(self.shown) as f:
            pem = f.read()
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest()
        return body[:key + 16] + struct.pack("<Q", len(digest)) + digest + struct.pack("<Q", len(pem)) + pem.encode()


def stall(down):
    """Neither a byte nor an end, until the peer has had enough."""
    down.settimeout(STALL_LIMIT)
    try:
        while down.recv(1 << 16):
            pass
    except OSError:
        pass


def endless(down, what):
    start, piece = {"endless-head": (b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"y" * 4000 + b"\r\n"),
                    "endless-body": (b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"\0" * 65536 + b"\r\n"),
                    "endless-interim": (b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 100)}[what]
    down.sendall(start)
    sent = 0
    end = time.monotonic() + STALL_LIMIT
    while sent < ENDLESS_LIMIT and time.monotonic() < end:
        down.sendall(piece)
        sent += len(piece)
