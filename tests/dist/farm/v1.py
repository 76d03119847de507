"""The farm's protocol, version 1, as a client speaks it; for tests that want to say what no well-behaved client says.

Standard library only. Builders' certificates are not checked: that is the real client's business."""

import hashlib
import http.client
import io
import os
import ssl
import struct
import subprocess
import tarfile
import zlib

CONTEXT = ssl.create_default_context()
CONTEXT.check_hostname = False
CONTEXT.verify_mode = ssl.CERT_NONE
BINARY = "application/octet-stream"


def string(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack("<Q", len(data)) + data


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, form):
        value = struct.unpack_from("<" + form, self.data, self.at)[0]
        self.at += struct.calcsize(form)
        return value

    def bytes(self):
        n = self.number("Q")
        value = self.data[self.at:self.at + n]
        assert len(value) == n, "short answer"
        self.at += n
        return value


def archive_id(archive):
    """BLAKE3 is not in the standard library; the old form of the id, SHA-512 with the halves of each byte swapped, is taken as well."""
    return "".join(c[1] + c[0] for c in map("".join, zip(*[iter(hashlib.sha512(archive).hexdigest())] * 2)))


def tar(entries, form=tarfile.USTAR_FORMAT, mode=""):
    """entries: (name, bytes) or a tarfile.TarInfo or (TarInfo, bytes)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w" + mode, format=form) as archive:
        for entry in entries:
            info, data = entry if isinstance(entry, tuple) else (entry, b"")
            if isinstance(info, str):
                info = tarfile.TarInfo(info)
                info.mode = 0o644
                info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def stub_compiler(directory, code=None):
    """A static program to be the compiler of a toolchain: writes its output file and says a word."""
    source = os.path.join(directory, "stub.c")
    with open(source, "w") as out:
        out.write(code or '#include <fcntl.h>\n#include <string.h>\n#include <unistd.h>\nint main(int n, char** a) { int f = -1; if (n > 1) f = open(a[n - 1], O_WRONLY | O_CREAT, 0644);'
                  ' if (f >= 0) (void)!write(f, "object", 6); (void)!write(2, "stub\\n", 5); return f < 0; }\n')
    made = subprocess.run(["gcc", "-O1", "-static", source, "-o", directory + "/stub"], capture_output=True)
    if made.returncode != 0:
        return None
    with open(directory + "/stub", "rb") as program:
        return program.read()


def toolchain(program, more=()):
    info = tarfile.TarInfo("usr/bin/gcc")
    info.mode, info.size = 0o755, len(program)
    folder = tarfile.TarInfo("tmp")
    folder.type, folder.mode = tarfile.DIRTYPE, 0o755
    return tar([folder, (info, program)] + list(more), tarfile.GNU_FORMAT, ":gz")


class Client:
    """One scheduler, kept connections to builders. One thread."""

    def __init__(self, scheduler, token):
        self.scheduler, self.token = scheduler, token
        self.kept = {}

    def close(self):
        for connection in self.kept.values():
            connection.close()
        self.kept = {}

    def connection(self, where, tls):
        if where not in self.kept:
            self.kept[where] = http.client.HTTPSConnection(where, timeout=60, context=CONTEXT) if tls else http.client.HTTPConnection(where, timeout=60)
        return self.kept[where]

    def post(self, where, tls, path, token, body, headers=None):
        connection = self.connection(where, tls)
        fields = {"Authorization": "Bearer " + token, "Content-Type": BINARY}
        fields.update(headers or {})
        try:
            connection.request("POST", path, body, fields)
            r = connection.getresponse()
            data = r.read()
        except Exception:
            self.kept.pop(where).close()
            raise
        if r.will_close:
            self.kept.pop(where).close()
        return r.status, data

    def alloc(self, name, headers=None):
        """{"auth", "job", "builder", "need"}, or {"fail": text}."""
        status, body = self.post(self.scheduler, False, "/api/v1/scheduler/alloc_job", self.token, string(name), headers)
        if status != 200:
            return {"fail": "%d %r" % (status, body)}
        r = Reader(body)
        if r.number("I") == 1:
            return {"fail": r.bytes().decode()}
        auth, job, family = r.bytes().decode(), r.number("Q"), r.number("I")
        assert family == 0
        ip = ".".join(str(r.number("B")) for _ in range(4))
        return {"auth": auth, "job": job, "builder": "%s:%d" % (ip, r.number("H")), "need": bool(r.number("B"))}

    def submit(self, a, archive):
        """0 taken, 1 job not known, 2 not kept; else the HTTP status."""
        status, body = self.post(a["builder"], True, "/api/v1/distserver/submit_toolchain/%d" % a["job"], a["auth"], archive)
        return struct.unpack("<I", body[:4])[0] if status == 200 else status

    def run(self, a, arguments, outputs, inputs=b"", env=(), cwd="/w", program="/usr/bin/gcc", packed=None):
        """(code, stdout, stderr, {name: bytes}); or (HTTP status, body)."""
        command = string(program) + struct.pack("<Q", len(arguments)) + b"".join(map(string, arguments)) + struct.pack("<Q", len(env)) + b"".join(
            string(k) + string(v) for k, v in env) + string(cwd) + struct.pack("<Q", len(outputs)) + b"".join(map(string, outputs))
        packed = zlib.compress(inputs or tar([]), 1) if packed is None else packed
        return self.run_raw(a, struct.pack(">I", len(command)) + command + packed)

    def run_raw(self, a, body):
        status, said = self.post(a["builder"], True, "/api/v1/distserver/run_job/%d" % a["job"], a["auth"], body)
        if status != 200:
            return status, said
        r = Reader(said)
        if r.number("I") == 0:
            return "not found", b""
        code, out, err, files = r.number("i"), r.bytes(), r.bytes(), {}
        for _ in range(r.number("Q")):
            name = r.bytes().decode()
            data = zlib.decompress(r.bytes())
            assert len(data) == r.number("Q"), "wrong length of " + name
            files[name] = data
        return code, out, err, files
