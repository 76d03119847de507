# What every feature script starts with: a private directory, cache and server, an environment without the user's
# settings, and assertions. The script runs in an empty directory "$T/w"; nothing stays behind.
#
#   expect_stat NAME N       a counter of `sccache -s` (a map of languages counts as its sum) is N
#   expect_same A B          two files have the same bytes; expect_differ, expect_file, expect_no_file likewise
#   expect_rc N CMD...       the command exits with N; its streams are in $T/out and $T/err
#   expect_hit CMD...        the command succeeds and is exactly one more hit; expect_miss, expect_uncached likewise
#   skip REASON              this machine cannot run the test
set -euo pipefail
shopt -s inherit_errexit

TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
NAME=$(basename "$0" .sh)

say() { echo "$NAME: $*" >&2; }
fail() {
    say "FAILED: $*"
    local frame=0 at
    while at=$(caller $frame); do
        [[ $at == *lib.sh ]] || say "  at line ${at%% *}"
        frame=$((frame + 1))
    done
    exit 1
}
skip() {
    say "SKIP: $*"
    exit 77
}
needs() {
    local program
    for program; do command -v "$program" >/dev/null || skip "$program is not installed"; done
}

# The program: $SCCACHE_BIN (ctest sets it), else the newest in a build tree.
find_sccache() {
    [ -z "${SCCACHE_BIN:-}" ] || { echo "$SCCACHE_BIN"; return; }
    local found
    found=$(ls -t "$TESTS"/../build/*/bin/sccache "$TESTS"/../build/*/src/client/sccache 2>/dev/null | head -1)
    [ -n "$found" ] || fail "no sccache is built; set SCCACHE_BIN or run tests/try"
    realpath "$found"
}
bin=$(find_sccache)
[ -x "$bin" ] || fail "$bin is not a program"

REAL_HOME=${HOME:-/}
for variable in $(compgen -e); do
    case $variable in
        PATH | TERM | SCCACHE_BIN | FEATURE_*) ;;
        ASAN_OPTIONS | UBSAN_OPTIONS | TSAN_OPTIONS) ;;  # where a sanitized server, which has no terminal, writes to
        *) unset "$variable" ;;
    esac
done
export LC_ALL=C
umask 022

# Short, because a socket's path may have 107 bytes.
T=$(mktemp -d /tmp/sccf.XXXXXX)
mkdir -m 700 "$T/home" "$T/tmp" "$T/run"
mkdir "$T/w"
export HOME=$T/home TMPDIR=$T/tmp XDG_RUNTIME_DIR=$T/run
export SCCACHE_DIR=$T/cache SCCACHE_SERVER_UDS=$T/sock SCCACHE_IDLE_TIMEOUT=60
mkdir "$T/bin"
ln -s "$bin" "$T/bin/sccache"
PATH=$T/bin:$PATH
if [ -n "${FEATURE_LOG:-}" ]; then export SCCACHE_LOG=trace SCCACHE_ERROR_LOG=$T/server.log; fi

# The pid behind a listening socket; empty when nobody listens.
server_pid() {
    python3 - "${1:-$SCCACHE_SERVER_UDS}" <<'PY'
import socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(5)
path = sys.argv[1]
try:
    s.connect("\0" + path[4:] if path.startswith("\\x00") else path)
    print(struct.unpack("3i", s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])
except OSError:
    pass
PY
}

# All servers whose environment or arguments lead into this test's directory.
servers() {
    local exe p
    find /proc -maxdepth 2 -name exe -lname '*/sccache-server*' 2>/dev/null | while read -r exe; do
        p=${exe%/exe}
        if find "$p/fd" -lname "$T/*" 2>/dev/null | grep -q . || tr '\0' ' ' 2>/dev/null <"$p/cmdline" | grep -q -- "$T/"; then
            echo "${p#/proc/}"
        fi
    done
}

