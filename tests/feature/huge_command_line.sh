#!/bin/bash
# Command lines up to the kernel's limit, and eight MiB of -D in a response file, work.
. "$(dirname "$0")/lib.sh"

write_code
python3 - <<'PY'
import resource, shutil, subprocess
hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
resource.setrlimit(resource.RLIMIT_STACK, (64 << 20 if hard == resource.RLIM_INFINITY else min(hard, 64 << 20), hard))
# The kernel takes at most 6 MiB of arguments and environment.
args = [f"-DM{i}=" + "x" * 8000 for i in range(500)]
direct = subprocess.run(["sccache", "sh", "-c", "echo $#", "sh", *args], capture_output=True)
assert direct.stdout.strip() == b"500", (direct.stdout[:200], direct.stderr[:300])
args = [f"-DM{i}=" + "x" * 8000 for i in range(1050)]
open("args.rsp", "w").write("\n".join(args))
# gcc hands all of them on in one environment string and fails beyond 128 KiB; clang does not.
for cc in ("gcc", "clang"):
    if not shutil.which(cc):
        continue
    plain = subprocess.run([cc, "@args.rsp", "-c", "a.c", "-o", "plain.o"], capture_output=True)
    for name in ("1.o", "2.o"):
        ours = subprocess.run(["sccache", cc, "@args.rsp", "-c", "a.c", "-o", name], capture_output=True)
        assert plain.returncode == ours.returncode, (cc, plain.returncode, ours.returncode, plain.stderr[:300], ours.stderr[:300])
        if plain.returncode == 0:
            assert open("plain.o", "rb").read() == open(name, "rb").read(), cc
PY
