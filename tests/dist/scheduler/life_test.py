"""The scheduler's life: jobs, builders that fail in every way, restarts, reload, drain, sockets passed by systemd."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

from lib import BINARY, ID, KEY, TOKEN, Builder, Scheduler, check, main, parse_alloc, server_token


def a_job_with_the_guides_log_lines():
    with Scheduler() as s:
        b = Builder()
        check(b.heartbeat(s)[2] == b"\1", "new")
        check(b.heartbeat(s)[2] == b"\0", "known")
        status, headers, body = s.alloc()
        a = parse_alloc(body)
        check(a["builder"] == b.address and not a["need"] and a["job"] < 2 ** 53, a)
        check("connection: close" in b.seen[0].lower(), "foreign builders get Connection: close")
        check(s.request("GET", "/api/v1/scheduler/server_certificate/" + b.address.replace(":", "%3A"))[0] == 200, "certificate, escaped address")
        check(s.job_state(a["job"], 2, b.address)[0] == 200, "started")
        check(s.job_state(a["job"], 1, b.address)[0] == 500, "back to ready")
        check(s.request("GET", "/api/v1/scheduler/status", headers={"Accept": "application/json"})[2] ==
              b'{"num_servers":1,"num_cpus":2,"in_progress":1}', "status")
        check(s.job_state(a["job"], 3, b.address)[0] == 200, "complete")
        log = s.log()
        for line in ("sccache_dist: Job %d created and will be assigned to server ServerId(V4(%s))" % (a["job"], b.address),
                     "sccache_dist: Job %d successfully assigned and saved with state Ready" % a["job"],
                     "sccache_dist: Job %d updated state to Started" % a["job"], "sccache_dist: Job %d updated state to Complete" % a["job"]):
            check(line in log, line)
        check(" INFO 20" in log and "Z: sccache_dist: Job" in log, "line form")
        b.close()


def builders_that_hang_refuse_or_babble_are_passed_over():
    with Scheduler(extra="[limits]\nassign_timeout = 2\nqueue_wait = 8") as s:
        bad = [Builder("hang"), Builder("refuse"), Builder("garbage")]
        for b in bad:
            b.heartbeat(s, cpus=4)
        good = Builder("ok", cpus=64)
        answers = []

        def ask():
            answers.append(parse_alloc(s.alloc(timeout=30)[2]))

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for t in threads:
            t.start()
        time.sleep(0.5)
        good.heartbeat(s)
        begin = time.time()
        check(parse_alloc(s.alloc(headers={"Sccache-Avoid": ",".join(b.address for b in bad)})[2])["builder"] == good.address, "avoid")
        check(time.time() - begin < 1, "a hanging builder held up another job")
        for t in threads:
            t.join()
        check(all(a.get("builder") == good.address or "fail" in a for a in answers), answers)
        check(sum(a.get("builder") == good.address for a in answers) >= 6, answers)
        check(sum(1 for b in s.status()["builders"] if b["last_error"]) >= 2, "errors are shown")
        for b in bad + [good]:
            b.close()


def tokens_of_builders_up_to_0_3_0():
    with Scheduler() as s:
        b = Builder("old")
        b.heartbeat(s)
        a = parse_alloc(s.alloc()[2])
        check("fail" not in a, a)
        import base64
        check(b"exp" not in base64.urlsafe_b64decode(a["auth"].split(".")[1] + "=="), "token for the client in the same form")
        seen = len(b.seen)
        parse_alloc(s.alloc()[2])
        check(len(b.seen) == seen + 1, "the form is remembered")
        b.close()


def a_full_farm_queues_and_nobody_is_refused_with_4xx():
    with Scheduler(extra="[limits]\nqueue_wait = 5") as s:
        b = Builder(cpus=1)
        b.heartbeat(s, headers={"Sccache-Slots": "1", "Sccache-Version": "1.0"})
        first = parse_alloc(s.alloc()[2])
        waiting = []
        t = threading.Thread(target=lambda: waiting.append(s.alloc()))
        t.start()
        time.sleep(0.4)
        check(s.status()["queued"] + s.status()["in_progress"] >= 2, "queued or prefetched")
        s.job_state(first["job"], 2, b.address)
        s.job_state(first["job"], 3, b.address)
        t.join()
        check(waiting[0][0] == 200 and "job" in parse_alloc(waiting[0][2]), waiting)
        begin = time.time()
        status, _, body = s.alloc(headers={"Sccache-Deadline": "300", "Sccache-Avoid": b.address})
        check(status == 200 and "fail" in parse_alloc(body) and time.time() - begin < 2, body)
        b.close()


def no_builder_means_no_waiting_after_the_start():
    with Scheduler() as s:
        begin = time.time()
        status, _, body = s.alloc(headers={"Sccache-Deadline": "700"})
        check(status == 200 and parse_alloc(body)["fail"] == "Insufficient capacity across 0 available servers", body)
        check(0.5 < time.time() - begin < 3, "just started: builders get their time")


def restart_is_survived():
    s = Scheduler()
    b = Builder()
    with s:
        b.heartbeat(s)
        a = parse_alloc(s.alloc()[2])
        s.job_state(a["job"], 2, b.address)
    with s:
        waiting = []
        t = threading.Thread(target=lambda: waiting.append(s.alloc()))
        t.start()
        time.sleep(0.3)
        check(b.heartbeat(s)[2] == b"\1", "the builder is new to it")
        t.join()
        check("job" in parse_alloc(waiting[0][2]), "a job of the first second waited for the builders")
        check(s.job_state(a["job"], 3, b.address)[0] == 200, "the job of before may complete")
    b.close()


def reload_by_socket_and_signal():
    with Scheduler() as s:
        check(s.alloc(headers={"Sccache-Deadline": "50"})[0] == 200, "old token")
        new = TOKEN + "-new"
        s.client_auth = 'type = "token"\ntoken = "%s"' % new
        s.write()
        run = subprocess.run([BINARY, "reload", "--config", s.config, "--socket", s.dir + "/control"], capture_output=True, text=True)
        check(run.returncode == 0, run.stderr)
        check(s.alloc(headers={"Sccache-Deadline": "50"})[0] == 401, "old token after reload")
        check(s.alloc(token=new, headers={"Sccache-Deadline": "50"})[0] == 200, "new token")
        s.client_auth = 'type = "token"\ntoken = "token here"'
        s.write()
        run = subprocess.run([BINARY, "reload", "--config", s.config, "--socket", s.dir + "/control"], capture_output=True, text=True)
        check(run.returncode == 2 and "example" in run.stderr and "generate-shared-token" in run.stderr, run.stderr)
        check(s.alloc(token=new, headers={"Sccache-Deadline": "50"})[0] == 200, "the old configuration stays")
        s.process.send_signal(signal.SIGHUP)
        s.wait_for_log("Configuration not reloaded, the old one stays")
        s.client_auth = 'type = "token"\ntoken = "%s"' % TOKEN
        s.write()
        s.process.send_signal(signal.SIGHUP)
        s.wait_for_log("sccache_dist: Configuration reloaded")
        time.sleep(0.2)
        check(s.alloc(headers={"Sccache-Deadline": "50"})[0] == 200, "SIGHUP")
        s.alive()


def stop_answers_those_who_wait():
    s = Scheduler(extra="[limits]\nqueue_wait = 60")
    with s:
        waiting = []
        t = threading.Thread(target=lambda: waiting.append(s.alloc(timeout=20)))
        t.start()
        time.sleep(0.4)
        begin = time.time()
        s.stop()
        t.join()
        check(time.time() - begin < 5 and s.process.returncode == 0, "stop")
        check("fail" in parse_alloc(waiting[0][2]), waiting)


def tls_and_http_on_one_port():
    with Scheduler(env={"STATE_DIRECTORY": "/nonexistent-state"}) as s:
        s.wait_for_log("scheduler_fingerprint")
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2", "http/1.1"])
        with context.wrap_socket(socket.create_connection(("127.0.0.1", s.port))) as c:
            check(c.selected_alpn_protocol() is None, "no ALPN")
            c.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            check(b"200 OK" in c.recv(65536), "https")
        s.alive()
        fingerprint = re.search("SHA256:[0-9a-f]{64}", s.log()).group(0)
        run = subprocess.run([BINARY, "status", "--url", "https://127.0.0.1:%d" % s.port, "--fingerprint", fingerprint], capture_output=True, text=True)
        check(run.returncode == 0 and "0 builders" in run.stdout, run.stderr)
        run = subprocess.run([BINARY, "status", "--url", "https://127.0.0.1:%d" % s.port], capture_output=True, text=True)
        check(run.returncode == 2 and "not trusted" in run.stderr, run.stderr)


def passed_descriptors_win():
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s = Scheduler()
    path = s.dir + "/notify"
    notify.bind(path)
    notify.settimeout(5)
    program = ("import os,sys; os.dup2(%d,3); os.set_inheritable(3,True); os.environ['LISTEN_FDS']='1'; os.environ['LISTEN_PID']=str(os.getpid());"
               "os.environ['WATCHDOG_USEC']='400000'; os.environ['WATCHDOG_PID']=str(os.getpid()); os.execv(sys.argv[1],sys.argv[1:])" % listener.fileno())
    env = dict(s.env, NOTIFY_SOCKET=path)
    with open(s.log_path, "ab") as log:
        p = subprocess.Popen(["python3", "-c", program, BINARY, "scheduler", "--config", s.config], pass_fds=[listener.fileno()], env=env, stderr=log, stdout=log)
    try:
        messages = []
        end = time.time() + 3
        while time.time() < end:
            messages.append(notify.recv(4096).decode())
            if sum("WATCHDOG=1" in m for m in messages) >= 3:
                break
        check("READY=1" in messages[0] and "STATUS=0 builders" in messages[0], messages)
        check(sum("WATCHDOG=1" in m for m in messages) >= 3, messages)
        s.port, real = port, s.port
        check(s.request("GET", "/health")[0] == 200, "the passed socket is served")
        s.wait_for_log("Using the socket passed by the service manager")
        os.kill(p.pid, signal.SIGSTOP)
        notify.settimeout(0.7)
        try:
            while True:
                last = notify.recv(4096)
                check(b"READY" not in last, last)
        except TimeoutError:
            pass  # a stuck loop does not feed the watchdog
        os.kill(p.pid, signal.SIGCONT)
        p.terminate()
        notify.settimeout(5)
        stopping = b""
        while b"STOPPING=1" not in stopping:
            stopping = notify.recv(4096)
        check(p.wait(10) == 0, "exit code")
    finally:
        p.kill()


def configurations_that_cannot_work():
    for client_auth, server_auth, words in (
            ('type = "token"\ntoken = "token here"', None, ("example", "sccache-dist auth generate-shared-token")),
            (None, 'type = "jwt_hs256"\nsecret_key = "my secret key"', ("example", "sccache-dist auth generate-jwt-hs256-key")),
            (None, 'type = "jwt_hs256"\nsecret_key = "AAAA"', ("Size of secret key incorrect", "generate-jwt-hs256-key")),
            ('type = "jwt_validate"\naudience = "a"\nissuer = "i"\njwks_url = "https://x/"', None, ("jwt_validate", "not supported yet")),
            ('type = "proxy_token"\nurl = "https://x/"', None, ("proxy_token", "not supported yet"))):
        s = Scheduler(client_auth=client_auth, server_auth=server_auth)
        for extra in ([], ["--check-config"]):
            run = subprocess.run([BINARY, "scheduler", "--config", s.config] + extra, capture_output=True, text=True, env=s.env, timeout=20)
            check(run.returncode == 1 and all(w in run.stderr for w in words), (words, run.stderr))


def started_by_hand_it_goes_into_the_background():
    s = Scheduler()
    env = dict(s.env)
    env.pop("SCCACHE_NO_DAEMON")
    run = subprocess.run([BINARY, "scheduler", "--config", s.config], capture_output=True, text=True, env=env, timeout=20)
    check(run.returncode == 0, run.stderr)
    check(s.request("GET", "/health")[0] == 200, "listens when the command returns")
    again = subprocess.run([BINARY, "scheduler", "--config", s.config], capture_output=True, text=True, env=env, timeout=20)
    check(again.returncode == 2 and "Address already in use" in again.stderr, again.stderr)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if s.config.encode() in open("/proc/%s/cmdline" % pid, "rb").read():
                os.kill(int(pid), signal.SIGTERM)
        except OSError:
            pass


def named_tokens_and_status_for_clients_only():
    auth = 'type = "token"\n[[client_auth.tokens]]\nname = "ci"\ntoken = "token-of-the-ci-machine-1"\nweight = 3\nclass = "batch"'
    with Scheduler(client_auth=auth, top="public_status = false") as s:
        check(s.alloc(token="token-of-the-ci-machine-1", headers={"Sccache-Deadline": "50"})[0] == 200, "named token")
        check(s.alloc(headers={"Sccache-Deadline": "50"})[0] == 401, "other token")
        check(s.request("GET", "/api/sccache/status")[0] == 401, "status")
        run = subprocess.run([BINARY, "status", "--url", "http://127.0.0.1:%d" % s.port, "--token", "token-of-the-ci-machine-1"], capture_output=True, text=True)
        check(run.returncode == 0, run.stderr)


def client_tokens_of_our_own():
    with Scheduler(client_auth='type = "jwt_hs256"\nsecret_key = "%s"' % KEY) as s:
        run = subprocess.run([BINARY, "auth", "generate-client-token", "--config", s.config, "--name", "team-a"], capture_output=True, text=True)
        check(run.returncode == 0, run.stderr)
        check(s.alloc(token=run.stdout.strip(), headers={"Sccache-Deadline": "50"})[0] == 200, "token")
        check(s.alloc(token=server_token("127.0.0.1:1"), headers={"Sccache-Deadline": "50"})[0] == 401, "a builder's token is none of a client")


main([a_job_with_the_guides_log_lines, builders_that_hang_refuse_or_babble_are_passed_over, tokens_of_builders_up_to_0_3_0,
      a_full_farm_queues_and_nobody_is_refused_with_4xx, no_builder_means_no_waiting_after_the_start, restart_is_survived, reload_by_socket_and_signal,
      stop_answers_those_who_wait, tls_and_http_on_one_port, passed_descriptors_win, configurations_that_cannot_work,
      started_by_hand_it_goes_into_the_background, named_tokens_and_status_for_clients_only, client_tokens_of_our_own])
