#!/bin/bash
# What a builder makes is what the compiler makes here: objects with debug information, split debug information, dependency
# files and messages, byte for byte; and it is stored, so that the next time is a hit.
. "$(dirname "$0")/farm_lib.sh"

start_scheduler
start_builder 1
use_farm
wait_for_builders 1

mkdir -p src/inc real/deep out
ln -s ../real/deep src/link
printf '#define ANSWER 42\nint helper(int);\n#define MAYBE(x) if ((x) == (x)) helper(x)\n' >src/inc/h.h
printf '#include "../inc/h.h"\n#if __has_include("only_asked.h")\n#define ASKED 1\n#else\n#define ASKED 0\n#endif\n' >real/deep/d.h
touch src/inc/only_asked.h
cat >src/a.c <<'CODE'
#include "link/d.h"
#include <stdio.h>
#include <stdlib.h>
struct s { int a[ANSWER]; };
static int asked = ASKED;
int f(int x) { struct s v; MAYBE(x); printf("%d\n", v.a[1] + asked); return x + ANSWER; }
CODE
cat >src/b.cc <<'CODE'
#include "inc/h.h"
#include <map>
#include <string>
std::map<std::string, int> g(int x) { std::map<std::string, int> m; m["a"] = x + ANSWER; return m; }
CODE
printf '#include "inc/h.h"\n.globl s\ns: .long ANSWER\n' >src/c.S
sed -i '/int helper/d; /MAYBE/d' src/inc/h.h && printf 'int helper_of(int);\n' >src/inc/k.h
printf '#ifndef __ASSEMBLER__\nint helper(int);\n#define MAYBE(x) if ((x) == (x)) helper(x)\n#endif\n' >>src/inc/h.h
mkdir src/inc2 && ln -s ../inc/only_asked.h src/inc2/ && sleep 0.05

count=0
try() {
    local file=$1 cc=$2
    shift 2
    count=$((count + 1))
    rm -rf out plain && mkdir out
    $cc "$@" -c "$file" -o out/x.o 2>plain.err
    mv out plain && mkdir out
    expect_away sccache "$cc" "$@" -c "$file" -o out/x.o 2>away.err
    (cd plain && find . -type f) | sort >plain.list
    (cd out && find . -type f) | sort >away.list
    expect_same plain.list away.list
    while read -r name; do expect_same "plain/$name" "out/$name"; done <plain.list
    expect_same plain.err away.err
    rm -rf out && mkdir out
    expect_hit sccache "$cc" "$@" -c "$file" -o out/x.o 2>hit.err
    while read -r name; do expect_same "plain/$name" "out/$name"; done <plain.list
    expect_same plain.err hit.err
}

for cc in $(compilers); do
    try src/a.c "$cc" -O0 -g -Isrc/inc
    try src/a.c "$cc" -O2 -g3 -Wall -Wextra -Isrc/inc -MD -MF out/x.d
    try src/a.c "$cc" -O2 -g -Isrc/inc -MMD -MP
    try src/a.c "$cc" -O1 -g -gsplit-dwarf -Isrc/inc -MD
    try src/a.c "$cc" -O2 -Wall -I "$PWD/src/inc"
    try src/c.S "$cc" -g -MD
done
for cxx in g++ clang++; do
    command -v $cxx >/dev/null || continue
    try src/b.cc $cxx -O2 -g -std=c++17 -MMD -MF out/x.d
    try src/b.cc $cxx -O0 -g -gsplit-dwarf
done
# -march=native goes out as what it means here.
cat >src/v.c <<'CODE'
#include <stddef.h>
#ifdef __AVX2__
int width = 32;
#else
int width = 16;
#endif
void add(float *restrict a, const float *restrict b, size_t n) { for (size_t i = 0; i < n; i++) a[i] += b[i] * 3.0f; }
unsigned bits(unsigned long x) { return __builtin_popcountl(x); }
CODE
sleep 0.05
case $(uname -m) in
x86_64 | i?86)
    for cc in $(compilers); do
        try src/v.c "$cc" -O3 -march=native
        try src/v.c "$cc" -O3 -march=native -mno-avx2 -MD
        try src/v.c "$cc" -O3 -mno-avx -march=native -mtune=generic
        try src/v.c "$cc" -O3 -march=x86-64 -mtune=native
        case $cc in *clang*) try src/v.c "$cc" -O2 -g -march=native -mtune=native ;; *) try src/v.c "$cc" -O2 -g -gno-record-gcc-switches -march=native ;; esac
    done
    if grep -q 'march=native' "$T/builder1.log"; then fail "the builder got -march=native"; fi
    if command -v gcc >/dev/null; then  # the spelling is in the debug information: it stays
        gcc -O2 -g -march=native -c src/v.c -o plain.o
        sccache gcc -O2 -g -march=native -c src/v.c -o here.o
        expect_same plain.o here.o
    fi
    ;;
esac
expect_stat dist_errors 0
expect_stat dist_compiles $count
expect_no_file .sccache-inputs.d
farm_status | grep -q '"SchedulerStatus":\["http://'"$SCHEDULER"'/",{"num_servers":1,' || fail "status: $(farm_status)"
