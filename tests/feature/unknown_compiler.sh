#!/bin/bash
# A program that is no compiler we know runs as it is.
. "$(dirname "$0")/lib.sh"

write_code
cat >strange <<'S'
#!/bin/sh
echo "strange $*"
exit 9
S
chmod +x strange
expect_rc 9 sccache ./strange -c a.c -o x.o
expect_text "$T/out" "strange -c a.c -o x.o"
expect_stat cache_misses 0
