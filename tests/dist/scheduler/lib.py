"""What the scheduler tests share: a scheduler under test, v1 messages, a fake builder. Standard library only."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../kit"))
from acceptor import Acceptor  # noqa: E402

BINARY = os.environ.get("SCCACHE_DIST_BIN", "build/bin/sccache-dist")
TOKEN = "a-real-client-token-0123456789"
KEY = base64.urlsafe_b64encode(bytes(range(32))).rstrip(b"=").decode()
ID = "ab" * 32


def string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(data)) + data


def jwt(key, claims):
    def encode(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    text = encode(b'{"typ":"JWT","alg":"HS256"}') + "." + encode(claims.encode())
    return text + "." + encode(hmac.new(key, text.encode(), hashlib.sha256).digest())


def server_token(address, key=bytes(range(32))):
    return jwt(key, '{"exp":0,"server_id":"%s"}' % address)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def check(condition, what):
    if not condition:
        raise AssertionError(what)


class Scheduler:
    """A scheduler process with a configuration of its own."""

    def __init__(self, extra="", client_auth=None, server_auth=None, top="", env=None):
        self.dir = tempfile.mkdtemp(prefix="sccache-scheduler-")
        self.port = free_port()
        self.client_auth = client_auth or 'type = "token"\ntoken = "%s"' % TOKEN
        self.server_auth = server_auth or 'type = "jwt_hs256"\nsecret_key = "%s"' % KEY
        self.top = top
        self.extra = extra
        self.config = self.dir + "/scheduler.conf"
        self.log_path = self.dir + "/log"
        self.env = {"PATH": os.environ["PATH"], "SCCACHE_NO_DAEMON": "1", "RUST_LOG": "trace", "RUNTIME_DIRECTORY": self.dir}
        self.env.update(env or {})
        self.write()
        self.process = None

    def write(self):
        with open(self.config, "w") as f:
            f.write('public_addr = "127.0.0.1:%d"\n%s\n[client_auth]\n%s\n[server_auth]\n%s\n%s\n'
                    % (self.port, self.top, self.client_auth, self.server_auth, self.extra))
        os.chmod(self.config, 0o600)

    def start(self):
        self.output = open(self.log_path, "ab")
        self.process = subprocess.Popen([BINARY, "scheduler", "--config", self.config], stdout=self.output, stderr=self.output,
                                        stdin=subprocess.DEVNULL, env=self.env)
        for _ in range(200):
            if self.process.poll() is not None:
                raise AssertionError("the scheduler ended: " + self.log())
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise AssertionError("the scheduler does not listen: " + self.log())

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def wait_for_log(self, text, seconds=5):
        end = time.time() + seconds
        while time.time() < end:
            if text in self.log():
                return
            time.sleep(0.05)
        raise AssertionError("not in the log: %s\n%s" % (text, self.log()))

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise AssertionError("the scheduler does not stop")

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def alive(self):
        check(self.process.poll() is None, "the scheduler died: " + self.log())
        status, _, body = self.request("GET", "/health")
        check(status == 200 and body == b"ok\n", "the scheduler does not answer")

    def request(self, method, path, body=None, headers=None, timeout=15):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            c.request(method, path, body, headers or {})
            r = c.getresponse()
            return r.status, dict((k.lower(), v) for k, v in r.getheaders()), r.read()
        finally:
            c.close()

    def raw(self, data, timeout=5):
        """Sends bytes, gives everything until the scheduler closes or falls silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout) as s:
            s.settimeout(timeout)
            out = b""
            try:
                s.sendall(data)
                while True:
                    piece = s.recv(65536)
                    if not piece:
                        break
                    out += piece
            except OSError:
                pass
            return out

    def alloc(self, archive_id=ID, token=TOKEN, headers=None, timeout=15):
        h = {"Authorization": "Bearer " + token, "Content-Type": "application/octet-stream"}
        h.update(headers or {})
        return self.request("POST", "/api/v1/scheduler/alloc_job", string(archive_id), h, timeout)

    def job_state(self, job, state, address, token=None):
        return self.request("POST", "/api/v1/scheduler/job_state/%d" % job, struct.pack("<I", state),
                            {"Authorization": "Bearer " + (token or server_token(address)), "Content-Type": "application/octet-stream"})

    def status(self):
        return json.loads(self.request("GET", "/api/sccache/status")[2])


