#!/bin/bash
# The server has no build's descriptors, session, directory, environment or limits.
. "$(dirname "$0")/lib.sh"

write_code
exec 8>held
(ulimit -n 300; ulimit -f 100000; SECRET_OF_BUILD=yes sccache gcc -c a.c -o 1.o)
exec 8>&-
pid=$(server_pid)
[ "$(readlink "/proc/$pid/cwd")" = / ] || fail "cwd is $(readlink "/proc/$pid/cwd")"
! tr '\0' '\n' <"/proc/$pid/environ" | grep -q SECRET_OF_BUILD || fail "the build's environment is kept"
! ls -l "/proc/$pid/fd" | grep -q 'w/held' || fail "holds the build's descriptor"
session=$(python3 -c 'import os, sys; print(os.getsid(int(sys.argv[1])))' "$pid")
[ "$session" != "$(python3 -c 'import os; print(os.getsid(0))')" ] || fail "in the build's session"
for n in 0 1 2; do
    case $(readlink "/proc/$pid/fd/$n") in /dev/null | "$T"/* | '') ;; *) fail "descriptor $n is $(readlink "/proc/$pid/fd/$n")" ;; esac
done