cleanup() {
    local status=$? pid
    trap - EXIT INT TERM
    cd /
    if [ -n "${FEATURE_LOG:-}" ] && [ -e "$T/server.log" ]; then tail -n 200 "$T/server.log" >&2; fi
    [ "$(type -t at_end)" != function ] || at_end || true
    timeout 10 sccache --stop-server >/dev/null 2>&1 || true
    for pid in $(servers); do kill -CONT "$pid" 2>/dev/null; kill -9 "$pid" 2>/dev/null; done || true
    chmod -R u+rwX "$T" 2>/dev/null || true
    if [ -n "${FEATURE_KEEP:-}" ]; then say "kept $T"; else rm -rf "$T"; fi
    [ $status -eq 0 ] || [ $status -eq 77 ] || say "exit $status"
    exit $status
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'say "FAILED: line $LINENO: $BASH_COMMAND"' ERR
cd "$T/w"

stat_json() { sccache --show-stats --stats-format json; }

# stat_of NAME: a counter; a map of languages or reasons counts as its sum, NAME.KEY is one of its values. In plain bash:
# a script asks often, and an interpreter costs more than the question.
stat_of() {
    local json=${2:-$(stat_json)} name=${1%%.*} key= map total=0 pair
    [[ $1 != *.* ]] || key=${1#*.}
    if [[ $json =~ \"$name\":(\{\"counts\":)?\{([^{}]*)\} ]]; then
        map=${BASH_REMATCH[2]}
        while [[ $map =~ ^,?\"(([^\"\\]|\\.)*)\":([0-9]+)(.*)$ ]]; do
            pair=${BASH_REMATCH[1]}
            map=${BASH_REMATCH[4]}
            if [ -z "$key" ] || [ "$key" = "$pair" ]; then total=$((total + BASH_REMATCH[3])); fi
        done
        echo "$total"
    elif [[ $json =~ \"$name\":([0-9]+|null|true|false|\"[^\"]*\") ]]; then
        echo "${BASH_REMATCH[1]}"
    else
        fail "no counter $1 in $json"
    fi
}
expect_stat() {
    local got
    got=$(stat_of "$1")
    [ "$got" = "$2" ] || fail "$1 is $got, not $2: $(stat_json)"
}

expect_same() { cmp -- "$1" "$2" >&2 || fail "$1 and $2 differ"; }
expect_differ() { ! cmp -s -- "$1" "$2" || fail "$1 and $2 are the same"; }
expect_file() { [ -e "$1" ] || fail "$1 is missing"; }
expect_no_file() { [ ! -e "$1" ] || fail "$1 exists"; }
expect_text() { grep -q -- "$2" "$1" || fail "no '$2' in $1: $(head -c 2000 "$1")"; }
expect_no_text() { ! grep -q -- "$2" "$1" || fail "'$2' in $1: $(head -c 2000 "$1")"; }
expect_rc() {
    local want=$1 got=0
    shift
    "$@" >"$T/out" 2>"$T/err" || got=$?
    [ $got = "$want" ] || fail "exit $got, not $want, from: $* -- $(head -c 2000 "$T/out" "$T/err")"
}

# One number that tells hits, misses and the rest apart, for before and after.
counters() {
    local json
    json=$(stat_json)
    echo "$(stat_of cache_hits "$json") $(stat_of cache_misses "$json") $(stat_of compile_requests "$json")"
}
# changed_by HITS MISSES CMD...
changed_by() {
    local hits=$1 misses=$2 before after
    shift 2
    before=$(counters)
    "$@" || fail "exit $? from: $*"
    after=$(counters)
    read -r h0 m0 r0 <<<"$before"
    read -r h1 m1 r1 <<<"$after"
    if [ $((h1 - h0)) != "$hits" ] || [ $((m1 - m0)) != "$misses" ]; then
        fail "$((h1 - h0)) hits and $((m1 - m0)) misses, not $hits and $misses, from: $* -- $(stat_json)"
    fi
}
expect_hit() { changed_by 1 0 "$@"; }
expect_miss() { changed_by 0 1 "$@"; }
expect_uncached() { changed_by 0 0 "$@"; }

# The compilers installed here, of which every script tries what it can.
compilers() {
    local name
    for name in ${FEATURE_COMPILERS:-gcc clang}; do
        if command -v "$name" >/dev/null; then echo "$name"; fi
    done
}

# A file younger than the compile is not trusted; age TIME lets files look as they do in a real tree.
age() { touch -d "${2:-1 hour ago}" "$1"; sleep 0.02; }

# Some code with a header, in the current directory.
write_code() {
    printf '#define ANSWER 42\nint helper(int);\n' >h.h
    printf '#include "h.h"\n#include <stdio.h>\nint f(int x) { printf("%%d\\n", x); return x + ANSWER; }\n' >a.c
    sleep 0.02
}
