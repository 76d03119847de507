"""Attacks on the scheduler: after each it is alive, said nothing it should not, and refused in the right way."""

import json
import os
import socket
import struct
import time

from lib import (BINARY, ID, TOKEN, Builder, Scheduler, check, jwt, main, parse_alloc, server_token, string)

ALLOC = "/api/v1/scheduler/alloc_job"


def head(path=ALLOC, method="POST", fields=""):
    return ("%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/octet-stream\r\n%s\r\n"
            % (method, path, TOKEN, fields)).encode()


def status_of(answer):
    return int(answer.split(b" ")[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def resident_kib(pid):
    for line in open("/proc/%d/status" % pid):
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def claimed_lengths_allocate_nothing():
    with Scheduler() as s:
        before = resident_kib(s.process.pid)
        for path in (ALLOC, "/api/v1/scheduler/heartbeat_server", "/nowhere"):
            # without a token, and with one
            answer = s.raw(("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000000000000\r\n\r\n" % path).encode())
            check(status_of(answer) in (401, 404), answer[:80])
        check(status_of(s.raw(head(fields="Content-Length: 900000000000000000\r\n"))) == 500, "limit of the route")
        for body in (b"\0\0\0\0\0\1\0\0x", b"\xff" * 8 + b"x", b""):  # 2^40 and 2^64-1 bytes of string
            status, _, text = s.request("POST", ALLOC, body, {"Authorization": "Bearer " + TOKEN, "Content-Type": "application/octet-stream"})
            check(status == 400 and json.loads(text)["cause"]["description"] == "io error: failed to fill whole buffer", text)
        s.alive()
        check(resident_kib(s.process.pid) < before + 20000, "memory grew")


def archive_ids_are_names_not_paths():
    with Scheduler() as s:
        for bad, why in (("../../../../tmp/owned", "expected 64 hex bytes, received 21"), ("", "expected 64 hex bytes, received 0"),
                         ("a", "expected 64 hex bytes, received 1"), ("x" * 64, "invalid hex character: 'x'"), ("\u00e9" * 32, "invalid hex character: '?'")):
            status, _, text = s.alloc(bad)
            check(status == 400 and json.loads(text)["cause"]["description"] == why, (bad, text))
        check(s.alloc("CD" * 32, headers={"Sccache-Deadline": "100"})[0] == 200, "upper case is taken")
        check(s.alloc("cd" * 64, headers={"Sccache-Deadline": "100"})[0] == 200, "128 digits of old clients are taken")
        s.alive()


def requests_two_readers_could_read_differently():
    with Scheduler() as s:
        body = string(ID)
        length = "Content-Length: %d\r\n" % len(body)
        chunked = "Transfer-Encoding: chunked\r\n"
        for fields, code in ((length + chunked, 400), (length + length, 400), (chunked + chunked, 400), ("Transfer-Encoding: gzip, chunked\r\n", 501),
                             ("Transfer-Encoding : chunked\r\n", 400), ("X: a\rY: b\r\n", 400), ("X: a\r\n b\r\n", 400), ("X: \0\r\n", 400),
                             ("Content-Length: +72\r\n", 400), ("Content-Length: 72, 72\r\n", 400), ("Expect: nonsense\r\n", 417)):
            answer = s.raw(head(fields=fields) + body)
            check(status_of(answer) == code, (fields, answer[:100]))
            check(answer.count(b"HTTP/1.1") == 1, "one answer only")
        for path in ("/api%zz", "/api%", "/%0d%0aX:y", "/a%00b"):
            check(status_of(s.raw(head(path))) == 400, path)
        check(status_of(s.raw(b"GET /health HTTP/1.1\nHost: x\n\n" + b"\r\n\r\n")) == 400, "bare LF")
        check(status_of(s.raw(b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")) == 431, "long target")
        check(status_of(s.raw(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 1000 + b"\r\n")) == 431, "many fields")
        check(status_of(s.raw(head(fields=chunked) + b"zz\r\n")) == 400, "bad chunk")
        check(status_of(s.raw(head(fields=chunked) + b"0\r\nTrailer: x\r\n\r\n")) == 400, "trailer")
        s.alive()


def idle_connections_block_nobody():
    with Scheduler() as s:
        idle = [socket.create_connection(("127.0.0.1", s.port)) for _ in range(200)]
        half = [socket.create_connection(("127.0.0.1", s.port)) for _ in range(50)]
        tls = [socket.create_connection(("127.0.0.1", s.port)) for _ in range(50)]
        for c in half:
            c.sendall(b"POST /api/v1/sch")
        for c in tls:
            c.sendall(b"\x16\x03\x01\x02\x00\x01")
        begin = time.time()
        for _ in range(20):
            s.alive()
        check(time.time() - begin < 3, "answers were slow")
        for c in idle + half + tls:
            c.close()


def tokens_words_and_bodies_of_refusals():
    with Scheduler() as s:
        status, headers, body = s.request("POST", ALLOC, string(ID), {"Content-Type": "application/octet-stream"})
        check((status, headers["www-authenticate"], body) == (401, 'Bearer error="no_bearer_auth"', b""), headers)
        status, headers, body = s.request("POST", ALLOC, string(ID), {"Authorization": "bearer " + TOKEN, "Content-Type": "application/octet-stream"})
        check(headers["www-authenticate"] == 'Bearer error="no_bearer_auth"', headers)
        status, headers, body = s.alloc(token="wrong-token-of-somebody")
        check((status, headers["www-authenticate"], body) == (401, 'Bearer error="bearer_auth_failed"', b"Fixed token mismatch"), body)
        status, _, body = s.request("POST", ALLOC, string(ID), {"Authorization": "Bearer " + TOKEN})
        check(status == 400 and b"binary content type" in body, body)
        b = Builder()
        for token in ("x", server_token(b.address, b"\0" * 32), jwt(bytes(range(32)), '{"exp":0,"job_id":1}'), jwt(b"", '{"exp":0,"server_id":"%s"}' % b.address)):
            status, headers, body = b.heartbeat(s, token)
            check((status, headers["www-authenticate"], body) == (401, 'Bearer error="invalid_bearer_token"', b""), headers)
        status, headers, _ = b.heartbeat(s, server_token("10.9.8.7:10501"))
        check(headers["www-authenticate"] == 'Bearer error="invalid_bearer_token_mismatched_address"', headers)
        # X-Real-IP of anybody is not believed
        status, headers, _ = b.heartbeat(s, server_token("10.9.8.7:10501"), {"X-Real-IP": "10.9.8.7"})
        check(status == 401, "X-Real-IP was believed")
        check(s.request("GET", "/api/v1/scheduler/status/")[0] == 404, "trailing slash")
        check(s.request("POST", "/api/v1/scheduler/status", b"")[0] == 404, "other method")
        check(s.request("GET", "/api/v1/scheduler/server_certificate/nonsense")[0] == 404, "bad address")
        status, _, body = s.request("GET", "/api/v1/scheduler/server_certificate/127.0.0.1:1")
        check(status == 500 and json.loads(body) == {"description": "server cert not available", "cause": None}, body)
        b.close()
        s.alive()
        log = s.log()
        for secret in (TOKEN, "wrong-token-of-somebody", server_token(b.address)):
            check(secret not in log, "a token is in the log")


def trusted_proxies_are_believed():
    with Scheduler(top='trusted_proxies = ["127.0.0.1"]') as s:
        b = Builder()
        check(b.heartbeat(s, server_token("10.9.8.7:10501"), {"X-Real-IP": "10.9.8.7"})[0] == 200, "proxy")
        check(b.heartbeat(s, server_token("10.9.8.7:10501"), {"X-Real-IP": "::ffff:10.9.8.7"})[0] == 200, "v4-mapped")
        check(b.heartbeat(s, server_token("10.9.8.7:10501"), {"X-Real-IP": "10.9.8.8"})[0] == 401, "other address")
        check(b.heartbeat(s, server_token("10.9.8.7:10501"), {"X-Real-IP": "nonsense"})[0] == 400, "no address")
        b.close()


def lies_in_heartbeats():
    with Scheduler() as s:
        b = Builder()
        status, _, body = b.heartbeat(s, cpus=0)
        check(status == 500 and b"Invalid number of CPUs (0) specified in heartbeat" in body, body)
        check(b.heartbeat(s, digest=b"\0" * 32)[0] == 500, "digest of another certificate")
        check(b.heartbeat(s, pem="no certificate")[0] == 500, "no certificate")
        check(b.heartbeat(s, cpus=2 ** 64 - 1)[0] == 200, "many CPUs")
        check(s.status()["builders"][0]["slots"] == 4096, "slots are bounded")
        check(b.heartbeat(s, headers={"Sccache-Toolchains": "../../x," + "a" * 64, "Sccache-Speed": "nan", "Sccache-Version": "<b>" * 30})[0] == 200, "hints")
        check(b.heartbeat(s, headers={"Sccache-Jobs": ",".join(["1"] * 4000)})[0] in (200, 431), "many jobs")
        check(s.job_state(1, 9, b.address)[0] == 400, "state 9")
        check(s.request("POST", "/api/v1/scheduler/job_state/x", b"", {"Authorization": "Bearer " + server_token(b.address),
                                                                       "Content-Type": "application/octet-stream"})[0] == 404, "no number")
        b.close()
        s.alive()


def random_noise():
    import random
    r = random.Random(7)
    with Scheduler() as s:
        good = head(fields="Content-Length: 72\r\n") + string(ID)
        for _ in range(300):
            data = bytearray(good)
            for _ in range(r.randrange(1, 6)):
                data[r.randrange(len(data))] = r.randrange(256)
            c = socket.create_connection(("127.0.0.1", s.port))
            c.sendall(bytes(data[:r.randrange(1, len(data))]))
            c.close()
        s.alive()
        for _ in range(100):
            time.sleep(0.05)
            if s.status()["in_progress"] == 0 and s.status()["queued"] == 0:
                break
        check(s.status()["queued"] == 0, "abandoned requests still wait")
        check(len(os.listdir("/proc/%d/fd" % s.process.pid)) < 40, "descriptors were left open")


main([claimed_lengths_allocate_nothing, archive_ids_are_names_not_paths, requests_two_readers_could_read_differently, idle_connections_block_nobody,
      tokens_words_and_bodies_of_refusals, trusted_proxies_are_believed, lies_in_heartbeats, random_noise])