def parse_alloc(body):
    """A v1 answer to alloc_job: dict with auth, job, builder, need, or {"fail": text}."""
    kind = struct.unpack_from("<I", body)[0]
    if kind == 1:
        n = struct.unpack_from("<Q", body, 4)[0]
        return {"fail": body[12:12 + n].decode()}
    n = struct.unpack_from("<Q", body, 4)[0]
    auth = body[12:12 + n].decode()
    at = 12 + n
    job, family = struct.unpack_from("<QI", body, at)
    check(family == 0, "IPv4 expected")
    ip = socket.inet_ntoa(body[at + 12:at + 16])
    port, need = struct.unpack_from("<HB", body, at + 16)
    return {"auth": auth, "job": job, "builder": "%s:%d" % (ip, port), "need": bool(need)}


class Builder(Acceptor):
    """A fake builder: TLS, assign_job only. `behaviour` may be ok, hang, refuse, old (wants tokens without exp), garbage."""

    def __init__(self, behaviour="ok", cpus=2):
        self.behaviour = behaviour
        self.cpus = cpus
        self.nonce = int.from_bytes(os.urandom(8), "little")
        self.key = os.urandom(32)
        self.seen = []
        self.dir = tempfile.mkdtemp(prefix="sccache-fake-builder-")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=fake", "-keyout",
                        self.dir + "/key", "-out", self.dir + "/crt"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pem = open(self.dir + "/crt").read()
        self.digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.pem)).digest()
        self.listen(tls=(self.dir + "/crt", self.dir + "/key"))

    def serve(self, raw):
        try:
            if self.behaviour == "hang":
                time.sleep(30)
                return
            with self.secured(raw) as s:
                data = b""
                while b"\r\n\r\n" not in data:
                    piece = s.recv(65536)
                    if not piece:
                        return
                    data += piece
                head = data.split(b"\r\n\r\n")[0].decode()
                self.seen.append(head)
                token = re.search(r"Authorization: Bearer (\S+)", head).group(1)
                claims = base64.urlsafe_b64decode(token.split(".")[1] + "==")
                status, body = "200 OK", struct.pack("<IB", 1, 0)
                if self.behaviour == "refuse":
                    status, body = "500 Internal Server Error", b'{"description":"no","cause":null}'
                if self.behaviour == "old" and b"exp" in claims:
                    status, body = "401 Unauthorized", b'{"description":"JWT decode failed","cause":null}'
                if self.behaviour == "garbage":
                    body = b"\xff" * 3
                s.sendall(("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(body))).encode() + body)
        except OSError:
            pass
        finally:
            raw.close()

    def body(self, **changes):
        v = {"key": self.key, "cpus": self.cpus, "nonce": self.nonce, "digest": self.digest, "pem": self.pem}
        v.update(changes)
        return string(v["key"]) + struct.pack("<QQ", v["cpus"], v["nonce"]) + string(v["digest"]) + string(v["pem"])

    def heartbeat(self, scheduler, token=None, headers=None, **changes):
        h = {"Authorization": "Bearer " + (token or server_token(self.address)), "Content-Type": "application/octet-stream"}
        h.update(headers or {})
        return scheduler.request("POST", "/api/v1/scheduler/heartbeat_server", self.body(**changes), h)


def main(tests):
    """Runs the functions; a failing one is named and the rest still run."""
    if not os.access(BINARY, os.X_OK):
        print("SKIP: %s is not built" % BINARY)
        sys.exit(77)
    if not shutil.which("openssl"):
        print("SKIP: no openssl command here, which makes the certificates of pretended builders")
        sys.exit(77)
    failed = 0
    for test in tests:
        try:
            test()
            print("ok   " + test.__name__)
        except Exception as e:  # a test's failure of any kind
            failed += 1
            print("FAIL %s: %s" % (test.__name__, e))
    sys.exit(1 if failed else 0)
