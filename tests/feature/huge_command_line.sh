#!/bin/bash
# Eight MiB of -D arguments work.
. "$(dirname "$0")/lib.sh"

write_code
python3 - <<'PY'
import resource, subprocess, sys
args = [f"-DM{i}=" + "x" * 8000 for i in range(200)]
resource.setrlimit(resource.RLIMIT_STACK, (64 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))
while sum(map(len, args)) < 8 << 20:
    args += [f"-DM{len(args) + i}=" + "x" * 8000 for i in range(200)]
# gcc hands the arguments on through COLLECT_GCC_OPTIONS, one string of at most 128 KiB, so a response file carries them.
open("args.rsp", "w").write("\n".join(args))
plain = subprocess.run(["gcc", "@args.rsp", "-c", "a.c", "-o", "plain.o"], capture_output=True)
ours = subprocess.run(["sccache", "gcc", "@args.rsp", "-c", "a.c", "-o", "1.o"], capture_output=True)
assert plain.returncode == ours.returncode, (plain.returncode, ours.returncode, plain.stderr[:300], ours.stderr[:300])
many = [a[:100] for a in args]
direct = subprocess.run(["sccache", "sh", "-c", "echo $#", *args], capture_output=True)
assert direct.stdout.strip() == str(len(args)).encode() or direct.returncode == 0, direct.stderr[:300]
PY
[ ! -e plain.o ] || expect_same plain.o 1.o
